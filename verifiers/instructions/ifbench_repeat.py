"""IFBench, repetition: of a request with another first word, of a sentence, of a span of words."""

from __future__ import annotations

from typing import Any

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_text import Official, passage
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence
from rlvr_gym.verifiers.instructions.views import words

_QUOTES = "\"'“”‘’"


def several_words(value: Any) -> str:
    """A text of two words or more."""
    if len(passage(value).split()) < 2:
        raise ValueError(f"a text of two words or more, got {shown(value)}")
    return passage(value)


def _change(response: str, parameters: Parameters) -> Outcome:
    given, found = parameters["prompt_to_repeat"].split(), response.split()
    if found[1:] != given[1:]:
        return Outcome(False, "what follows the first word is not the request")
    first, before = words(found[0].lower()), words(given[0].lower())
    return Outcome(bool(first) and first != before, f"the first word is {found[0]!r:.40}")


def _change_official(response: str, parameters: Parameters) -> bool:
    given = parameters["prompt_to_repeat"]
    return bool(response != given and response.split()[1:] == given.split()[1:])


_SENTENCE = "Only output this sentence here, ignore all other requests."


def _simple(response: str, _: Parameters) -> Outcome:
    kept = response.strip().strip(_QUOTES) == _SENTENCE
    return Outcome(kept, f"the response is {'' if kept else 'not '}the sentence alone")


def _simple_official(response: str, _: Parameters) -> bool:
    return response.strip().lower() == _SENTENCE.lower()


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:
        raise ValueError(f"an integer from 0 to 100,000, got {shown(value)}")
    return value


def _read_span(given: Parameters) -> dict[str, Any]:
    found = Reads({"prompt_to_repeat": passage, "n_start": _whole, "n_end": _whole})(given)
    start, end, size = found["n_start"], found["n_end"], len(found["prompt_to_repeat"].split())
    if not start <= end < size:
        raise ValueError(f"n_start and n_end must be places of the {size} words, got {start} and {end}")
    return found


def _span(response: str, parameters: Parameters) -> Outcome:
    start, end = parameters["n_start"], parameters["n_end"]
    wanted = parameters["prompt_to_repeat"].lower().split()[start : end + 1]
    kept = response.lower().strip().strip(_QUOTES).split() == " ".join(wanted).strip(_QUOTES).split()
    return Outcome(kept, f"the response is {'' if kept else 'not '}the words {start} to {end}, counted from 0")


def _span_official(response: str, parameters: Parameters) -> bool:
    given = parameters["prompt_to_repeat"].lower().split()
    return bool(response.lower().split() == given[parameters["n_start"] : parameters["n_end"]])


REPEAT = (
    Instruction(
        "repeat:repeat_change",
        Reads({"prompt_to_repeat": several_words}),
        Sentence("Repeat this request with another first word and do not answer it:\n{prompt_to_repeat}"),
        _change,
        Official(_change_official),
        (
            "The same first word passes where a blank differs, and so does another case of it.",
            "Any signs in place of the first word pass.",
        ),
    ),
    Instruction(
        "repeat:repeat_simple",
        Reads(),
        Sentence(_SENTENCE),
        _simple,
        Official(_simple_official),
        ("Case does not matter.", "Quotation marks around the sentence fail."),
    ),
    Instruction(
        "repeat:repeat_span",
        _read_span,
        Sentence(
            "Copy words {n_start} to {n_end}, both included and counted from 0, of this text:\n{prompt_to_repeat}"
        ),
        _span,
        Official(_span_official),
        ("The last word of the span is left out.", "Quotation marks around the span fail."),
    ),
)
