"""`calls@1`: which functions were called with which arguments, matched one to one with those that were wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.calls.compare import Expected, read_expected
from rlvr_gym.verifiers.calls.matching import best_pairs, best_pairs_in_order
from rlvr_gym.verifiers.calls.notation import MAX_CALLS, Call, read_calls
from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.extraction import NoSlot, check_markers, final_slot
from rlvr_gym.verifiers.strict_json import Malformed
from rlvr_gym.verifiers.trajectory import check_source, no_log, read_log, same
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict

RIGHT = 1.0
MAX_LOGGED = 256


class Wanted(NamedTuple):
    """One call that is wanted."""

    name: str
    arguments: Mapping[str, Expected]

    def share(self, call: Call) -> float:
        """How much of it a call is: 0 with another name, 1 exactly where all of it is right.

        The name and each argument that is wanted or given count alike; one that is optional and left out does not.
        """
        if call.name != self.name:
            return 0.0
        right, total = 1, 1
        for name, expected in self.arguments.items():
            if name in call.arguments:
                right += expected.accepts(call.arguments[name])
            total += name in call.arguments or not expected.optional
        total += sum(name not in self.arguments for name in call.arguments)
        return RIGHT if right == total else right / total


class Gold(NamedTuple):
    """What is wanted, and whether in this order."""

    calls: tuple[Wanted, ...]
    ordered: bool


class _Made(NamedTuple):
    calls: list[Call]
    extracted: str
    method: str


@dataclass(frozen=True)
class Calls(Verifier):
    r"""Judges calls of functions.

    The reference is `{"calls": [{"name": text, "arguments": {name: spec}}], "ordered": false}`. A spec is
    `{"value": v}` or `{"any_of": [v, ...]}`, with

    - `compare`: `exact` (default; numbers by value, `true` is not 1 and `"5"` is not 5), `number` (with `tolerance`,
      absolute), `set` (a list in any order), `date` (a day, in ISO or with the month in words), `text` (case, blanks
      and a last full stop do not count);
    - `optional`: the argument may be left out. Any other must be there, and none that is not named may.

    Each call is taken for at most one that is wanted, so that the sum of their shares is largest (in order, where
    `ordered`). A share is 0 with another name; else the name and each argument, wanted or given, count alike. The
    dense score is that sum over the number of calls that are wanted, plus `extra_penalty` for each call beyond it. It
    passes when every wanted call is made, and no other.

    An empty list of wanted calls asks for a response that says so: `[]`. Silence and other text do not pass.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`); of `source="response"`.
        source: `"response"`: the calls stand in the response, see `read_calls`. `"context"`: they are those of
            `context["log"]`, as of `trajectory@1`; calls that failed are extra ones.
        extra_penalty: What each call too many weighs in the score, above 0.

    Raises:
        ConfigError: There is no such marker or source, or the penalty is no number above 0.

    Example:
        >>> reference = {"calls": [{"name": "book", "arguments": {"city": {"any_of": ["Paris", "Paris, France"]}}}]}
        >>> Calls().verify('book(city="Paris")', reference).passed
        True
        >>> twice = Calls().verify('[book(city="Paris"), book(city="Rome")]', reference)
        >>> twice.score, twice.reason.text
        (0.5, '1 of 1 calls is right; 1 too many, 0 of all the same as an earlier one')
    """

    name = "calls"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Calls are compared as they are written: what they do is not seen, and another way to an effect is wrong.",
        "An empty list passes where no call is wanted: mix such tasks with others.",
        "A date with day before month in digits is refused: which is which cannot be known.",
        "Positional arguments are refused: which names they have is not known here.",
        "Only the first 256 calls of a log are matched.",
    )

    markers: tuple[str, ...] = ("answer_tag", "whole")
    source: str = "response"
    extra_penalty: float = 1.0

    def __post_init__(self) -> None:
        check_markers(self.markers)
        check_source(self.source)
        penalty = self.extra_penalty
        if isinstance(penalty, bool) or not isinstance(penalty, int | float) or not 0 < penalty < math.inf:
            raise ConfigError(f"extra_penalty must be a number above 0, got {shown(penalty)}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        if not isinstance(reference, Mapping) or not {"calls"} <= reference.keys() <= {"calls", "ordered"}:
            raise ReferenceFault("not_calls", f"the reference must be {{'calls': [...]}}, got {shown(reference)}")
        calls, ordered = reference["calls"], reference.get("ordered", False)
        if not isinstance(calls, list | tuple) or len(calls) > MAX_CALLS or not isinstance(ordered, bool):
            text = f"'calls' is a list of at most {MAX_CALLS} and 'ordered' a boolean; got {shown(reference)}"
            raise ReferenceFault("not_calls", text)
        if not calls and self.source == "context":
            raise ReferenceFault("nothing_to_do", "no call is wanted: whoever does nothing would pass")
        return Gold(tuple(map(_wanted, calls)), ordered)

    def judge(self, response: str, gold: Gold, context: Context | None) -> Verdict:
        """See the class."""
        made = self._logged(context) if self.source == "context" else self._said(response)
        if isinstance(made, Verdict):
            return made
        shares = [[wanted.share(call) for call in made.calls] for wanted in gold.calls]
        pairs = (best_pairs_in_order if gold.ordered else best_pairs)(shares)
        found = {i: shares[i][j] for i, j in pairs}
        parts = [Part(f"call {i + 1}", found.get(i) == RIGHT, found.get(i, 0.0)) for i in range(len(gold.calls))]
        extra = len(made.calls) - len(gold.calls)
        parts.append(Part("no more", extra <= 0, float(extra <= 0)))
        if extra <= 0 and all(part.passed for part in parts):
            reason = Reason("matched", "every call that is wanted is made, and no other")
            return Verdict(Status.PASSED, 1.0, reason, self.id, made.extracted, made.method, tuple(parts))
        right, wanted = sum(share == RIGHT for share in found.values()), len(gold.calls)
        text = f"{right} of {wanted} calls {'is' if right == 1 else 'are'} right"
        if extra > 0:
            text += f"; {extra} too many, {_repeated(made.calls)} of all the same as an earlier one"
        score = sum(found.values()) / (wanted + self.extra_penalty * max(0, extra)) if wanted else 0.0
        reason = Reason("extra_calls" if right == wanted else "wrong_calls", text)
        return Verdict(Status.FAILED, score, reason, self.id, made.extracted, made.method, tuple(parts))

    def _said(self, response: str) -> _Made | Verdict:
        slot = final_slot(response, self.markers)
        if isinstance(slot, NoSlot):
            return Verdict(slot.status, 0.0, slot.reason, self.id)
        try:
            calls = read_calls(slot.text)
        except Malformed as wrong:
            return Verdict(
                Status.MALFORMED, 0.0, Reason("not_calls", str(wrong)), self.id, slot.text[:200], slot.marker
            )
        return _Made(calls, slot.text.strip()[:200], slot.marker)

    def _logged(self, context: Context | None) -> _Made | Verdict:
        log = read_log((context or {}).get("log"))
        if log is None:
            return no_log(self)
        # A call that failed did nothing that was wanted; under a name that none has it is one too many.
        calls = [Call("" if entry["error"] else entry["name"], entry["arguments"]) for entry in log]
        return _Made(calls[:MAX_LOGGED], f"{len(calls)} calls", "context")


def _wanted(value: Any) -> Wanted:
    if not isinstance(value, Mapping) or value.keys() != {"name", "arguments"}:
        raise ReferenceFault("not_a_call", f"a call is {{'name': text, 'arguments': {{...}}}}, got {shown(value)}")
    name, arguments = value["name"], value["arguments"]
    if not isinstance(name, str) or not name or not isinstance(arguments, Mapping):
        raise ReferenceFault("not_a_call", f"a call has a name and arguments by name, got {shown(value)}")
    if odd := [key for key in arguments if not isinstance(key, str) or not key]:
        raise ReferenceFault("not_a_call", f"an argument is named by a text, got {shown(odd[0])}")
    return Wanted(name, {key: read_expected(key, spec) for key, spec in arguments.items()})


def _repeated(calls: Sequence[Call]) -> int:
    """How many calls equal an earlier one."""
    kinds = list[Call]()
    for call in calls:
        if not any(call.name == kind.name and same(call.arguments, kind.arguments) for kind in kinds):
            kinds.append(call)
    return len(calls) - len(kinds)
