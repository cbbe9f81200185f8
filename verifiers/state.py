"""`state@1`: what an episode leaves behind, compared part by part, and an answer where one is asked for.

For tasks whose outcome is a state of the world: tables, files, notes. What must come about and what must stay as it was
are judged apart, so that leaving everything alone earns nothing. A task that is solved by doing nothing is refused as
a reference: so are rewards for idle agents avoided, which suites that compare final states are known to pay.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import shown, suggestion
from rlvr_gym.verifiers.extraction import NoSlot, check_markers, final_slot
from rlvr_gym.verifiers.numerals import MAX_SLOT_CHARS, Quantity, Refusal, read_quantity
from rlvr_gym.verifiers.state_diff import Check, Mask, Path, checks_of, covering, json_fault, kept, mask_of
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict, ungradable

_KEYS = ("state", "absent", "initial", "ignore", "forbidden", "answer")
_PATHS = ("absent", "ignore", "forbidden")
_FULL_STOP = ".。"


class Answer(NamedTuple):
    """An answer that is asked for: a number, or a text in one spelling."""

    number: Quantity | None
    text: str


class _Said(NamedTuple):
    """What a response says, and whether it is right."""

    status: Status
    reason: Reason
    extracted: str | None = None
    method: str = ""


class Gold(NamedTuple):
    """What a state is compared with.

    Args:
        checks: What must hold in the end.
        before: Which of it holds in the initial state: that is to stay, the rest is wanted.
        initial: The state that what is forbidden to change is compared with.
        forbidden: Parts that must be as they were, but for those under `spoken`.
        spoken: Parts that the expected state speaks of, or that are ignored.
        answer: The answer, where one is asked for.
        looks: Whether a state is needed at all.
    """

    checks: tuple[Check, ...]
    before: tuple[bool, ...]
    initial: Any
    forbidden: tuple[Path, ...]
    spoken: Mask
    answer: Answer | None
    looks: bool


@dataclass(frozen=True)
class State(Verifier):
    """Judges a final state, and the answer where the reference has one.

    The reference is an object with at least one of `state`, `absent` and `answer`:

    - `state`: the expected public state, or parts of it. Objects are compared key by key, and what is not named may be
      anything; tables (objects with just `columns` and `rows`) row by row, in any order; all else as a whole.
    - `absent`: paths that must not exist. A path is a list of keys; one that goes on from a table names a column.
    - `initial`: the state before the episode; needed unless there is an answer and nothing else.
    - `forbidden`: paths that must be as they were, but for what `state` and `absent` speak of; `[[]]` is everything.
    - `ignore`: paths that are not compared.
    - `answer`: a number or a text. Numbers are equal by value, texts after folding case, blanks and a last full stop.

    `context["state"]` is the final public state. Where it is needed and missing the verdict is ungradable
    (`verifier_error`): who runs the episode forgot it, which no response can cause.

    The dense score is the share of what was wanted that came about, and 0 where anything changed that was to stay:
    nothing is paid for leaving things alone, or for doing a work with an axe. It passes when all of it holds.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Raises:
        ConfigError: There is no such marker.

    Example:
        >>> before = {"files": {"a.txt": "one", "b.txt": "two"}}
        >>> reference = {"initial": before, "state": {"files": {"a.txt": "1"}}, "forbidden": [[]]}
        >>> judged = lambda files: State().verify("done", reference, context={"state": {"files": files}})
        >>> judged({"a.txt": "1", "b.txt": "two"}).passed
        True
        >>> [judged(files).reason.code for files in (before["files"], {"a.txt": "1"})]
        ['wrong_state', 'forbidden_change']
        >>> State().verify("<answer>1000</answer>", {"answer": 10}).reason.code
        'wrong_answer'
    """

    name = "state"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Only the final state is compared: what was changed on the way and changed back is not seen.",
        "What `state` does not name and `forbidden` does not cover may be anything.",
        "An answer is right whether it was looked up or guessed, and a state however it came about.",
        "Where no answer is asked for, the response may say anything, even that the work was not done.",
        "An answer has one spelling but for case, blanks and a last full stop: a synonym is refused, and so is a "
        "rounded number.",
        "The order of a table's rows is not compared.",
    )

    markers: tuple[str, ...] = ("answer_tag", "whole")

    def __post_init__(self) -> None:
        check_markers(self.markers)
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        if not isinstance(reference, Mapping) or not all(isinstance(key, str) for key in reference):
            raise ReferenceFault("not_an_object", f"the reference must be an object, got {shown(reference)}")
        for key in reference:
            if key not in _KEYS:
                raise ReferenceFault("unknown_key", f"no key {key!r}{suggestion(key, _KEYS)}")
        if fault := json_fault({key: reference[key] for key in reference if key != "answer"}):
            raise ReferenceFault("not_json", f"the reference is {fault}")
        absent, ignored, forbidden = (_paths(key, reference.get(key, [])) for key in _PATHS)
        answer = _answer(reference["answer"]) if "answer" in reference else None
        if "state" in reference or absent or forbidden:
            if "initial" not in reference:
                raise ReferenceFault("no_initial_state", "'initial' is needed: what doing nothing comes to is unknown")
        elif answer is None:
            raise ReferenceFault("no_obligation", "the reference must have 'state', 'absent' or 'answer'")
        return _gold(reference, absent, ignored, forbidden, answer)

    def judge(self, response: str, gold: Gold, context: Context | None) -> Verdict:
        """See the class."""
        wanted, kept_parts = list[Part](), list[Part]()
        if gold.looks:
            if not isinstance(context, Mapping) or "state" not in context:
                text = "the context holds no final state; it is what this verifier judges"
                return ungradable(Status.VERIFIER_ERROR, "no_state", text, self.id)
            state = context["state"]
            outcomes = list(zip(gold.before, _outcomes(gold.checks, state), strict=True))
            stays = [now for before, now in outcomes if before]
            stays += [kept(path, gold.initial, state, gold.spoken) for path in gold.forbidden]
            wanted = [_part("wanted", n, now) for n, now in enumerate((now for was, now in outcomes if not was), 1)]
            kept_parts = [_part("kept", n, holds) for n, holds in enumerate(stays, 1)]
        said = None if gold.answer is None else _said(response, gold.answer, self.markers)
        if said is not None:
            wanted.append(Part("answer", said.status is Status.PASSED, float(said.status is Status.PASSED)))
        return self._verdict(wanted, kept_parts, said)

    def _verdict(self, wanted: list[Part], kept_parts: list[Part], said: _Said | None) -> Verdict:
        parts = (*wanted, *kept_parts)
        extracted, method = (None, "state") if said is None else (said.extracted, said.method)
        if all(part.passed for part in parts):
            reason = Reason("reached", "everything that was wanted holds, and what was to stay stayed")
            return Verdict(Status.PASSED, 1.0, reason, self.id, extracted, method, parts)
        score = _share(wanted) if all(part.passed for part in kept_parts) else 0.0
        if said is not None and said.status is not Status.PASSED:
            return Verdict(said.status, score, said.reason, self.id, extracted, method, parts)
        if all(part.passed for part in kept_parts):
            held = sum(bool(part.passed) for part in wanted)
            reason = Reason("wrong_state", f"{held} of {len(wanted)} things that were wanted hold")
        else:
            reason = Reason("forbidden_change", "something is changed that was to stay as it was")
        return Verdict(Status.FAILED, score, reason, self.id, extracted, method, parts)


def normalised(text: str) -> str:
    """A text in one spelling: case, compatibility forms, blanks and a last full stop do not count.

    Runs of blanks are one, and a comma is followed by one.

    Example:
        >>> normalised(" Ada  Lind ,12. ")
        'ada lind, 12'
    """
    words = unicodedata.normalize("NFKC", text).casefold().split()
    folded = " ".join(words).replace(" ,", ",").replace(", ", ",").replace(",", ", ")
    return folded[:-1].rstrip() if folded and folded[-1] in _FULL_STOP else folded.rstrip()


def _said(response: str, answer: Answer, markers: tuple[str, ...]) -> _Said:
    slot = final_slot(response, markers)
    if isinstance(slot, NoSlot):
        return _Said(slot.status, slot.reason)
    text, method = slot.text.strip(), f"{slot.marker}/{'text' if answer.number is None else 'exact'}"
    if len(text) > MAX_SLOT_CHARS:
        reason = Reason("answer_too_long", f"the answer has {len(text):,} characters")
        return _Said(Status.LIMIT_EXCEEDED, reason, text[:200], method)
    if answer.number is None:
        right = normalised(text) == answer.text
    else:
        value = read_quantity(text)
        if isinstance(value, Refusal):
            return _Said(value.status, value.reason, text[:200], method)
        right = value.answers(answer.number)
    if right:
        return _Said(Status.PASSED, Reason("equal", "the answer is right"), text, method)
    return _Said(Status.FAILED, Reason("wrong_answer", f"the answer {shown(text)} is not right"), text[:200], method)


def _answer(value: Any) -> Answer:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ReferenceFault("not_an_answer", f"'answer' must be a number or a text, got {shown(value)}")
    if isinstance(value, int) and abs(value) >= 10**100:
        raise ReferenceFault("not_an_answer", "'answer' has more than 100 digits")
    text = value if isinstance(value, str) else repr(value)
    number = read_quantity(text)
    if not isinstance(number, Refusal):
        return Answer(number, text)
    if not isinstance(value, str) or not normalised(text) or len(text) > MAX_SLOT_CHARS:
        raise ReferenceFault("not_an_answer", f"'answer' must be a finite number or a text, got {shown(value)}")
    return Answer(None, normalised(text))


def _paths(name: str, value: Any) -> tuple[Path, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(path, list | tuple) and all(isinstance(key, str) for key in path) for path in value
    ):
        raise ReferenceFault("not_paths", f"{name!r} must be a list of paths, each a list of keys, got {shown(value)}")
    return tuple(tuple(path) for path in value)


def _gold(
    reference: Mapping[str, Any],
    absent: tuple[Path, ...],
    ignored: tuple[Path, ...],
    forbidden: tuple[Path, ...],
    answer: Answer | None,
) -> Gold:
    initial, mask = reference.get("initial"), mask_of(ignored)
    checks = tuple(checks_of(reference.get("state", {}), absent, initial, mask))
    before = tuple(_outcomes(checks, initial))
    if all(before) and answer is None:
        raise ReferenceFault("nothing_to_do", "the initial state is as it should be: doing nothing would pass")
    spoken = mask_of((*ignored, *absent, *covering(reference.get("state", {}))))
    return Gold(checks, before, initial, forbidden, spoken, answer, looks=bool(checks or forbidden))


def _outcomes(checks: tuple[Check, ...], state: Any) -> list[bool]:
    return [holds for check in checks for holds in check.outcomes(state)]


def _part(kind: str, number: int, holds: bool) -> Part:
    return Part(f"{kind} {number}", holds, float(holds))


def _share(parts: list[Part]) -> float:
    return sum(part.score for part in parts) / len(parts) if parts else 1.0
