"""`math@1`: extraction, typed reference, comparison, guards, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Step, Verifier
from rlvr_gym.verifiers.errors import ConfigError, shown, suggestion
from rlvr_gym.verifiers.extraction import NoSlot, Slot, check_markers, final_slot
from rlvr_gym.verifiers.math import echo
from rlvr_gym.verifiers.math.answer import Reading, as_mathematics, as_written, read
from rlvr_gym.verifiers.math.compare import compare, type_of
from rlvr_gym.verifiers.math.explain import steps
from rlvr_gym.verifiers.math.finite import operators_in
from rlvr_gym.verifiers.math.policy import DECIMALS, UNITS, VARIABLES, Judgement, Policy, WorkerFailed, judged
from rlvr_gym.verifiers.math.relations import assignment
from rlvr_gym.verifiers.math.slots import boxes_beside, declared_beside, lenient_slot, math_beside
from rlvr_gym.verifiers.math.tree import MAX_CHARS, MAX_DIGITS, Node, NotMath, TooLarge
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict, ungradable

MODES = ("strict", "lenient")
TYPES = (
    "integer", "rational", "decimal", "real", "complex", "expression", "list", "set", "tuple", "vector", "interval",
    "union", "matrix", "equation", "inequality", "congruence", "quantity", "percentage", "degrees", "based", "ratio",
    "time", "choice", "text", "opaque",
)  # fmt: skip
_STATUS = {
    "ambiguous": Status.AMBIGUOUS,
    "unreadable": Status.MALFORMED,
}
_EQUAL = Reason("equal", "equal to the reference")


class Gold(NamedTuple):
    """A reference, read.

    Args:
        text: As given, without white space at its ends.
        readings: The ways to read it: one, or two where a comma may part thousands or a list.
        type: Of the first reading.
    """

    text: str
    readings: tuple[Reading, ...]
    type: str


@dataclass(frozen=True)
class Math(Verifier):
    """Judges a final answer in mathematics: numbers, expressions, sets, intervals, equations, quantities, words.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`); the last one wins.
        mode: `"strict"` for training; `"lenient"` for evaluating models that were never told the format: where no
            marker occurs, "the answer is ...", the last formula or the last number is taken, and `method` says so.
        decimals: See `policy.Policy`.
        units: See `policy.Policy`.
        variables: See `policy.Policy`.
        symbolic: Whether a reference with an operator that stands unevaluated (an integral, a limit, an infinite sum)
            may be worked out by sympy in a worker process, where nothing else decides.

    A reference is a text (LaTeX, plain, Unicode), an int, or `{"answer": text, "type": one of TYPES}` where the type
    must not be inferred. A context may hold the question as `prompt`, for the echo guard and the policies that ask
    what is wanted.

    Raises:
        ConfigError: An unknown marker, mode or policy.

    Example:
        >>> verifier = Math()
        >>> verifier.verify("hence $\\\\boxed{(x+1)^2}$", "x^2+2x+1").method
        'boxed/normal form'
        >>> verifier.verify("\\\\boxed{1/2^{99}}", "1/2^{98}").passed
        False
        >>> verifier.verify("\\\\boxed{5 \\\\text{ or } 7}", "5").status.value
        'ambiguous'
    """

    name = "math"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Only the boxed answer is judged: a right one after a wrong argument passes.",
        "The value counts, not the form: `\\frac68` passes for `\\frac34` where lowest terms are asked for, and "
        "`2+2` for 4 where the verifier is not given the question; with it, `7+5` still passes for `3+4+5`, being "
        "simpler.",
        "Analytic expressions that agree at three points to hundreds of digits are held equal without a proof, and "
        "a gap at single points is not seen: `x/x` passes for 1.",
        "A word that is no known unit is read over where the reference has none, and `(1,2)` passes for `1<x<2`.",
        "No equation is solved: `2x=10` is refused for `x=5`, and what no rule decides counts as wrong, as "
        "`undecided`.",
    )

    markers: tuple[str, ...] = ("boxed",)
    mode: str = "strict"
    decimals: str = "rounded"
    units: str = "optional"
    variables: str = "real"
    symbolic: bool = True

    def __post_init__(self) -> None:
        check_markers(self.markers)
        for name, known in (("mode", MODES), ("decimals", DECIMALS), ("units", UNITS), ("variables", VARIABLES)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {known}, got {getattr(self, name)!r}")
        if not isinstance(self.symbolic, bool):
            raise ConfigError(f"symbolic is true or false, got {shown(self.symbolic)}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Gold:
        """Accepts a non-empty text, an int, or a mapping with `answer` and `type`."""
        wanted = None
        if isinstance(reference, Mapping):
            reference, wanted = _override(reference)
        if isinstance(reference, int) and not isinstance(reference, bool):
            number = int.__add__(reference, 0)  # of a subclass, its value and none of its methods
            if abs(number) >= 10**MAX_DIGITS:
                raise ReferenceFault("too_many_digits", f"the reference has more than {MAX_DIGITS} digits")
            reference = str(number)
        if not isinstance(reference, str):
            raise ReferenceFault("not_a_text", f"the reference is {shown(reference)}, expected LaTeX text or an int")
        try:
            gold = _gold(str.__str__(reference))
            if isinstance(gold, Reason):
                raise ReferenceFault(*gold)
            return gold if wanted is None else _typed(gold, wanted)
        except RecursionError as error:
            raise ReferenceFault("stack_exhausted", "called too deep in the stack to read the reference") from error

    def judge(self, response: str, gold: Gold, context: Context | None) -> Verdict:
        """See the class."""
        try:
            return self._judged(response, gold, context)
        except RecursionError:  # no answer needs half of Python's stack: the caller has used it up
            text = "called too deep in the stack to judge"
            return ungradable(Status.VERIFIER_ERROR, "stack_exhausted", text, self.id)

    def reasoning(self, verdict: Verdict, reference: Any) -> list[Step]:
        """How both sides were read, and the rungs up to the one that decided."""
        try:
            gold = self.parse_reference(reference).readings[0]
        except ReferenceFault as fault:
            return [Step("reference", str(fault))]
        answer = None
        if verdict.extracted and verdict.status is not Status.LIMIT_EXCEEDED:
            answer = read(verdict.extracted)
        return [Step(name, text) for name, text in steps(gold, answer, verdict.method)]

    def _judged(self, response: str, gold: Gold, context: Context | None) -> Verdict:
        slot = final_slot(response, self.markers)
        if isinstance(slot, NoSlot) and slot.reason.code == "no_marker" and self.mode == "lenient":
            slot = lenient_slot(response) or slot
        if isinstance(slot, NoSlot):
            return Verdict(slot.status, 0.0, slot.reason, self.id)
        text = slot.text.strip()
        if not text:
            reason = Reason("empty_answer", "the answer is empty")
            return Verdict(Status.MALFORMED, 0.0, reason, self.id, "", slot.marker)
        prompt = context.get("prompt") if isinstance(context, Mapping) else None
        policy = Policy(self.decimals, self.units, self.variables, prompt if isinstance(prompt, str) else "")
        if slot.marker == "boxed":
            text, rival = _beside(slot, gold, policy)
            if rival:
                reason = Reason("two_answers", f"another answer is declared beside the box: {rival:.60}")
                return Verdict(Status.AMBIGUOUS, 0.0, reason, self.id, text[:200], slot.marker)
        return self._verdict(text, slot.marker, gold, policy)

    def _verdict(self, text: str, marker: str, gold: Gold, policy: Policy) -> Verdict:
        if text == gold.text:
            return Verdict(Status.PASSED, 1.0, _EQUAL, self.id, text[:200], f"{marker}/string")
        try:
            judgement = self._judgement(text, gold, policy)
        except TooLarge as refusal:
            reason = Reason("answer_too_large", f"the answer is larger than can be read: {refusal}")
            return Verdict(Status.LIMIT_EXCEEDED, 0.0, reason, self.id, text[:200], marker)
        except WorkerFailed as failure:
            return ungradable(Status.VERIFIER_ERROR, "no_worker", str(failure), self.id)
        method = f"{marker}/{judgement.rung}"
        if judgement.equal:
            return Verdict(Status.PASSED, 1.0, _EQUAL, self.id, text[:200], method)
        if judgement.equal is None:
            reason = Reason("undecided", f"no rung could tell {text:.60} from the reference: {judgement.note}")
            return Verdict(Status.FAILED, 0.0, reason, self.id, text[:200], method)
        note = judgement.note or f"{text:.60} differs from the reference"
        reason = Reason(judgement.code or "different", note)
        return Verdict(_STATUS.get(judgement.code, Status.FAILED), 0.0, reason, self.id, text[:200], method)

    def _judgement(self, text: str, gold: Gold, policy: Policy) -> Judgement:
        answer = Reading(as_written(text)) if gold.type == "opaque" else read(text)
        first = self._one(gold.readings[0], answer, policy)
        if first.equal:
            return echo.guarded(first, gold.readings[0], answer, policy)
        parted = _parted(text, answer, gold)
        if parted is None:
            return first
        second = compare(gold.readings[-1], parted, policy)
        return echo.guarded(second, gold.readings[-1], parted, policy) if second.equal else first

    def _one(self, gold: Reading, answer: Reading, policy: Policy) -> Judgement:
        judgement = compare(gold, answer, policy)
        if judgement.equal is None and self.symbolic and operators_in(gold.node):
            from rlvr_gym.verifiers.math import symbolic  # what it needs is loaded with it, and seldom needed

            node = answer.node
            named = assignment(node) if node.head == "rel" else None
            return judged(symbolic.decide(gold.node, named[1][-1] if named and named[1] else node))
        return judgement


def _parted(text: str, answer: Reading, gold: Gold) -> Reading | None:
    """The answer with `1,234` as 1 and 234, where it may be meant so; else None."""
    wanted = gold.readings[-1].node
    or_number = len(gold.readings) > 1 and wanted.head == "list"
    if not or_number and not (answer.grouped and gold.type in ("list", "set")):
        return None
    parted = read(text, split_groups=True) if answer.grouped else answer
    if or_number and (parted.node.head != "list" or parted.node.args != wanted.args):
        return None  # of a reference that may be a number, nothing but the very list can be meant
    return parted


@lru_cache(maxsize=8192)
def _gold(text: str) -> Gold | Reason:
    """Read a reference; the reason where it cannot be used."""
    text = text.strip()
    if len(text) > MAX_CHARS:
        return Reason("reference_too_long", f"the reference has {len(text):,} characters")
    try:
        reading = read(text)
        if reading.node.head in ("opaque", "text") and not reading.node.value:
            return Reason("empty_reference", "the reference is empty")
        if reading.grouped:
            return Gold(text, (reading, read(text, split_groups=True)), type_of(reading))
    except TooLarge as refusal:
        return Reason("too_many_digits", f"the reference is larger than can be read: {refusal}")
    return Gold(text, (reading,), type_of(reading))


def _override(reference: Mapping[str, Any]) -> tuple[Any, str]:
    """The parts of `{"answer": ..., "type": ...}`."""
    if set(reference) != {"answer", "type"}:
        raise ReferenceFault("not_a_text", "a reference of several parts has the keys 'answer' and 'type'")
    wanted = reference["type"]
    if not isinstance(wanted, str) or wanted not in TYPES:
        raise ReferenceFault("unknown_type", f"unknown type {shown(wanted)}{suggestion(str(wanted), TYPES)}")
    return reference["answer"], wanted


def _typed(gold: Gold, wanted: str) -> Gold:
    """The reference as another type, or the fault that it cannot be one."""
    pair = gold.readings[0].node
    if wanted == "tuple" and pair.head == "pair":  # then no interval, whatever its brackets
        return gold._replace(readings=(Reading(Node("tuple", pair.args, pair.value)),), type=wanted)
    for reading in gold.readings:
        if type_of(reading) == wanted:
            return gold._replace(readings=(reading,), type=wanted)
    reading = gold.readings[0]
    node = reading.node
    if wanted == "opaque":
        node = as_written(gold.text)
    elif wanted == "text":
        node = Node("text", (), gold.text)
    elif wanted == "choice" and len(gold.text.strip("().")) == 1:
        node = Node("choice", (), gold.text.strip("().").upper())
    elif wanted == "interval" and gold.type == "tuple" and node.head == "pair":
        node = Node("union", (node,))
    elif wanted in ("real", "expression", "complex") and gold.type in ("text", "choice", *_VALUES):
        try:
            node = as_mathematics(gold.text)
        except NotMath as refusal:
            raise ReferenceFault("other_type", f"the reference is no expression: {refusal}") from refusal
    else:
        raise ReferenceFault("other_type", f"the reference reads as {gold.type}, not as {wanted}")
    return gold._replace(readings=(reading._replace(node=node),), type=wanted)


_VALUES = ("integer", "rational", "decimal", "real", "complex", "expression")


def _beside(slot: Slot, gold: Gold, policy: Policy) -> tuple[str, str]:
    """The answer with the boxes that belong to it, and another answer that was declared beside it, if any."""
    text = slot.text.strip()
    if math_beside(slot):
        return text, slot.source[max(0, slot.start - 20) : slot.end + 20].strip()
    others = boxes_beside(slot)
    if others and gold.type in ("list", "set", "union"):
        return ", ".join([*others, text]), ""
    for other in others:
        if not _agree(other, text, policy):
            return text, other
    for other in declared_beside(slot):
        if not _agree(other, text, policy, unreadable=True):
            return text, other
    return text, ""


def _agree(a: str, b: str, policy: Policy, *, unreadable: bool = False) -> bool:
    """Whether two answers of one response are the same, either way round; `unreadable` where prose is no answer."""
    if a == b:
        return True
    try:
        first, second = read(a), read(b)
    except TooLarge:
        return False
    if unreadable and first.node.head in ("opaque", "text", "sym"):
        return True
    return bool(compare(first, second, policy).equal or compare(second, first, policy).equal)
