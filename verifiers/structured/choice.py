"""`choice@1`: one option of several, all right options of several, or one option for each of several questions.

What is declared must be a choice and nothing else: a letter, the text of an option, or both where they agree. Several
letters in the place of one are ambiguous, letters in words are no letters, and there is no partial credit, since
guesses would earn it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.extraction import after_reasoning
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict

LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MODES = ("strict", "lenient")
MAX_OPTION_CHARS = 2_000
MAX_QUESTIONS = 100
_LABELLED = re.compile(r"[(\[]?([A-Za-z])(?:[)\].:]++|\s*+[-\u2013]\s)\s*+(\S.*+)", re.DOTALL)
_ALONE = re.compile(r"(?:option\s++|choice\s++|answer\s++)?[(\[]?([A-Za-z])[)\]]?[.:]?", re.IGNORECASE)
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*+)\}")
_TOKEN = re.compile(r"[A-Za-z]++|\d++|\S")
_NUMBERED = re.compile(r"(\d{1,3})\s*+[.:)=-]?\s*+[(\[]?([A-Za-z])(?![A-Za-z])[)\]]?[\s,;.]*+")
_SAID = re.compile(r"\banswer(?: is|:| is:)? *+[*(\[]{0,3}([A-Z])(?![A-Za-z'])", re.IGNORECASE)
_BETWEEN = frozenset(",;&+()[].")
_JOINS = frozenset(("and",))
_EITHER = frozenset(("or", "/", "|"))


class Choice(NamedTuple):
    """A question: its options as they are compared, the places of the right ones, and whether all are asked for."""

    options: tuple[str, ...]
    right: frozenset[int]
    every: bool


@dataclass(frozen=True)
class MultipleChoice(RuleVerifier):
    """Judges a choice among options.

    The reference is `{"options": ["7 cm", "8 m"], "answer": "B"}`; a list of answers, `["A", "C"]`, asks for all right
    options; `{"questions": [...]}` holds several questions with one right option each. A right option is named by its
    letter, or by its text where no option is a letter. All must be right; there is no dense score.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).
        mode: `"strict"` for training; `"lenient"` for evaluating models that were never told the format: where no
            marker occurs, the last `answer is X` of the text is taken.

    Raises:
        ConfigError: Unknown marker or mode.

    Example:
        >>> verifier = MultipleChoice()
        >>> reference = {"options": ["7 cm", "8 m", "9 mm"], "answer": "B"}
        >>> [verifier.verify(f"<answer>{said}</answer>", reference).passed for said in ("B", "(b)", "8 m", "B) 8 m")]
        [True, True, True, True]
        >>> verifier.verify("<answer>A or B</answer>", reference).status.value
        'ambiguous'
        >>> verifier.verify("<answer>A, C</answer>", {**reference, "answer": ["A", "C"]}).passed
        True
        >>> verifier.verify("<answer>1: B, 2: A</answer>", {"questions": [reference, reference]}).passed
        False
    """

    name = "choice"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A guess among n options is right once in n times: ask several questions at once, or look at pass@k with care.",
        "Texts of options are compared as texts: a right option in other words is refused.",
        "With several questions or several right options there is no partial credit.",
        'With `mode="lenient"` the last `answer is X` counts, also in a sentence that takes it back afterwards.',
    )

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")
    mode: str = "strict"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(f"mode must be one of {MODES}, got {self.mode!r}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> tuple[Choice, ...]:
        """See the class."""
        if not isinstance(reference, Mapping):
            raise ReferenceFault("not_a_choice", f"the reference must be an object, got {shown(reference)}")
        if "questions" not in reference:
            return (_choice(reference),)
        questions = reference["questions"]
        if not isinstance(questions, list | tuple) or not 1 <= len(questions) <= MAX_QUESTIONS:
            raise ReferenceFault("not_a_choice", f"'questions' must be a list of 1 to {MAX_QUESTIONS} questions")
        choices = tuple(map(_choice, questions))
        if len(choices) > 1 and any(choice.every for choice in choices):
            raise ReferenceFault("not_a_choice", "of several questions each has one right option")
        return choices

    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """See the class."""
        verdict = super().judge(response, gold, context)
        if verdict.reason.code == "no_marker" and self.mode == "lenient":
            said = [match[1] for match in _SAID.finditer(after_reasoning(response) or "")]
            if said:
                verdict = super().judge(f"<answer>{said[-1]}</answer>", gold, context)
        return replace(verdict, status=Status.AMBIGUOUS) if verdict.reason.code == "several" else verdict

    def read(self, text: str, gold: tuple[Choice, ...]) -> tuple[frozenset[int], ...]:
        """The places of the options that are chosen, for each question."""
        if len(gold) == 1:
            return (_chosen(text, gold[0]),)
        return _listed(text, gold)

    def check(self, answer: tuple[frozenset[int], ...], gold: tuple[Choice, ...]) -> Finding:
        """See the class."""
        said = "; ".join(",".join(LABELS[place] for place in sorted(places)) for places in answer)
        if all(places == choice.right for places, choice in zip(answer, gold, strict=True)):
            return Finding(True, Reason("chosen", "the right choice"), extracted=said)
        return Finding(False, Reason("different", "another choice"), extracted=said)


def _choice(reference: Any) -> Choice:
    if not isinstance(reference, Mapping) or set(reference) != {"options", "answer"}:
        raise ReferenceFault("not_a_choice", f"a question holds 'options' and 'answer', got {shown(reference)}")
    given, answer = reference["options"], reference["answer"]
    if not isinstance(given, list | tuple) or not 2 <= len(given) <= len(LABELS):
        raise ReferenceFault("not_a_choice", f"'options' must be 2 to {len(LABELS)} texts, got {shown(given)}")
    if not all(isinstance(text, str) and 0 < len(text) <= MAX_OPTION_CHARS for text in given):
        raise ReferenceFault("not_a_choice", f"an option is a text of 1 to {MAX_OPTION_CHARS:,} characters")
    options = tuple(map(_plain, given))
    if len(set(options)) < len(options) or "" in options:
        raise ReferenceFault("equal_options", "two options are one text, or one says nothing")
    answers = [answer] if isinstance(answer, str) else answer
    if not isinstance(answers, list | tuple) or not answers or not all(isinstance(each, str) for each in answers):
        raise ReferenceFault("not_a_choice", f"'answer' must be a letter or a list of them, got {shown(answer)}")
    places = [_place(each, options) for each in answers]
    if None in places or len(set(places)) < len(places):
        raise ReferenceFault("no_such_option", f"'answer' must name different options, got {shown(answer)}")
    return Choice(options, frozenset(place for place in places if place is not None), not isinstance(answer, str))


def _plain(text: str) -> str:
    """A text as options are compared: no case, single blanks, no marks around it."""
    return " ".join(text.split()).strip("*_`$\"' .").casefold()


def _place(text: str, options: Sequence[str]) -> int | None:
    """Which option is named by its letter, its text, or both; None for none, or where they disagree."""
    text = text.strip().strip("*_`$").strip()
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1].strip()
    alone, labelled = _ALONE.fullmatch(text), _LABELLED.fullmatch(text)
    by_text = options.index(_plain(text)) if _plain(text) in options else None
    if alone:
        place = LABELS.index(alone[1].upper())
        by_letter = place if place < len(options) else None
        return by_letter if by_text in (None, by_letter) else (by_text if by_letter is None else None)
    if by_text is not None:
        return by_text
    if labelled and _plain(labelled[2]) in options:
        place = options.index(_plain(labelled[2]))
        return place if LABELS[place] == labelled[1].upper() else None
    return None


def _chosen(text: str, choice: Choice) -> frozenset[int]:
    place = _place(text, choice.options)
    if place is not None:
        return frozenset((place,))
    tokens = _TOKEN.findall(text.replace("*", " ").replace("$", " "))
    letters = [letter.upper() for token in tokens if _is_label(token, choice) for letter in token]
    odd = [token for token in tokens if not _is_label(token, choice) and token.lower() not in _BETWEEN | _JOINS]
    if choice.every:
        places = [_place(line, choice.options) for line in re.split(r"[;\n]", text) if line.strip()]
        if letters and not odd:
            places = [LABELS.index(letter) for letter in letters]
        if places and None not in places and len(set(places)) == len(places):
            return frozenset(place for place in places if place is not None)
    if len(letters) > 1 and all(token.lower() in _EITHER for token in odd):
        raise UnreadableError("several", "more than one letter in the place of one choice")
    raise UnreadableError("not_an_option", "the answer is no letter and no text of an option, and nothing else")


def _is_label(token: str, choice: Choice) -> bool:
    """Whether a word is the letter of an option, or where all are asked for, capital letters of different ones."""
    known = LABELS[: len(choice.options)]
    if len(token) == 1:
        return token.isascii() and token.upper() in known
    return choice.every and len(set(token)) == len(token) and set(token) <= set(known)


def _listed(text: str, gold: tuple[Choice, ...]) -> tuple[frozenset[int], ...]:
    """One letter a question: `1: B, 2: D`, `B, D` or `BD`."""
    numbered = list(_NUMBERED.finditer(text))
    if numbered and "".join(match[0] for match in numbered) == text:
        if [int(match[1]) for match in numbered] != list(range(1, len(gold) + 1)):
            raise UnreadableError("wrong_numbers", f"the questions are numbered 1 to {len(gold)}, each answered once")
        letters = [match[2].upper() for match in numbered]
    else:
        tokens = [token for token in _TOKEN.findall(text) if token not in _BETWEEN]
        joined = "".join(tokens)
        single = all(len(token) == 1 for token in tokens) or len(tokens) == 1
        if not single or not joined.isascii() or not joined.isalpha() or (len(tokens) == 1 and not joined.isupper()):
            raise UnreadableError("not_an_option", "the answer is no letter for each question, and nothing else")
        if len(joined) != len(gold):
            raise UnreadableError("wrong_count", f"{len(gold)} letters are asked for, {len(joined)} are there")
        letters = list(joined.upper())
    places = [LABELS.index(letter) for letter in letters]
    if any(place >= len(choice.options) for place, choice in zip(places, gold, strict=True)):
        raise UnreadableError("not_an_option", "a letter is that of no option")
    return tuple(frozenset((place,)) for place in places)
