"""What a check is, and what a run of the kit says."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rlvr_gym.verifiers import RlvrError

if TYPE_CHECKING:
    from rlvr_gym.envs.check.subject import Subject

PASSED, FAILED, NOT_APPLICABLE, SKIPPED = "passed", "failed", "not applicable", "skipped"
MARKS = {PASSED: "ok", FAILED: "FAIL", NOT_APPLICABLE: "n/a", SKIPPED: "skip"}


class NotApplicable(RlvrError, RuntimeError):
    """Raised by a check that cannot be run on this environment; the text says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the kit's table.

    Args:
        name: What `skip` and `only` call it.
        sentence: What holds for an environment that passes.
        advice: What to do where it does not.
        run: Gives what was seen where the sentence does not hold, else None; raises `NotApplicable`.
        needs: Checks without which this one's outcome says nothing: it compares what they make comparable.
    """

    name: str
    sentence: str
    advice: str
    run: Callable[[Subject], str | None]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found.

    Args:
        name: Of the check.
        status: `"passed"`, `"failed"`, `"not applicable"` or `"skipped"`.
        expected: The check's sentence.
        seen: What was seen instead, or why the check could not be run; empty where it passed.
        advice: What to do; empty unless it failed.
    """

    name: str
    status: str
    expected: str
    seen: str = ""
    advice: str = ""

    def __str__(self) -> str:
        note = f": {self.seen}" if self.status == NOT_APPLICABLE else ""
        return f"{MARKS[self.status]:<4} {self.name}{note}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the kit found, check by check; as text, a table of marks and then the failures in full.

    Args:
        env: The environment, as it names itself.
        outcomes: One a check, in the order of the table.

    Example:
        >>> report = CheckReport("my env", (Outcome("flags", "passed", "Never both."),))
        >>> report.ok, str(report)
        (True, 'my env: 1 passed\\nok   flags')
    """

    env: str
    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed. What could not be run counts as neither: see `not_applicable`."""
        return not self.failed

    @property
    def passed(self) -> tuple[str, ...]:
        """Names of the checks that passed."""
        return self._named(PASSED)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return self._named(FAILED)

    @property
    def not_applicable(self) -> tuple[str, ...]:
        """Names of the checks that could not be run."""
        return self._named(NOT_APPLICABLE)

    def __getitem__(self, name: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.name == name)

    def __str__(self) -> str:
        counts = {status: len(self._named(status)) for status in MARKS}
        head = f"{self.env}: " + ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        return "\n".join([head, *map(str, self.outcomes), *map(explained, self._failures())])

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return {"env": self.env, "ok": self.ok, "outcomes": [asdict(outcome) for outcome in self.outcomes]}

    def _named(self, status: str) -> tuple[str, ...]:
        return tuple(outcome.name for outcome in self.outcomes if outcome.status == status)

    def _failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status == FAILED]


class CheckFailed(RlvrError, AssertionError):
    """An environment does not do what it promises; the message has every failed check.

    Args:
        report: The whole report.
    """

    def __init__(self, report: CheckReport) -> None:
        self.report = report
        failures = [outcome for outcome in report.outcomes if outcome.status == FAILED]
        count = "1 check" if len(failures) == 1 else f"{len(failures)} checks"
        super().__init__("\n".join([f"{report.env} fails {count}", *map(explained, failures)]))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.report,)


def explained(failure: Outcome) -> str:
    """A failed check in full."""
    lines = {"expected": failure.expected, "seen": failure.seen, "do": failure.advice}
    told = (textwrap.indent(f"{label}: {text}", "  ") for label, text in lines.items())
    return "\n".join([f"{failure.name}", *told])
