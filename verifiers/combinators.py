"""Verifiers made of verifiers: `all_of`, `any_of`, `gate`, `weighted`, `first`.

Children judge the same response against the same reference. Ungradable children follow three-valued logic: a
conjunction with a failed child has failed whatever the other would have said, a disjunction with a passed child has
passed, and otherwise one ungradable child makes the whole ungradable. An empty list of children is refused: it would
pass vacuously.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.registry import verifier_class
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict


@dataclass(frozen=True)
class _Composite(Verifier):
    """Shared by all combinators: children, their specs, and the check of the reference against each of them."""

    children: tuple[Verifier, ...] = ()

    def __post_init__(self) -> None:
        if not self.children:
            raise ConfigError(f"{self.name} needs at least one child; an empty list of obligations would always pass")
        for child in self.children:
            if not isinstance(child, Verifier):
                raise ConfigError(f"{self.name}: a child must be a Verifier, got {shown(child)}")
        super().__post_init__()

    def config(self) -> dict[str, Any]:
        """Children appear as `{"verifier": "name@version", **their settings}`."""
        own = {key: value for key, value in super().config().items() if key != "children"}
        return {"children": [{"verifier": child.key, **child.config()} for child in self.children], **own}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; children are specs or `Verifier`s."""
        children = config.get("children", ())
        if isinstance(children, str) or not isinstance(children, Sequence):
            raise ConfigError(f"{cls.name}: children must be a list of verifier specs, got {shown(children)}")
        return super().from_config({**config, "children": tuple(_child(cls.name, spec) for spec in children)})

    def parse_reference(self, reference: Any) -> Any:
        """Every child must accept the reference."""
        for child in self.children:
            report = child.check_reference(reference)
            if not report.ok:
                raise ReferenceFault(report.reason.code, f"{child.key}: {report.reason.text}")
        return reference

    def _verdicts(self, response: str, gold: Any, context: Context | None) -> list[Verdict]:
        return [child.verify(response, gold, context=context) for child in self.children]

    def _verdict(
        self, children: Sequence[Verdict], decider: Verdict, score: float, reason: Reason | None = None
    ) -> Verdict:
        """The verdict of the child that decided, with the score of the whole and one part a child."""
        reason = reason or decider.reason
        return Verdict(decider.status, score, reason, self.id, decider.extracted, self.name, _parts(children))


def _child(parent: str, spec: Any) -> Verifier:
    if isinstance(spec, Verifier):
        return spec
    if isinstance(spec, str):
        return verifier_class(spec).from_config({})
    if not isinstance(spec, Mapping) or "verifier" not in spec:
        raise ConfigError(f'{parent}: a child is "name@1" or {{"verifier": "name@1", ...settings}}, got {shown(spec)}')
    return verifier_class(spec["verifier"]).from_config({k: value for k, value in spec.items() if k != "verifier"})


def _parts(children: Sequence[Verdict]) -> tuple[Part, ...]:
    return tuple(
        Part(f"{i}:{v.verifier.name}@{v.verifier.version}", v.passed if v.gradable else None, v.score, v.reason.code)
        for i, v in enumerate(children)
    )


def _first_ungradable(children: Sequence[Verdict]) -> Verdict | None:
    return next((v for v in children if not v.gradable), None)


@dataclass(frozen=True)
class AllOf(_Composite):
    """Passes when every child passes; the score is the mean of theirs, below 1 unless all pass.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> both = make_verifier("all_of@1", children=["number@1", {"verifier": "number@1", "markers": ["boxed"]}])
        >>> both.verify("#### 7", 7).score, both.verify("\\\\boxed{7}", 7).score
        (0.5, 1.0)
    """

    name = "all_of"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "What every child overlooks, it overlooks; a right answer that one child refuses is refused.",
    )

    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """See the class."""
        verdicts = self._verdicts(response, gold, context)
        failed = next((v for v in verdicts if v.gradable and not v.passed), None)
        broken = _first_ungradable(verdicts)
        if failed is None and broken is not None:
            return self._verdict(verdicts, broken, 0.0)
        if failed is not None:
            score = min(math.fsum(v.score for v in verdicts) / len(verdicts), _BELOW_ONE)
            return self._verdict(verdicts, failed, score)
        return self._verdict(verdicts, verdicts[0], 1.0, Reason("all_passed", "every child passed"))


