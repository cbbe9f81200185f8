"""IFEval's kinds on the response as a whole: two answers, the repeated prompt, how it ends, quotation marks."""

from __future__ import annotations

import re
from collections import Counter

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, Worded, text
from rlvr_gym.verifiers.instructions.views import has_word, words

_STARS = re.compile(r"\*{6,}+")
_SAME = 0.9  # of the words of two answers that are one
_MARKS = " \t\n\"'“”’*_)"
_ANSWER_WORDS = 3


def _two(response: str, parameters: Parameters) -> Outcome:
    dividers = list(_STARS.finditer(response))
    if len(dividers) != 1 or len(dividers[0][0]) != 6:
        return Outcome(False, f"found {len(dividers)} dividers of six stars or more, needed one of six")
    first, second = ([word.lower() for word in words(part)] for part in response.split("******"))
    if not first or not second:
        return Outcome(False, "one of the two responses holds no word")
    shared = (Counter(first) & Counter(second)).total()
    if first == second or shared >= _SAME * max(len(first), len(second)):
        return Outcome(False, "the two responses are the same but for a few words")
    return Outcome(True, "found two different responses")


def _two_official(response: str, parameters: Parameters) -> Outcome:
    parts = response.split("******")
    if not all(part.strip() for part in parts[1:-1]):
        return Outcome(False, "one of the responses is empty")
    found = [part.strip() for part in parts if part.strip()]
    return Outcome(len(found) == 2 and found[0] != found[1], f"found {len(found)} responses, needed 2 different ones")


def _repeat(response: str, parameters: Parameters) -> Outcome:
    given, wanted = response.split(), parameters["prompt_to_repeat"].split()
    if given[: len(wanted)] != wanted:
        return Outcome(False, "the response does not begin with the request, word for word")
    answer = [word.lower() for word in words(" ".join(given[len(wanted) :]))]
    if len(answer) < _ANSWER_WORDS or answer == [word.lower() for word in words(" ".join(wanted))]:
        return Outcome(False, "no answer follows the request")
    return Outcome(True, "the request is repeated, and an answer follows")


def _repeat_official(response: str, parameters: Parameters) -> Outcome:
    kept = response.strip().lower().startswith(parameters["prompt_to_repeat"].strip().lower())
    return Outcome(kept, "the request is repeated" if kept else "the response does not begin with the request")


def _end(response: str, parameters: Parameters) -> Outcome:
    phrase = " ".join(parameters["end_phrase"].lower().split())
    whole = " ".join(response.lower().split())
    for ending in (whole, whole.rstrip(_MARKS)):
        before = ending.removesuffix(phrase)
        if len(before) < len(ending) and (not before or not (before[-1].isalnum() and phrase[0].isalnum())):
            kept = has_word(before)
            return Outcome(kept, "the response ends so" if kept else "there is nothing but the ending")
    return Outcome(False, f"the response ends with {response.strip()[-30:]!r}")


def _end_official(response: str, parameters: Parameters) -> Outcome:
    kept = response.strip().strip('"').lower().endswith(parameters["end_phrase"].strip().lower())
    return Outcome(kept, "the response ends so" if kept else f"the response ends with {response.strip()[-30:]!r}")


def _quotation(response: str, parameters: Parameters) -> Outcome:
    whole = response.strip()
    pair = (whole[:1], whole[-1:])
    if len(whole) < 3 or pair not in (('"', '"'), ("“", "”")):
        return Outcome(False, "the response does not begin and end with double quotation marks")
    inner = whole[1:-1]
    if not has_word(inner):
        return Outcome(False, "nothing stands between the quotation marks")
    kept = not _closed_early(inner, *pair)
    return Outcome(kept, "wrapped in quotation marks" if kept else "the first quotation mark is closed before the end")


def _closed_early(inner: str, opening: str, closing: str) -> bool:
    """Whether the mark before this text is closed within it."""
    depth, last = 1, len(inner) - 1
    for at, char in enumerate(inner):
        if char not in (opening, closing):
            continue
        opens = char == opening
        if opening == closing:  # straight marks: what follows a blank or a bracket opens, all else closes
            opens = (at == 0 or inner[at - 1].isspace() or inner[at - 1] in "([{*_-—") and at < last
        depth += 1 if opens else -1
        if not depth:
            return True
    return False


def _quotation_official(response: str, parameters: Parameters) -> Outcome:
    whole = response.strip()
    kept = len(whole) > 1 and whole[0] == '"' and whole[-1] == '"'
    return Outcome(kept, "wrapped in quotation marks" if kept else "not wrapped in quotation marks")


WHOLES = (
    Instruction(
        "combination:two_responses",
        Reads(),
        Sentence("Give two different responses, with six stars between them: ******"),
        Worded(_two),
        _two_official,
        ("Two responses that differ in one character are different.", "More than six stars are read as a divider too."),
    ),
    Instruction(
        "combination:repeat_prompt",
        Reads({"prompt_to_repeat": text}),
        Sentence("First repeat the following request word for word, then answer it: {prompt_to_repeat}"),
        Worded(_repeat),
        _repeat_official,
        ("No answer has to follow.", "The case of letters may change."),
    ),
    Instruction(
        "startend:end_checker",
        Reads({"end_phrase": text}),
        Sentence("End the response with exactly this phrase: {end_phrase}"),
        Worded(_end),
        _end_official,
        ("The phrase alone is a response.", "A phrase may begin within a word."),
    ),
    Instruction(
        "startend:quotation",
        Reads(),
        Sentence("Wrap the whole response in double quotation marks."),
        Worded(_quotation),
        _quotation_official,
        (
            "Nothing has to stand between the marks.",
            "A response that begins with one quotation and ends with another passes.",
            "Typographic marks are none.",
        ),
    ),
)
