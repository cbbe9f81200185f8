"""`bouncing@1`: what is near enough, what is no answer, and what programs try that want the reward without the work."""

from __future__ import annotations

import doctest
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, Status, Verdict, make_verifier
from rlvr_gym.verifiers.bouncing import MAX_BALLS, Bouncing, Nearby, places_of
from rlvr_gym.verifiers.code.values import node

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verifiers" / "bouncing.md"
# A ball that goes to and fro between x = 0 and x = 80 with speed 30, and one that stands at (5, 7).
TIMES = [1.25, 3.5, 4.75]
REFERENCE = {
    "times": TIMES,
    "positions": [[[37.5, 5.0], [5.0, 7.0]], [[55.0, 5.0], [5.0, 7.0]], [[17.5, 5.0], [5.0, 7.0]]],
    "tolerance": 1.5,
}
RIGHT = "def predict_position(t):\n    s = 30 * t % 160\n    return [[min(s, 160 - s), 5.0], [5.0, 7.0]]\n"
VERIFIER = make_verifier("bouncing@1", limits={"cpu_s": 1, "wall_s": 2, "output_bytes": 100_000})
examples = settings(max_examples=60, deadline=None, derandomize=True)


def fenced(program: str) -> str:
    return f"```python\n{program}\n```"


def returning(value: str, before: str = "") -> str:
    """A program that computes the right places as `right` and gives something else."""
    computes = RIGHT.replace("predict_position", "places")
    return f"{before}\n{computes}\ndef predict_position(t):\n    right = places(t)\n    return {value}\n"


def judged(programs: list[str], reference: Any = REFERENCE) -> list[Verdict]:
    return VERIFIER.verify_batch([(fenced(program), reference) for program in programs])


# --- What is near enough ------------------------------------------------------------------------------------------


def test_each_time_is_a_test_and_the_score_is_their_share() -> None:
    late = returning("right if t < 4 else [[0, 0], [0, 0]]")
    early = returning("right if t < 2 else [[0, 0], [0, 0]]")
    verdicts = judged([RIGHT, late, early, returning("[[0, 0], [0, 0]]")])
    assert [verdict.score for verdict in verdicts] == [1.0, 2 / 3, 1 / 3, 0.0]
    assert [part.detail for part in verdicts[1].parts] == ["passed", "passed", "wrong answer"]
    assert [verdict.status for verdict in verdicts] == [Status.PASSED, *[Status.FAILED] * 3]


def test_every_ball_must_be_near_and_the_bound_belongs_to_it() -> None:
    # 3-4-5: (0.9, 1.2) is 1.5 away. With a mean, one ball 2.8 away would be paid for by an exact one.
    shifted = {
        shift: returning(f"[[right[0][0] + {shift[0]}, right[0][1] + {shift[1]}], right[1]]") for shift in _SHIFTS
    }
    verdicts = judged([*shifted.values(), returning("[right[1], right[0]]")])
    assert [verdict.passed for verdict in verdicts] == [*_SHIFTS.values(), False]


_SHIFTS = {
    (0.9, 1.2): True,
    (1.5, 0.0): True,
    (0.0, -1.5): True,
    (0.9, 1.21): False,
    (1.4, 1.4): False,
    (2.8, 0.0): False,
}


def test_lists_tuples_and_whole_numbers_are_answers() -> None:
    forms = [
        "right",
        "tuple(map(tuple, right))",
        "[tuple(p) for p in right]",
        "[[round(x), round(y)] for x, y in right]",
    ]
    assert [verdict.passed for verdict in judged([returning(form) for form in forms])] == [True] * 4


@examples
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=4), st.floats(0.01, 100))
def test_nearby_is_the_greatest_distance(places: list[tuple[float, float]], tolerance: float) -> None:
    wanted = [[x + 3.0, y - 4.0] for x, y in places]
    furthest = max(math.hypot(a[0] - b[0], a[1] - b[1]) for a, b in zip(wanted, places, strict=True))
    assert Nearby(tolerance=tolerance).equal(node(wanted), node(places)) is (furthest <= tolerance)


