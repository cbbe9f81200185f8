"""IFBench, layout: quotes with explanations, lists, sections, sub-bullets, title case, a template, no whitespace."""

from __future__ import annotations

import re

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_tables import MINOR_WORDS
from rlvr_gym.verifiers.instructions.ifbench_text import (
    Content,
    Official,
    first_fault,
    official_sentences,
    official_tokens,
)
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, compared, text
from rlvr_gym.verifiers.instructions.views import has_word, is_rule, lines, sentences, words

# --- quote_unquote ------------------------------------------------------------------------------------------------

_STRAIGHT = str.maketrans("“”", '""')
_EXPLANATION = 3
_NO_END = "0123456789!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def _explained(response: str, _: Parameters) -> Outcome:
    pieces = response.translate(_STRAIGHT).split('"')
    quoted, after = pieces[1::2], pieces[2::2]
    if len(pieces) % 2 == 0 or not any(map(has_word, quoted)):
        return Outcome(False, "needed at least one quote in double quotation marks, each of them closed")
    pairs = zip(quoted, after, strict=True)
    alone = [quote for quote, rest in pairs if has_word(quote) and len(words(rest)) < _EXPLANATION]
    return first_fault(alone, f"quotes without {_EXPLANATION} words after them")


def _explained_official(response: str, _: Parameters) -> bool:
    found = "".join(response.translate(_STRAIGHT).replace("'\"'", "").split())
    return '""' not in found and found.strip(_NO_END)[-1:] not in ("", '"')


# --- list ---------------------------------------------------------------------------------------------------------

_BULLETS = ("- ", "* ", "• ", "+ ")


def _marked_list(response: str, parameters: Parameters) -> Outcome:
    mark = parameters["sep"]
    found = lines(response)
    others = [line for line in found if line.startswith(_BULLETS) and not line.startswith(mark)]
    if others:
        return first_fault(others, "lines with another bullet")
    items = sum(line.startswith(mark) and has_word(line[len(mark) :]) for line in found)
    return compared(items, "at least", 2, f"lines that begin with {mark!r:.20} and hold an item")


def _marked_list_official(response: str, parameters: Parameters) -> bool:
    return response.count(parameters["sep"]) >= 2


# --- thesis -------------------------------------------------------------------------------------------------------

_HEADING = re.compile(r"#{1,6}\s|<h[1-6]\b|\*\*[^*]+\*\*:?$")
_THESIS = re.compile(r"<(?:p|div)>\s*+")
_THESIS_WORDS = 3


def _sections(response: str) -> list[str]:
    """What stands between headings or dividers; a heading with nothing before the next one titles no section."""
    found: list[list[str]] = [[]]
    for line in lines(response):
        if _HEADING.match(line) or is_rule(line):
            found.append([])
        else:
            found[-1].append(line)
    return [body for inside in found if has_word(body := "\n".join(inside))]


def _italic_end(section: str) -> int:
    """Where the thesis at the beginning of a section ends; -1 where there is none."""
    opening = _THESIS.match(section)
    start = opening.end() if opening else 0
    for tag in ("i", "em"):
        if section.startswith(f"<{tag}>", start):
            end = section.find(f"</{tag}>", start)
            inside = section[start + len(tag) + 2 : end] if end >= 0 else ""
            return end + len(tag) + 3 if len(words(inside)) >= _THESIS_WORDS else -1
    return -1


def _theses(response: str, _: Parameters) -> Outcome:
    found = _sections(response)
    ends = [_italic_end(section) for section in found]
    without = [section for section, end in zip(found, ends, strict=True) if end < 0 or not has_word(section[end:])]
    return first_fault(without, "sections without a thesis in <i> or <em> at their beginning and text after it")


