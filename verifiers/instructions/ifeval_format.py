"""IFEval's kinds on format and content: lists, highlights, sections, titles, JSON, fixed answers, placeholders."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, Worded, compared, count, exactly, text
from rlvr_gym.verifiers.instructions.views import bullets, has_word, without_code, words
from rlvr_gym.verifiers.strict_json import Malformed, read_json, skip_blank

ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")

_HIGHLIGHT = re.compile(r"(?<!\*)(\*{1,3})([^\s*][^*\n]*+)\1(?!\*)")
_TITLE = re.compile(r"<<([^<>\n]*+)>>")
_PLACEHOLDER = re.compile(r"\[([^\[\]\n]*+)\](?!\()")
_FENCED = re.compile(r"```(?:json)?[ \t]*+\n(.*)\n[ \t]*+```", re.DOTALL | re.IGNORECASE)
_UNBOUNDED = frozenset("*+?{|(")
_MARKUP = r"[ \t]*+#{0,6}+[ \t]*+[*_]{0,3}+"


def _bullets(response: str, parameters: Parameters) -> Outcome:
    return exactly(len(bullets(response)), parameters["num_bullets"], "list items")


def _bullets_official(response: str, parameters: Parameters) -> Outcome:
    """As the official patterns count, in linear time.

    They read `*` and then any character but another `*`, which may be the newline: an empty item takes the next line
    into its match.
    """
    stars = dashes = 0
    rows = response.split("\n")
    at = 0
    while at < len(rows):
        row = rows[at].lstrip()
        if row.startswith("-"):
            dashes += 1
        if row.startswith("*") and row[1:2] != "*":
            if len(row) > 1:
                stars += 1
            elif at + 1 < len(rows):
                stars += 1
                dashes += rows[at + 1].lstrip().startswith("-")
                at += 1
        at += 1
    return exactly(stars + dashes, parameters["num_bullets"], "list items")


def _sentence_like(response: str) -> str:
    return " ".join(response.split()).strip("*_\"'“” ")


def _constrained(response: str, parameters: Parameters) -> Outcome:
    kept = _sentence_like(response) in ANSWERS
    return Outcome(kept, "one of the answers" if kept else "something else than one of the three answers")


def _constrained_official(response: str, parameters: Parameters) -> Outcome:
    kept = any(answer in response for answer in ANSWERS)
    return Outcome(kept, "one of the answers occurs" if kept else "none of the three answers occurs")


def _highlights(response: str, parameters: Parameters) -> Outcome:
    spans = [match[2] for match in _HIGHLIGHT.finditer(without_code(response))]
    found = sum(has_word(span) and not span[-1].isspace() for span in spans)
    return compared(found, "at least", parameters["num_highlights"], "highlights")


def _highlights_official(response: str, parameters: Parameters) -> Outcome:
    single = re.findall(r"\*[^\n*]*+\*", response)
    double = re.findall(r"\*\*[^\n*]*+\*\*", response)
    found = sum(bool(span.strip("*").strip()) for span in single)
    found += sum(bool(span.removeprefix("**").removesuffix("**").strip()) for span in double)
    return compared(found, "at least", parameters["num_highlights"], "highlights")


@lru_cache(maxsize=1024)
def _section(word: str) -> re.Pattern[str]:
    name = r"[ \t]+".join(map(re.escape, word.split()))
    return re.compile(rf"^{_MARKUP}{name}[ \t]*+(\d{{1,6}}+)(?!\w)", re.MULTILINE | re.IGNORECASE)


@lru_cache(maxsize=1024)
def _section_official(word: str) -> re.Pattern[str]:
    pieces = word if _UNBOUNDED.isdisjoint(word) else re.escape(word)
    try:
        return re.compile(rf"\s?{pieces}\s?\d++\s?")
    except re.error:
        return re.compile(rf"\s?{re.escape(pieces)}\s?\d++\s?")


def _sections(response: str, parameters: Parameters) -> Outcome:
    heads = list(_section(parameters["section_spliter"]).finditer(response))
    numbers = [int(head[1]) for head in heads]
    ends = [*(head.start() for head in heads[1:]), *([len(response)] if heads else [])]
    if numbers != list(range(1, len(numbers) + 1)):
        return Outcome(False, f"found sections numbered {numbers[:9]}, needed 1, 2, and so on")
    if not all(has_word(response[head.end() : end]) for head, end in zip(heads, ends, strict=True)):
        return Outcome(False, "found a section without a word")
    return exactly(len(heads), parameters["num_sections"], "sections")


def _sections_official(response: str, parameters: Parameters) -> Outcome:
    found = sum(1 for _ in _section_official(parameters["section_spliter"]).finditer(response))
    return compared(found, "at least", parameters["num_sections"], "sections")


def _json(response: str, parameters: Parameters) -> Outcome:
    whole = response.strip()
    fenced = _FENCED.fullmatch(whole)
    body = fenced[1] if fenced else whole
    try:
        value, end = read_json(body)
    except Malformed as error:
        return Outcome(False, f"not JSON: {error}")
    if skip_blank(body, end) < len(body):
        return Outcome(False, "text follows the JSON")
    if not isinstance(value, dict | list) or not value:
        return Outcome(False, "the JSON must be an object or a list with something in it")
    return Outcome(True, "the whole response is JSON")


def _json_official(response: str, parameters: Parameters) -> Outcome:
    body = response.strip()
    for mark in ("```json", "```Json", "```JSON", "```"):
        body = body.removeprefix(mark)
    try:
        json.loads(body.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return Outcome(False, "not JSON")
    return Outcome(True, "the whole response is JSON")


def _title(response: str, parameters: Parameters) -> Outcome:
    if not any(has_word(match[1]) for match in _TITLE.finditer(response)):
        return Outcome(False, "found no title in << >>")
    kept = has_word(_TITLE.sub(" ", response))
    return Outcome(kept, "found a title" if kept else "found nothing but a title")


def _title_official(response: str, parameters: Parameters) -> Outcome:
    for line in response.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if start >= 0 and start + 3 <= end and line[start : end + 2].lstrip("<").rstrip(">").strip():
            return Outcome(True, "found a title")
    return Outcome(False, "found no title in << >>")


def _placeholders(response: str, parameters: Parameters) -> Outcome:
    found = sum(any(map(str.isalpha, match[1])) for match in _PLACEHOLDER.finditer(response))
    return compared(found, "at least", parameters["num_placeholders"], "placeholders")


def _placeholders_official(response: str, parameters: Parameters) -> Outcome:
    found = 0
    for line in response.split("\n"):
        at = line.find("[")
        while at >= 0 and (end := line.find("]", at)) >= 0:
            found += 1
            at = line.find("[", end)
    return compared(found, "at least", parameters["num_placeholders"], "placeholders")


@lru_cache(maxsize=256)
def _postscript_start(marker: str) -> re.Pattern[str]:
    pieces = [re.escape(char) for char in marker if not char.isspace()]
    return re.compile(rf"^{_MARKUP}" + r"[ \t]?+".join(pieces), re.MULTILINE | re.IGNORECASE)


def _postscript(response: str, parameters: Parameters) -> Outcome:
    marker = parameters["postscript_marker"]
    starts = [match.span() for match in _postscript_start(marker).finditer(response)]
    if not starts:
        return Outcome(False, f"no line begins with {marker!r}")
    begin, end = starts[-1]
    before, after = len(words(response[:begin])), len(words(response[end:]))
    if not before or not after:
        return Outcome(False, "the postscript must say something, after something else")
    kept = after <= before
    return Outcome(kept, "found a postscript" if kept else "the postscript is longer than the text before it")


def _postscript_official(response: str, parameters: Parameters) -> Outcome:
    marker = parameters["postscript_marker"]
    if marker in _POSTSCRIPTS:
        kept = _POSTSCRIPTS[marker].search(response.lower()) is not None
    else:
        kept = marker.lower() in response.lower()
    return Outcome(kept, "found a postscript" if kept else f"found no {marker!r}")


_POSTSCRIPTS = {"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")}

FORMATS = (
    Instruction(
        "detectable_format:number_bullet_lists",
        Reads({"num_bullets": count}),
        Sentence("Write a list of exactly {num_bullets} items, each on a line that begins with * and a blank."),
        Worded(_bullets),
        _bullets_official,
        (
            "Dividers such as `---`, negative numbers and lines that begin with `*italics*` count as items.",
            "An item may be empty.",
        ),
    ),
    Instruction(
        "detectable_format:constrained_response",
        Reads(),
        Sentence("Answer with one of these sentences and nothing else: " + " / ".join(ANSWERS)),
        Worded(_constrained),
        _constrained_official,
        ("The sentence may stand anywhere in the response, and all three of them together pass.",),
    ),
    Instruction(
        "detectable_format:number_highlighted_sections",
        Reads({"num_highlights": count}),
        Sentence("Highlight at least {num_highlights} passages, as in *this one*."),
        Worded(_highlights),
        _highlights_official,
        (
            "A passage in `***` counts twice.",
            "What stands between the stars of two list items on one line, or between any two stars, counts.",
        ),
    ),
    Instruction(
        "detectable_format:multiple_sections",
        Reads({"section_spliter": text, "num_sections": count}),
        Sentence(
            "Write {num_sections} sections, and begin each with a line '{section_spliter} 1', '{section_spliter} 2', "
            "and so on."
        ),
        Worded(_sections),
        _sections_official,
        (
            "More sections than asked for pass, with any numbers, anywhere in a line, and without content.",
            "The word before the number is a regular expression.",
        ),
    ),
    Instruction(
        "detectable_format:json_format",
        Reads(),
        Sentence("Give the whole response as JSON, an object or a list; a fence around it is allowed."),
        Worded(_json),
        _json_official,
        ("A single number or word is JSON, and so is `NaN`, and a key may occur twice.",),
    ),
    Instruction(
        "detectable_format:title",
        Reads(),
        Sentence("Give the response a title in double angular brackets, as in <<a title>>."),
        Worded(_title),
        _title_official,
        ("Any character between the brackets is a title, and nothing besides is needed.",),
    ),
    Instruction(
        "detectable_content:number_placeholders",
        Reads({"num_placeholders": count}),
        Sentence("Use at least {num_placeholders} placeholders in square brackets, as in [address]."),
        Worded(_placeholders),
        _placeholders_official,
        ("Links, check boxes, footnotes such as `[1]` and an empty `[]` count as placeholders.",),
    ),
    Instruction(
        "detectable_content:postscript",
        Reads({"postscript_marker": text}),
        Sentence("End with a postscript on a line of its own that begins with {postscript_marker}"),
        Worded(_postscript),
        _postscript_official,
        ("The marker may stand anywhere, with nothing after it.",),
    ),
)
