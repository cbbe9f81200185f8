"""What the command line prints: plain tables, and progress: a bar where somebody watches, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from rlvr_gym.benchmarks import Comparison, Summary

LINE_EVERY_S = 15.0


def say(text: str = "") -> None:
    """One line to standard output; what its encoding cannot say is escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """One line to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text: the first column to the left, the others to the right.

    Example:
        >>> print(table(["k", "pass@k"], [["1", "20.0 %"], ["16", "90.5 %"]]))
        k   pass@k
        1   20.0 %
        16  90.5 %
    """
    cells = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        padded = [
            text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def percent(value: float) -> str:
    """A share in percent with one decimal.

    Example:
        >>> percent(0.9051)
        '90.5 %'
    """
    return f"{100 * value:.1f} %"


def summary_table(summaries: Sequence[Summary]) -> str:
    """pass@k of each run with its 95 % band, one row a k."""
    ks = list(dict.fromkeys(point.k for s in summaries for point in s.curve))
    header = ["k"] + [f"{s.run} pass@k (95 % band)" for s in summaries]
    rows = []
    for k in sorted(ks):
        points = [next((p for p in s.curve if p.k == k), None) for s in summaries]
        rows.append(
            [str(k), *(f"{percent(p.estimate)} ({percent(p.low)} to {percent(p.high)})" if p else "-" for p in points)]
        )
    return table(header, rows)


def counts_line(summary: Summary) -> str:
    """Tasks and samples of a run, ungradable ones apart."""
    text = (
        f"{summary.run}: {summary.included} of {summary.tasks} tasks, {summary.samples} samples, "
        f"{summary.passed} passed, {summary.ungradable} ungradable, {summary.cut_off} cut off"
    )
    if summary.agreement is not None:
        text += f"; verdict = recorded label on {summary.agreement.agreed} of {summary.agreement.labelled}"
    if summary.tools:
        used = (f"{name or 'no such tool'} {row['calls'] / summary.samples:.2f}" for name, row in summary.tools.items())
        text += f"; calls an episode: {', '.join(used)}"
    return text


def comparison_table(comparison: Comparison) -> str:
    """Both curves and their difference, one row a k."""
    header = ["k", comparison.base, comparison.other, "difference (95 % band)"]
    rows = [
        [
            str(p.k),
            percent(p.base),
            percent(p.other),
            f"{100 * p.difference:+.1f} ({100 * p.low:+.1f} to {100 * p.high:+.1f})",
        ]
        for p in comparison.curve
    ]
    return table(header, rows)


@contextmanager
def progress_bar(label: str) -> Iterator[_Update]:
    """A progress bar on standard error where that is a terminal, else a line every 15 seconds.

    Yields:
        A function of (done, total, note).
    """
    note = TextColumn("{task.fields[note]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note)
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        yield _Update(bar, bar.add_task(label, total=None, note=""), "" if console.is_terminal else label)


class _Update:
    """Moves one task of a progress bar, or with a label writes lines."""

    def __init__(self, bar: Progress, task: TaskID, label: str) -> None:
        self._bar, self._task, self._label, self._told = bar, task, label, time.monotonic()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self._bar.update(self._task, completed=done, total=total, note=note)
        if self._label and time.monotonic() - self._told >= LINE_EVERY_S:
            self._told = time.monotonic()
            warn(f"{self._label}: {done:,} of {total:,}{', ' * bool(note)}{note}")