@dataclass(frozen=True)
class AnyOf(_Composite):
    """Passes when at least one child passes; the score is the best of theirs.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> either = make_verifier("any_of@1", children=["number@1", "math@1"])
        >>> either.verify("\\\\boxed{\\\\frac{1}{2}}", "1/2").passed
        True
    """

    name = "any_of"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "It is as weak as its weakest child: an answer for each child may stand in one response, and one needs to "
        "be right.",
    )

    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """See the class."""
        verdicts = self._verdicts(response, gold, context)
        passed = next((v for v in verdicts if v.passed), None)
        if passed is not None:
            return self._verdict(verdicts, passed, 1.0, Reason("one_passed", "at least one child passed"))
        broken = _first_ungradable(verdicts)
        if broken is not None:
            return self._verdict(verdicts, broken, 0.0)
        best = max(verdicts, key=lambda v: v.score)
        return self._verdict(verdicts, best, min(best.score, _BELOW_ONE))


@dataclass(frozen=True)
class Gate(_Composite):
    """The first child is a condition; where it passes, the second child decides, else the score is 0.

    Raises:
        ConfigError: There are not exactly two children.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> gated = make_verifier("gate@1", children=[{"verifier": "number@1", "markers": ["boxed"]}, "math@1"])
        >>> gated.verify("#### 7", 7).score
        0.0
    """

    name = "gate"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "The condition may look at another answer of the response than the child that decides, and both pass.",
    )

    def __post_init__(self) -> None:
        if len(self.children) != 2:
            raise ConfigError(f"gate takes two children, the condition and what follows; got {len(self.children)}")
        super().__post_init__()

    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """See the class."""
        condition = self.children[0].verify(response, gold, context=context)
        if not condition.passed:
            return self._verdict([condition], condition, 0.0)
        then = self.children[1].verify(response, gold, context=context)
        return self._verdict([condition, then], then, then.score)


@dataclass(frozen=True)
class Weighted(_Composite):
    """The score is the weighted mean of the children's; passes when every child with a positive weight passes.

    Args:
        children: The verifiers.
        weights: One number from 0 to 1,000,000 a child, not all 0. A child of weight 0 is shown and does not count.

    Raises:
        ConfigError: Weights do not fit.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> mixed = make_verifier("weighted@1", children=["number@1", "math@1"], weights=[3, 1])
        >>> mixed.verify("#### 7", 7).score
        0.75
    """

    name = "weighted"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A child of weight 0 is no obligation: what it alone would have refused passes.",
    )

    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.children):
            raise ConfigError(f"weighted: {len(self.children)} children need as many weights, got {len(self.weights)}")
        if not all(0 <= w <= MAX_WEIGHT for w in self.weights) or not any(self.weights):
            raise ConfigError(f"weights must lie in [0, {MAX_WEIGHT:g}] and not all be 0; got {shown(self.weights)}")
        object.__setattr__(self, "weights", tuple(float(w) for w in self.weights))  # 1 and 1.0 are one configuration
        super().__post_init__()

    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """See the class."""
        verdicts = self._verdicts(response, gold, context)
        counted = [(v, w) for v, w in zip(verdicts, self.weights, strict=True) if w > 0]
        broken = _first_ungradable([v for v, _ in counted])
        if broken is not None:
            return self._verdict(verdicts, broken, 0.0)
        failed = next((v for v, _ in counted if not v.passed), None)
        if failed is None:
            return self._verdict(verdicts, counted[0][0], 1.0, Reason("all_passed", "every weighted child passed"))
        score = math.fsum(v.score * w for v, w in counted) / math.fsum(w for _, w in counted)
        return self._verdict(verdicts, failed, min(score, _BELOW_ONE))


@dataclass(frozen=True)
class First(_Composite):
    """The first child that finds an answer decides; where none does, the last child's verdict stands.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> chain = make_verifier("first@1", children=["math@1", {"verifier": "number@1", "mode": "lenient"}])
        >>> chain.verify("I would say 7", 7).method
        'first'
    """

    name = "first"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "The response chooses its judge: it declares its answer in the form of the child that suits it.",
    )

    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """See the class."""
        verdicts: list[Verdict] = []
        for child in self.children:
            verdicts.append(child.verify(response, gold, context=context))
            if verdicts[-1].status is not Status.NO_ANSWER:
                break
        return self._verdict(verdicts, verdicts[-1], verdicts[-1].score)


MAX_WEIGHT = 1e6
_BELOW_ONE = math.nextafter(1.0, 0.0)


def all_of(*children: Verifier) -> AllOf:
    """`AllOf` over these children."""
    return AllOf(children)


def any_of(*children: Verifier) -> AnyOf:
    """`AnyOf` over these children."""
    return AnyOf(children)


def gate(condition: Verifier, then: Verifier) -> Gate:
    """`Gate`: `condition` must pass, then `then` decides."""
    return Gate((condition, then))


def weighted(*children: Verifier, weights: Sequence[float]) -> Weighted:
    """`Weighted` over these children."""
    return Weighted(children, tuple(weights))


def first(*children: Verifier) -> First:
    """`First` over these children."""
    return First(children)