def test_what_is_no_answer_in_our_own_process() -> None:
    wanted = node([[0.0, 0.0]])
    every = Nearby(tolerance=1e300)
    for value in (
        [[0.0, math.nan]],
        [[math.inf, 0.0]],
        [[True, 0.0]],
        [["0", 0.0]],
        [[0.0, b"0"]],
        [[0.0, 0.0, 0.0]],
        [[0.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [],
        [0.0, 0.0],
        [{0.0, 1.0}],
        {0: [0.0, 0.0]},
        [[0j, 0.0]],
        [[None, 0.0]],
        [[10**400, 0.0]],
        [[[0.0], 0.0]],
        None,
        "[[0, 0]]",
    ):
        assert every.equal(wanted, node(value)) is False, value
    assert every.equal(wanted, node([[10**200, -5]])) is True
    assert places_of(node([[0.0, 0.0]] * (MAX_BALLS + 1))) is None


# --- What programs try --------------------------------------------------------------------------------------------

CLASSES = """
import math
class Shifting:
    told = 0
    def __float__(self):
        Shifting.told += 1
        return [37.5, 55.0, 17.5][Shifting.told % 3]
    __index__ = __int__ = lambda self: 5
class Near(float):
    __sub__ = __rsub__ = lambda self, other: 0.0
    __eq__ = __le__ = __ge__ = lambda self, other: True
    __float__ = lambda self: 55.0
    __hash__ = float.__hash__
class Pair(list):
    __len__ = lambda self: 2
    __eq__ = lambda self, other: True
    __iter__ = lambda self: iter((55.0, 5.0))
class Endless:
    __iter__ = lambda self: self
    __next__ = lambda self: [0.0, 0.0]
"""
# What is tried: the program, and the most that it may score.
ATTACKS: dict[str, tuple[str, float]] = {
    "one place for all times": (returning("[[37.5, 5.0], [5.0, 7.0]]"), 1 / 3),
    "the place at the beginning": (returning("[[0.0, 5.0], [5.0, 7.0]]"), 0.0),
    "the middle": (returning("[[40.0, 5.0], [5.0, 7.0]]"), 0.0),
    "a number that changes": (returning("[[Shifting(), 5.0], [5.0, 7.0]]", CLASSES), 0.0),
    "a number that is near everything": (returning("[[Near(1), Near(1)], [5.0, 7.0]]", CLASSES), 0.0),
    "a list that looks right": (returning("Pair([Pair([1.0, 2.0]), Pair()])", CLASSES), 0.0),
    "a list without end": (returning("Endless()", CLASSES), 0.0),
    "a generator": (returning("(place for place in right)"), 0.0),
    "a set": (returning("{(55.0, 5.0), (5.0, 7.0)}"), 0.0),
    "a dict": (returning("{0: right[0], 1: right[1]}"), 0.0),
    "texts": (returning("[[str(x), str(y)] for x, y in right]"), 0.0),
    "JSON": (returning("str(right)"), 0.0),
    "truth values": (returning("[[True, True], [True, True]]"), 0.0),
    "not a number": (returning("[[float('nan')] * 2] * 2"), 0.0),
    "infinity": (returning("[[float('inf'), 5.0], [5.0, 7.0]]"), 0.0),
    "a number without end": (returning("[[10 ** 5000, 5], [5, 7]]"), 0.0),
    "one ball too few": (returning("right[:1]"), 0.0),
    "one ball too many": (returning("right + right[:1]"), 0.0),
    "all balls that may be": (returning("[[x, 5] for x in range(100)]"), 0.0),
    "a million balls": (returning("[[0.0, 0.0]] * 10 ** 6"), 0.0),
    "prints without end": (returning("[print('x' * 10 ** 6) for _ in range(100)]"), 0.0),
    "prints the places": ("print([[55.0, 5.0], [5.0, 7.0]])\ndef predict_position(t): print([[55.0, 5.0]])", 0.0),
    "other functions of math": (
        "import math, builtins\nmath.dist = math.hypot = math.fabs = lambda *args: 0.0\n"
        "math.isfinite = lambda x: True\n"
        "builtins.abs = builtins.max = builtins.float = lambda *args: 0.0\n"
        "def predict_position(t): return [[1.0, 1.0], [1.0, 1.0]]",
        0.0,
    ),
    "looks into the files of its run": (
        "import os, re\ndef predict_position(t):\n    text = b''\n    for name in sorted(os.listdir('.')):\n"
        "        if 'harness' not in name and 'candidate' not in name: text += open(name, 'rb').read()\n"
        "    found = [float(x) for x in re.findall(rb'f[0-9a-f]+:(-?[0-9.]+)', text)]\n"
        "    assert sorted(found) == [1.25, 3.5, 4.75]\n    return [found[:2], [5.0, 7.0]]",
        0.0,
    ),
    "looks at its callers": (
        "import sys\ndef predict_position(t):\n    frame = sys._getframe()\n    while frame:\n"
        "        for space in (frame.f_locals, frame.f_globals):\n"
        "            for name in ('expected', 'positions', 'gold'):\n"
        "                if name in space: return space[name]\n        frame = frame.f_back",
        0.0,
    ),
    "ends the process": ("import os\nos._exit(0)", 0.0),
    "ends it at the second call": (
        "import os\nCALLS = []\n" + returning("CALLS.append(t) or len(CALLS) < 2 and right or os._exit(0)"),
        1 / 3,
    ),
    "raises": ("def predict_position(t): raise KeyboardInterrupt", 0.0),
    "is no function": ("predict_position = [[55.0, 5.0], [5.0, 7.0]]", 0.0),
    "has another name": (RIGHT.replace("predict_position", "predict"), 0.0),
    "is no Python": (RIGHT + "\n)", 0.0),
    "calls itself": ("def predict_position(t): return predict_position(t)", 0.0),
    "fills the memory": ("def predict_position(t): return [bytearray(2 ** 33)]", 0.0),
    "sleeps": ("import time\ndef predict_position(t): time.sleep(60)", 0.0),
    "never ends": ("def predict_position(t):\n    while True: pass", 0.0),
}


@pytest.fixture(scope="module")
def attacked() -> dict[str, Verdict]:
    verdicts = judged([program for program, _ in ATTACKS.values()])
    return dict(zip(ATTACKS, verdicts, strict=True))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_program_is_paid_for_what_it_does_not_know(name: str, attacked: dict[str, Verdict]) -> None:
    verdict = attacked[name]
    assert verdict.gradable, verdict.reason
    assert not verdict.passed
    assert verdict.score <= ATTACKS[name][1] + 1e-12
    told = json.dumps([*verdict.parts, verdict.reason])
    assert not [number for number in ("1.25", "4.75", "37.5", "17.5") if number in told]


def test_what_runs_out_of_a_limit_says_so(attacked: dict[str, Verdict]) -> None:
    assert attacked["sleeps"].status is attacked["never ends"].status is Status.TIMEOUT
    assert attacked["fills the memory"].status in (Status.LIMIT_EXCEEDED, Status.RUNTIME_ERROR)
    assert attacked["is no Python"].reason.code == "syntax_error"
    files = attacked["looks into the files of its run"]  # all times are there, and nothing that leads to a place
    assert {part.detail for part in files.parts} == {"wrong answer"}


def test_what_is_kept_between_calls_changes_nothing() -> None:
    """A program may keep what it computed; one that answers by the number of its call is as right as its answers."""
    keeps = "KNOWN = {}\n" + returning("KNOWN.setdefault(t, right)")
    closure = (
        "def made():\n    calls = 0\n    def predict_position(t):\n        nonlocal calls\n        calls += 1\n"
        "        return [[[37.5, 55.0, 17.5][calls - 1], 5], [5, 7]]\n    return predict_position\n"
        "predict_position = made()"
    )
    assert [verdict.passed for verdict in judged([keeps, closure])] == [True, True]
    fresh = make_verifier("bouncing@1", fresh_state=True)
    assert fresh.verify(fenced(keeps), REFERENCE).passed
    assert fresh.verify(fenced(closure), REFERENCE).score == pytest.approx(1 / 3)


def test_a_sandbox_that_fails_is_no_zero() -> None:
    verdict = make_verifier("bouncing@1", min_isolation="hardened").verify(fenced(RIGHT), REFERENCE)
    assert (verdict.status, verdict.gradable) == (Status.SANDBOX_ERROR, False)


# --- References and settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"times": [1.0, 2.0]}, "bad_reference"),
        ({"times": [1.0, 2.0, math.nan]}, "bad_reference"),
        ({"times": [1.0, 2.0, 10**400]}, "bad_reference"),
        ({"times": [1.0] * 1001}, "too_many_tests"),
        ({"tolerance": math.inf}, "bad_reference"),
        ({"tolerance": "1"}, "bad_reference"),
        ({"positions": [[[0.0, 0.0]] * 1001] * 3}, "bad_reference"),
        ({"positions": [[[0.0, math.nan]]] * 3}, "bad_reference"),
        ({"positions": []}, "no_tests"),
        ({"more": 1}, "unknown_key"),
    ],
)
def test_references_are_checked(change: dict[str, Any], code: str) -> None:
    report = VERIFIER.check_reference({**REFERENCE, **change})
    assert (report.ok, report.reason.code) == (False, code)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"language": "c"}, "language of bouncing@1 can only be 'python'"),
        ({"rescale": "balanced_accuracy"}, "rescale of bouncing@1 can only be ''"),
        ({"blocks": "first"}, "blocks must be one of"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Bouncing(**settings)


def test_the_page_is_true() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0