def _theses_official(response: str, _: Parameters) -> bool:
    start = response.find("<i>")
    start = start if start >= 0 else response.find("<em>")
    rest = response[start:] if start >= 0 else ""
    end = rest.find("</i>")
    end = end if end >= 0 else rest.find("</em>")
    return end >= 0 and rest[3:end].strip() != "" and rest[end + 4 :].strip() != ""


# --- sub-bullets and no_bullets_bullets ---------------------------------------------------------------------------


def _is_item(line: str, mark: str) -> bool:
    return line.startswith(mark) and line[1:2].isspace() and has_word(line)


def _sub_bullets(response: str, _: Parameters) -> Outcome:
    found: list[int] = []
    for line in lines(response):
        if _is_item(line, "*"):
            found.append(0)
        elif found and _is_item(line, "-"):
            found[-1] += 1
    bare_items = found.count(0)
    return Outcome(bool(found) and not bare_items, f"found {len(found)} bullets, {bare_items} without a sub-bullet")


def _sub_bullets_official(response: str, _: Parameters) -> bool:
    return all("-" in piece for piece in response.split("*")[1:])


def _then_bullets(response: str, _: Parameters) -> Outcome:
    found = lines(response)
    first = next((place for place, line in enumerate(found) if _is_item(line, "*")), len(found))
    before = [sentence for sentence in sentences("\n".join(found[:first])) if sentence.rstrip("\"'”’)_*").endswith(".")]
    if len(before) < 2:
        return compared(len(before), "at least", 2, "sentences with a period before the bullets")
    others = [line for line in found[first:] if not _is_item(line, "*")]
    if others:
        return first_fault(others, "lines after the first bullet that are none")
    return compared(len(found) - first, "at least", 2, "bullets")


def _then_bullets_official(response: str, _: Parameters) -> bool:
    before = items = 0
    goes_on = True  # until the first bullet, or a line without a sentence
    for line in response.split("\n"):
        if line.strip().startswith("*"):
            goes_on = False
            items += 1
            if before < 2:
                return False
        elif goes_on:
            found = official_sentences(line.strip())
            goes_on = bool(found)
            before += len(found)
        else:
            return False
    return items >= 2


# --- title_case ---------------------------------------------------------------------------------------------------


def _title_case(response: str, _: Parameters) -> Outcome:
    wrong, shouted, long = [], 0, 0
    for line in lines(response):
        found = [word for token in line.split() if (word := token.strip("\"'“”‘’()[]{}*_.,;:!?…#-–—`"))]
        for place, word in enumerate(found):
            minor = word in MINOR_WORDS and 0 < place < len(found) - 1
            if word[0].islower() and not minor and not any(map(str.isupper, word[1:])):
                wrong.append(word)
            long += len(word) > 1 and word.isalpha()
            shouted += len(word) > 1 and word.isalpha() and word.isupper()
    if shouted * 2 > long:
        return Outcome(False, f"{shouted} of {long} words are in capitals throughout")
    return first_fault(wrong, "words without a capital")


def _title_case_official(response: str, _: Parameters) -> bool:
    return not any(
        token[0].islower() and (token[1:].islower() or token[1:].isupper()) for token in official_tokens(response)
    )


# --- output_template ----------------------------------------------------------------------------------------------

_LABELS = ("My Answer:", "My Conclusion:", "Future Outlook:")
_PLACEHOLDERS = ("[answer]", "[conclusion]", "[outlook]")


def _template(response: str, _: Parameters) -> Outcome:
    plain = response.replace("*", "").replace("#", "").replace("_", " ")
    places = [plain.find(label) for label in _LABELS]
    if min(places) < 0 or any(plain.count(label) != 1 for label in _LABELS):
        return Outcome(False, f"needed each of {', '.join(_LABELS)} exactly once")
    if places != sorted(places) or plain[: places[0]].strip():
        return Outcome(False, f"needed {_LABELS[0]} at the beginning, then {_LABELS[1]}, then {_LABELS[2]}")
    ends = [*places[1:], len(plain)]
    filled = [plain[start + len(label) : end] for start, end, label in zip(places, ends, _LABELS, strict=True)]
    empty = [
        label
        for label, inside, slot in zip(_LABELS, filled, _PLACEHOLDERS, strict=True)
        if not has_word(inside.replace(slot, ""))
    ]
    return first_fault(empty, "parts with nothing in them")


