"""The judge: runs the tests of a data set inside a sandbox of its own, with a proxy in the place of the candidate.

The candidate's text never comes here. The report goes out on stderr, which is taken away from the tests before they
run. What goes wrong before the candidate was heard is a fault of the tests; what goes wrong afterwards is the
candidate's failure.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable
from typing import Any

from rlvr_gym.verifiers.code.proxy import Link, Proxy, Stopped
from rlvr_gym.verifiers.code.wire import Channel, builtin, decode, encode, own_streams

PASSED, WRONG, BROKEN, MEMORY, STOPPED = "passed", "wrong answer", "runtime error", "memory limit", "stopped"


class Failed(BaseException):
    """A test says itself that it failed, or that it should be skipped."""


class Step:
    """One thing to do.

    Args:
        run: Does it.
        counts: It is a test; else it stands between tests.
        shown: What the candidate answered may be told.
    """

    def __init__(self, run: Callable[[], object], counts: bool = True, shown: bool = False) -> None:
        self.run, self.counts, self.shown = run, counts, shown


class Report:
    """What leaves the judge: messages on what was stderr."""

    def __init__(self, sink: int) -> None:
        self.channel = Channel(-1, sink)
        os.write(sink, b"\0report\n")

    def tell(self, *message: Any) -> None:
        """One message."""
        self.channel.write(encode(message, lambda value: (b"s", b"?", None)))


def execute(source: str, names: dict[str, Any], label: str) -> None:
    """Execute trusted source of the data set."""
    exec(compile(source, label, "exec", dont_inherit=True), names)  # noqa: S102 - tests run here, in the sandbox


def source_steps(task: dict[str, Any], link: Link) -> list[Step]:
    """Steps of the kinds `asserts` and `check`: statements over one set of names."""
    names: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
    for source in task["prelude"]:
        execute(source, names, "tests.py")
    names.update({alias: link.root(name) for alias, name in task["names"]})
    steps = []
    for source, counts, shown in task["steps"]:
        code = compile(source, "tests.py", "exec", dont_inherit=True)
        steps.append(Step(lambda code=code: exec(code, names), counts, shown))  # type: ignore[misc] # noqa: S102
    return steps


def outcome_of(step: Step, link: Link) -> tuple[str, str]:
    """Run a step: how it went, and for tests that may be shown what the candidate answered last."""
    link.last, link.raised = None, []
    try:
        step.run()
    except Stopped:
        return STOPPED, ""
    except BaseException as error:  # noqa: BLE001 - whatever the tests raise
        if link.gone:
            return STOPPED, ""
        if not link.heard and not isinstance(error, Failed):
            return "fault", f"{type(error).__name__}: {str(error)[:500]}"
        broken = any(error is raised for raised in link.raised)
        word = WRONG if not broken else MEMORY if isinstance(error, MemoryError) else BROKEN
        return word, _shown(link, error if broken else None) if step.shown else ""
    return (STOPPED if link.gone else PASSED), ""


def _shown(link: Link, error: BaseException | None) -> str:
    """What the candidate answered last, or raised, as text; asks nothing of the candidate any more."""
    link.ready = False
    try:
        if error is not None:
            return f"{error.rlvr_names[0]}: {error}"[:500]  # type: ignore[attr-defined]
        return "an object" if isinstance(link.last, Proxy) else repr(link.last)[:500]
    except Exception:  # noqa: BLE001 - a value that Python refuses to print, or with an object in it
        return "a value that cannot be printed"
    finally:
        link.ready = True


def judge(task: dict[str, Any], link: Link, report: Report, steps: list[Step]) -> None:
    """Wait for the candidate, then run all steps and report on each test."""
    report.tell("begin")
    link.ready = True
    try:
        if link.receive() != ("ready",):
            link.stop()
        report.tell("ready")
        hello = link.receive()
        if [type(part) for part in hello] != [str, str, str] or hello[0] != "hello":
            link.stop()
    except Stopped:
        return report.tell("stopped")
    if hello[1] != "ok":
        return report.tell("load", hello[1])
    for step in steps:
        word, got = outcome_of(step, link)
        if word == "fault":
            return report.tell("fault", got)
        if word == STOPPED or (not step.counts and word != PASSED):
            return report.tell("stopped" if word == STOPPED else "broken", word)
        if step.counts:
            report.tell("test", word, got)
    report.tell("done")


def main() -> None:
    """Load the tests, run them, report."""
    source, sink, errors = own_streams()
    report = Report(errors)
    with open("task.bin", "rb") as file:
        task = decode(file.read(), builtin)
    link = Link(Channel(source, sink))
    try:
        steps = globals()[task["collector"]](task, link)
    except BaseException as error:  # noqa: BLE001 - whatever the tests raise when they are loaded
        report.tell("fault", f"{type(error).__name__}: {str(error)[:500]}")
        os._exit(0)
    report.tell("tests", sum(step.counts for step in steps))
    if not task["dry"]:
        only = task["only"]
        judge(task, link, report, steps if only is None else _alone_with(steps, only))
    os._exit(0)


def _alone_with(steps: list[Step], only: int) -> list[Step]:
    """The test of this number and all that stands before it and is no test."""
    number, kept = -1, []
    for step in steps:
        number += step.counts
        if not step.counts or number == only:
            kept.append(step)
        if number == only:
            break
    return kept


if __name__ == "__main__":
    main()
