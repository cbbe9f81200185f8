"""IFEval's kinds on length: words, sentences, paragraphs."""

from __future__ import annotations

import re
from typing import Any

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.parameters import (
    Reads,
    Sentence,
    Worded,
    compared,
    count,
    exactly,
    one_word,
    relation,
)
from rlvr_gym.verifiers.instructions.views import has_word, paragraphs, sentences, words

_OFFICIAL_WORD = re.compile(r"\w++")
_OFFICIAL_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_ENDS_FIRST_WORD = frozenset(".,?!'\"")


def _words(response: str, parameters: Parameters) -> Outcome:
    return compared(len(words(response)), parameters["relation"], parameters["num_words"], "words")


def _words_official(response: str, parameters: Parameters) -> Outcome:
    found = sum(1 for _ in _OFFICIAL_WORD.finditer(response))
    return compared(found, parameters["relation"], parameters["num_words"], "words")


def _sentences(response: str, parameters: Parameters) -> Outcome:
    return compared(len(sentences(response)), parameters["relation"], parameters["num_sentences"], "sentences")


def divided(response: str) -> list[str]:
    """The parts between lines that hold `***` and nothing else; empty ones at both ends are left out.

    Example:
        >>> divided("one\\n***\\ntwo ***bold***\\n***\\n")
        ['one', 'two ***bold***']
    """
    parts: list[list[str]] = [[]]
    for line in response.split("\n"):
        if line.strip() == "***":
            parts.append([])
        else:
            parts[-1].append(line)
    found = ["\n".join(part).strip() for part in parts]
    if found and not found[0]:
        found = found[1:]
    return found[:-1] if found and not found[-1] else found


def _paragraphs(response: str, parameters: Parameters) -> Outcome:
    parts = divided(response)
    if not all(map(has_word, parts)):
        return Outcome(False, "found a paragraph without a word")
    return exactly(len(parts), parameters["num_paragraphs"], "paragraphs")


def _paragraphs_official(response: str, parameters: Parameters) -> Outcome:
    parts = _OFFICIAL_DIVIDER.split(response)
    if not all(part.strip() for part in parts[1:-1]):
        return Outcome(False, "found an empty paragraph")
    found = len(parts) - sum(not part.strip() for part in (parts[:1] + parts[1:][-1:]))
    return exactly(found, parameters["num_paragraphs"], "paragraphs")


def _read_nth(given: Parameters) -> dict[str, Any]:
    found = _NTH(given)
    if found["nth_paragraph"] > found["num_paragraphs"]:
        raise ValueError("the parameter 'nth_paragraph' must be at most 'num_paragraphs'")
    return found


_NTH = Reads({"num_paragraphs": count, "nth_paragraph": count, "first_word": one_word})


def _nth(response: str, parameters: Parameters) -> Outcome:
    blocks = [block for block in paragraphs(response) if has_word(block)]
    if len(blocks) != parameters["num_paragraphs"]:
        return exactly(len(blocks), parameters["num_paragraphs"], "paragraphs")
    first, wanted = words(blocks[parameters["nth_paragraph"] - 1])[:1], words(parameters["first_word"])
    start = [word.lower() for word in words(blocks[parameters["nth_paragraph"] - 1])[: len(wanted)]]
    kept = bool(wanted) and start == [word.lower() for word in wanted]
    return Outcome(kept, f"paragraph {parameters['nth_paragraph']} begins with {first[0]!r}")


def _nth_official(response: str, parameters: Parameters) -> Outcome:
    parts, number = response.split("\n\n"), parameters["nth_paragraph"]
    total = sum(1 for part in parts if part.strip())
    chosen = parts[number - 1].strip() if number <= total else ""
    if not chosen:
        return Outcome(False, f"found {total} paragraphs, and none at place {number}")
    first = ""
    for char in chosen.split()[0].lstrip("'").lstrip('"'):
        if char in _ENDS_FIRST_WORD:
            break
        first += char.lower()
    kept = total == parameters["num_paragraphs"] and first == parameters["first_word"].lower()
    return Outcome(kept, f"found {total} paragraphs, the one at place {number} begins with {first!r}")


LENGTHS = (
    Instruction(
        "length_constraints:number_words",
        Reads({"num_words": count, "relation": relation}),
        Sentence("Use {relation} {num_words} words."),
        Worded(_words),
        _words_official,
        (
            "An apostrophe separates words and an underscore joins them.",
            "A Chinese or Japanese text without punctuation is one word.",
            "A response without any word has fewer than any number of words and passes.",
        ),
    ),
    Instruction(
        "length_constraints:number_sentences",
        Reads({"num_sentences": count, "relation": relation}),
        Sentence("Use {relation} {num_sentences} sentences."),
        Worded(_sentences),
        _sentences,
        ("Sentences are cut by a model that is downloaded, and list items without a full stop run together.",),
        exact=False,
    ),
    Instruction(
        "length_constraints:number_paragraphs",
        Reads({"num_paragraphs": count}),
        Sentence("Write {num_paragraphs} paragraphs, and between them a line with *** alone."),
        Worded(_paragraphs),
        _paragraphs_official,
        (
            "Every `***` separates, also that of bold italics within a line.",
            "A paragraph may hold no word.",
        ),
    ),
    Instruction(
        "length_constraints:nth_paragraph_first_word",
        _read_nth,
        Sentence(
            "Write {num_paragraphs} paragraphs with a blank line between them, and begin paragraph {nth_paragraph} "
            "with the word '{first_word}'."
        ),
        Worded(_nth),
        _nth_official,
        (
            "The paragraph is looked up in a list that holds empty ones too, so that two blank lines shift it.",
            "A word ends at an apostrophe, and one that begins with a mark of Markdown is another word.",
        ),
    ),
)