def _template_official(response: str, _: Parameters) -> bool:
    return all(label in response for label in _LABELS)


# --- no_whitespace ------------------------------------------------------------------------------------------------

_INVISIBLE = frozenset("\u00ad\u180e\u200b\u200c\u2060\u2800\u3164\uffa0\ufeff")


def _no_whitespace(response: str, _: Parameters) -> Outcome:
    if not has_word(response):
        return Outcome(False, "there is no letter or digit")
    found = sum(char.isspace() or char in _INVISIBLE for char in response)
    return Outcome(not found, f"found {found} characters of whitespace")


def _no_whitespace_official(response: str, _: Parameters) -> bool:
    return not any(map(str.isspace, response))


LAYOUT = (
    Instruction(
        "format:quote_unquote",
        Reads(),
        Sentence("Let an explanation without quotation marks follow every quote in double quotation marks."),
        Content(_explained),
        Official(_explained_official),
        (
            "A response without a quote passes.",
            "A single letter between two quotes is explanation enough, and so is punctuation.",
            "A response of nothing but digits and marks fails as if it ended in a quote.",
        ),
    ),
    Instruction(
        "format:list",
        Reads({"sep": text}),
        Sentence("Answer with a list of items, each on a line that begins with {sep} in place of a bullet."),
        Content(_marked_list),
        Official(_marked_list_official),
        (
            "The mark counts anywhere: twice in one line, or as a hyphen inside words.",
            "Other bullets are not looked for.",
        ),
    ),
    Instruction(
        "format:thesis",
        Reads(),
        Sentence("Begin each section with a thesis statement in italics, by the HTML tags <i> or <em>."),
        Content(_theses),
        Official(_theses_official),
        (
            "One thesis anywhere is enough for all sections.",
            "Of `<em>` the last character is taken for the thesis, so that an empty one passes.",
            "`<i>` may be closed by `</em>`.",
        ),
    ),
    Instruction(
        "format:sub-bullets",
        Reads(),
        Sentence("Use bullets that begin with *, each with at least one sub-bullet that begins with -."),
        Content(_sub_bullets),
        Official(_sub_bullets_official),
        (
            "A response without bullets passes.",
            "Any hyphen is a sub-bullet: `well-known`.",
            "Any asterisk is a bullet, also one of `**bold**`.",
        ),
    ),
    Instruction(
        "format:no_bullets_bullets",
        Reads(),
        Sentence("Write at least two sentences that end in a period, then at least two bullets that begin with *."),
        Content(_then_bullets),
        Official(_then_bullets_official),
        (
            "A blank line between the sentences and the bullets fails if another line without a bullet follows it.",
            "Sentences need no period, and bullets no text.",
            "Lines of bold text are bullets.",
        ),
    ),
    Instruction(
        "format:title_case",
        Reads(),
        Sentence("Write the whole response in title case: each major word with a capital."),
        Content(_title_case),
        Official(_title_case_official),
        (
            "Minor words such as `of` need a capital too.",
            "Words in capitals throughout pass, and so does a single small letter.",
        ),
    ),
    Instruction(
        "format:output_template",
        Reads(),
        Sentence("Use this template: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]"),
        Content(_template),
        Official(_template_official),
        ("The three labels may stand in any order, with nothing after them and text before them.",),
    ),
    Instruction(
        "format:no_whitespace",
        Reads(),
        Sentence("Use no whitespace at all."),
        _no_whitespace,
        Official(_no_whitespace_official),
        ("Invisible characters that part words are none.", "Punctuation alone passes."),
    ),
)
