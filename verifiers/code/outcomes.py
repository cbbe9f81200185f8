"""How each test went, and what that makes of the whole: status, score, parts.

The status of what did not pass is that of its worst outcome, in the order timeout, limit, runtime error, wrong answer.
The score is the share of the weight of the tests that passed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.sandbox import RunResult
from rlvr_gym.verifiers.verdict import Part, Reason, Status

PASSED, WRONG, BROKEN, MEMORY, NOT_RUN = "passed", "wrong answer", "runtime error", "memory limit", "not run"

# From worst to least: the first that occurs names the status and the reason of the whole.
_PRECEDENCE: tuple[tuple[str, Status, str], ...] = (
    ("timeout", Status.TIMEOUT, "timeout"),
    ("memory limit", Status.LIMIT_EXCEEDED, "memory_limit"),
    ("output limit", Status.LIMIT_EXCEEDED, "output_limit"),
    ("process limit", Status.LIMIT_EXCEEDED, "process_limit"),
    ("file limit", Status.LIMIT_EXCEEDED, "file_limit"),
    (BROKEN, Status.RUNTIME_ERROR, "runtime_error"),
    (WRONG, Status.FAILED, "wrong_answer"),
    (NOT_RUN, Status.FAILED, "not_run"),
)
_LIMITS = {
    "cpu": "timeout",
    "wall": "timeout",
    "memory": "memory limit",
    "output": "output limit",
    "processes": "process limit",
    "file": "file limit",
}


class Test(NamedTuple):
    """One obligation, as far as the verdict tells of it.

    Args:
        weight: Its weight in the score.
        public: What it asks, expects and got may be told.
        asked: What it asks, for people.
        expected: What it expects, for people.
        group: Its class for `balanced_accuracy`; None where it has none.
    """

    weight: float = 1.0
    public: bool = False
    asked: str = ""
    expected: str = ""
    group: str | None = None


class Outcome(NamedTuple):
    """How one test went.

    Args:
        word: `passed`, `wrong answer`, `runtime error`, `timeout`, `memory limit`, ..., `not run`.
        got: What the candidate answered, as text; empty where that is not known.
    """

    word: str
    got: str = ""


class Judged(NamedTuple):
    """How all tests went.

    Args:
        outcomes: One for each test.
        cause: A reason code that says more than the outcomes do, for example `syntax_error`.
        complete: All that had to run did; without it nothing passes.
        tests: The tests, where they were only known after they had been collected.
    """

    outcomes: Sequence[Outcome]
    cause: str = ""
    complete: bool = True
    tests: Sequence[Test] | None = None


class Ungradable(Exception):
    """What happened is not the candidate's doing."""

    def __init__(self, status: Status, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.reason = status, Reason(code, text)


def ending(*results: RunResult | None) -> str:
    """The word for a program that ended before it had answered: the first limit that was met, else a runtime error.

    Example:
        >>> ending(None)
        'runtime error'
    """
    limits = [result.limit for result in results if result is not None and result.limit is not None]
    return _LIMITS.get(limits[0], BROKEN) if limits else BROKEN


def not_loaded(how: str, total: int) -> Judged:
    """The outcomes of a program that could not be loaded.

    Args:
        how: What the runner said: `syntax error`, `runtime error` or `memory limit`.
        total: How many tests there are.
    """
    word = MEMORY if how == MEMORY else BROKEN
    cause = {"syntax error": "syntax_error", MEMORY: ""}.get(how, "load_error")
    return Judged([Outcome(word)] * total, cause)


def cut_short(answered: Sequence[Outcome], total: int, word: str) -> list[Outcome]:
    """The outcomes of a run that ended early: what was answered, the test under way, and the rest that never ran.

    Example:
        >>> [outcome.word for outcome in cut_short([Outcome("passed")], 4, "timeout")]
        ['passed', 'timeout', 'not run', 'not run']
    """
    missing = total - len(answered)
    return [*answered[:total], *([Outcome(word)] if missing > 0 else []), *[Outcome(NOT_RUN)] * max(missing - 1, 0)]


def status_of(judged: Judged, total: int) -> tuple[Status, Reason]:
    """Status and reason of the whole.

    Args:
        judged: How the tests went.
        total: How many there are; fewer outcomes never pass.
    """
    words = [outcome.word for outcome in judged.outcomes]
    passed = words.count(PASSED)
    if judged.complete and total == len(words) == passed > 0:
        return Status.PASSED, Reason("all_passed", f"all {total} tests passed")
    for word, status, code in _PRECEDENCE:
        if word in words:
            first = words.index(word) + 1
            return status, Reason(judged.cause or code, f"{passed} of {total} tests passed; test {first}: {word}")
    return Status.FAILED, Reason(judged.cause or "incomplete", "the tests did not run to their end")


def score_of(tests: Sequence[Test], judged: Judged, rescale: str) -> float:
    """The dense score.

    Args:
        tests: The tests.
        judged: How they went.
        rescale: `"balanced_accuracy"`: where the tests are of exactly two classes, the sum of the recalls of both less
            one, and at least 0, so that one constant answer for all earns nothing. Else the share of the weight that
            passed.

    Example:
        >>> tests = [Test(group="True"), Test(group="True"), Test(group="False")]
        >>> judged = Judged([Outcome("passed"), Outcome("passed"), Outcome("wrong answer")])
        >>> round(score_of(tests, judged, ""), 3), score_of(tests, judged, "balanced_accuracy")
        (0.667, 0.0)
    """
    hits = [outcome.word == PASSED for outcome in judged.outcomes]
    groups = sorted({test.group for test in tests if test.group is not None})
    if rescale == "balanced_accuracy" and len(groups) == 2 and all(test.group is not None for test in tests):
        recalls = [
            _share([(t.weight, hit) for t, hit in zip(tests, hits, strict=True) if t.group == g]) for g in groups
        ]
        return max(0.0, math.fsum(recalls) - 1.0)
    return _share([(test.weight, hit) for test, hit in zip(tests, hits, strict=True)])


def _share(rows: list[tuple[float, bool]]) -> float:
    return math.fsum(weight for weight, hit in rows if hit) / math.fsum(weight for weight, _ in rows)


def parts_of(tests: Sequence[Test], judged: Judged) -> tuple[Part, ...]:
    """One part a test. Of a test that is not public, the word for its outcome is all that is told.

    Example:
        >>> tests = [Test(public=True, asked="f(2)", expected="4"), Test(asked="f(3)", expected="9")]
        >>> for part in parts_of(tests, Judged([Outcome("wrong answer", "5"), Outcome("wrong answer", "6")])):
        ...     print(part.name, part.detail)
        test 1 wrong answer: asked 'f(2)', expected '4', got '5'
        test 2 wrong answer
    """
    parts = []
    for number, (test, outcome) in enumerate(zip(tests, judged.outcomes, strict=True), start=1):
        detail = outcome.word
        if test.public and outcome.word != PASSED:
            told = (("asked", test.asked), ("expected", test.expected), ("got", outcome.got))
            detail += ": " + ", ".join(f"{name} {shown(text, 200)}" for name, text in told if text)
        parts.append(Part(f"test {number}", outcome.word == PASSED, float(outcome.word == PASSED), detail.rstrip(": ")))
    return tuple(parts)
