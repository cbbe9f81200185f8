"""`bouncing@1`: a program that predicts where balls are, run in the sandbox of `code@1` at times that are not told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code import Code
from rlvr_gym.verifiers.code.calls import Calls, parse_calls
from rlvr_gym.verifiers.code.values import Node, Policy
from rlvr_gym.verifiers.code.work import keys_of, rows_of
from rlvr_gym.verifiers.errors import ConfigError, shown

ENTRY_POINT = "predict_position"
MAX_TIMES = 1000
MAX_BALLS = 1000
_NUMBERS = (b"i", b"f")
_LISTS = (b"l", b"t")


@dataclass(frozen=True)
class Nearby(Policy):
    """An answer is right where each ball is no further from its place than a tolerance.

    The greatest distance counts rather than the mean: a mean would let balls that are exact pay for one that is lost.

    Args:
        tolerance: In metres.

    Example:
        >>> from rlvr_gym.verifiers.code.values import node
        >>> wanted = node([[3.0, 4.0], [0.0, 0.0]])
        >>> near, far = node([(3, 4.5), (0, 0.5)]), node([[3.0, 4.0], [0.0, 2.0]])
        >>> Nearby(tolerance=1.0).equal(wanted, near), Nearby(tolerance=1.0).equal(wanted, far)
        (True, False)
    """

    tolerance: float = 0.0

    def equal(self, expected: Node, got: Node, top: bool = True) -> bool:
        """See `Policy.equal`; whatever is no list of pairs of finite numbers is not equal."""
        wanted, places = places_of(expected), places_of(got)
        if wanted is None or places is None or len(wanted) != len(places):
            return False
        return all(math.dist(a, b) <= self.tolerance for a, b in zip(wanted, places, strict=True))


def places_of(tree: Node) -> list[tuple[float, float]] | None:
    """An answer as places; None where it is none. Lists and tuples are alike, whole numbers are numbers.

    Example:
        >>> from rlvr_gym.verifiers.code.values import node
        >>> places_of(node([(1, 2.5)])), places_of(node([[1, True]])), places_of(node([[1, float("nan")]]))
        ([(1.0, 2.5)], None, None)
    """
    tag, balls = tree
    if tag not in _LISTS or len(balls) > MAX_BALLS:
        return None
    places = []
    for kind, pair in balls:
        if kind not in _LISTS or len(pair) != 2 or any(one[0] not in _NUMBERS for one in pair):
            return None
        try:
            x, y = float(pair[0][1]), float(pair[1][1])
        except OverflowError:  # an integer beyond all floats
            return None
        if not (math.isfinite(x) and math.isfinite(y)):
            return None
        places.append((x, y))
    return places


@dataclass(frozen=True)
class Bouncing(Code):
    """Judges a Python program with a function `predict_position(t)` by its answers at times that it is not told before.

    The reference is `{"times": [0.5, 1.25], "positions": [[[x, y]], [[x, y]]], "tolerance": 2.0}`: for each time the
    places of all balls, in metres. Each time is a test. The score is the share of the times at which every ball is
    within the tolerance; the verdict passes when all are right. A free score for answers that need no thought must be
    kept away by who chooses the times, as `rlvr/BouncingSim-v0` does.

    Args:
        sandbox: See `code@1`.
        sandbox_config: See `code@1`.
        min_isolation: See `code@1`.
        limits: See `code@1`.
        blocks: See `code@1`.
        language: `"python"`.
        rescale: `""`.
        fresh_state: See `code@1`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> verifier = Bouncing()
        >>> reference = {"times": [1.0, 3.0], "positions": [[[30.0, 0.0]], [[90.0, 0.0]]], "tolerance": 0.5}
        >>> program = "```python\\ndef predict_position(t):\\n    return [[30.2 * t, 0]]\\n```"
        >>> verdict = verifier.verify(program, reference)
        >>> verdict.score, [part.detail for part in verdict.parts]
        (0.5, ['passed', 'wrong answer'])
    """

    name: ClassVar[str] = "bouncing"
    version: ClassVar[int] = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A program that is right at the times that are asked passes, also where it is wrong at another.",
        "A place that is wrong by less than the tolerance counts as right, as does one that is right by luck.",
        "How a place is found is not judged: a table, a formula and a simulation are alike, below the limits.",
        "A program sees the times of its run, though no places, and may keep what it computed for the next call.",
        "A program that draws random numbers, looks at a clock or runs close to a limit may be judged otherwise the "
        "next time.",
    )

    def __post_init__(self) -> None:
        for setting, value, only in (("language", self.language, "python"), ("rescale", self.rescale, "")):
            if value != only:
                raise ConfigError(f"{setting} of bouncing@1 can only be {only!r}, got {shown(value)}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Calls:
        """See `Verifier.parse_reference`."""
        keys_of(reference, "the reference", ("times", "positions", "tolerance"))
        times = [_number(time, "a time", 0.0) for time in rows_of(reference["times"], "'times'")]
        rows = [_row(row) for row in rows_of(reference["positions"], "'positions'")]
        tolerance = _number(reference["tolerance"], "'tolerance'", 0.0)
        if len(times) > MAX_TIMES:
            raise ReferenceFault("too_many_tests", f"at most {MAX_TIMES:,} times are asked, not {len(times):,}")
        if len(rows) != len(times) or len({len(row) for row in rows}) != 1:
            raise ReferenceFault(
                "bad_reference", "'positions' must have the same number of balls for each of the times"
            )
        if tolerance == 0.0:
            raise ReferenceFault("bad_reference", "'tolerance' must be above 0")
        tests = [{"args": [time], "expected": row} for time, row in zip(times, rows, strict=True)]
        return replace(
            parse_calls({"kind": "calls", "entry_point": ENTRY_POINT, "tests": tests}),
            policy=Nearby(tolerance=tolerance),
        )


def _row(row: Any) -> list[list[float]]:
    balls = rows_of(row, "an entry of 'positions'")
    if len(balls) > MAX_BALLS:
        raise ReferenceFault("bad_reference", f"at most {MAX_BALLS:,} balls are compared, not {len(balls):,}")
    places = []
    for place in balls:
        if not isinstance(place, list | tuple) or len(place) != 2:
            raise ReferenceFault("bad_reference", f"a place must be [x, y], got {shown(place)}")
        places.append([_number(one, "a coordinate", -math.inf) for one in place])
    return places


def _number(value: Any, what: str, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ReferenceFault("bad_reference", f"{what} must be a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number >= least):
        raise ReferenceFault("bad_reference", f"{what} must be a finite number of at least {least}, got {shown(value)}")
    return number
