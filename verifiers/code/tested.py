"""The kinds whose tests are programs: `asserts` (MBPP), `check` (HumanEval) and `pytest`.

The tests run in one sandbox, the candidate in another; a proxy stands for the candidate among the tests. See `judge`
and `runner` for what each side does, and `wire` for what passes between them.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.outcomes import Judged, Outcome, Test, Ungradable, cut_short, ending, not_loaded
from rlvr_gym.verifiers.code.program import JUDGE, PYTEST_JUDGE, RUNNER, harness
from rlvr_gym.verifiers.code.sources import (
    Statement,
    group_of,
    has_assert,
    is_vacuous,
    missing_imports,
    parsed,
    read_check,
    read_prompt,
)
from rlvr_gym.verifiers.code.wire import WireError, encode
from rlvr_gym.verifiers.code.work import (
    Ask,
    Setup,
    Work,
    common_of,
    keys_of,
    limits_of,
    report_of,
    rows_of,
    text_of,
    texts_of,
)
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.sandbox import Limits, RunResult, RunSpec
from rlvr_gym.verifiers.verdict import Status

MUTATIONS = ("none_result", "always", "never")


class Report(NamedTuple):
    """What a judge said.

    Args:
        fault: Where the tests went wrong by themselves, in what way; else empty.
        tests: How many tests it found; None where it did not come so far.
        began: It came to the point where the candidate is heard.
        ready: The candidate's process was there.
        load: How the candidate failed to be loaded; else empty.
        outcomes: How the tests went, as far as they ran.
        done: It came to its end.
        broken: How what stands between tests went wrong; else empty.
    """

    fault: str = ""
    tests: int | None = None
    began: bool = False
    ready: bool = False
    load: str = ""
    outcomes: tuple[Outcome, ...] = ()
    done: bool = False
    broken: str = ""


def read_report(stderr: bytes) -> Report:
    """Read what a judge wrote.

    Example:
        >>> read_report(b"Fatal Python error").began
        False
    """
    report = Report()
    outcomes: list[Outcome] = []
    for kind, parts in report_of(stderr) or ():
        values = [content for _, content in parts]
        if kind == "fault":
            report = report._replace(fault=str(values[0]).partition(":")[0])
        elif kind == "tests":
            report = report._replace(tests=values[0])
        elif kind == "load":
            report = report._replace(load=str(values[0]))
        elif kind == "test":
            outcomes.append(Outcome(values[0], values[1]))
        elif kind == "broken":
            report = report._replace(broken=values[0])
        elif kind == "begin":
            report = report._replace(began=True)
        elif kind == "ready":
            report = report._replace(ready=True)
        elif kind == "done":
            report = report._replace(done=True)
    return report._replace(outcomes=tuple(outcomes))


@dataclass(frozen=True)
class Tested:
    """A reference whose tests are programs.

    Args:
        tests: What the verdict tells of the tests; empty for `pytest`, where they are only known once collected.
        judge: The parts of the judge's program.
        judge_task: What the judge is told.
        runner_task: What the runner is told.
        limits: The limits that the reference declares.
    """

    tests: tuple[Test, ...]
    judge: tuple[str, ...]
    judge_task: dict[str, Any]
    runner_task: dict[str, Any]
    limits: dict[str, Any] = field(default_factory=dict)

    def language(self, default: str) -> str:
        """See `Kind`."""
        return "python"

    def work(self, code: str, setup: Setup) -> Work:
        """Run judge and runner together, once or once for each test; read the report."""
        limits = limits_of(self.limits, setup.limits)
        runner = self._runner(code, limits, setup)
        if not setup.fresh_state:
            [result] = yield Ask([self._judge(limits, runner)])
            return (yield from self._judged(result, limits, len(self.tests) or None))
        total = len(self.tests)
        if not total:
            total = (yield from self._collected(limits)).tests or 0
        results = yield Ask([self._judge(limits, runner, only) for only in range(total)])
        judged = []
        for result in results:
            judged.append((yield from self._judged(result, limits, total, alone=True)))
        outcomes = [one.outcomes[0] for one in judged]
        causes = [one.cause for one in judged if one.cause]
        complete = all(one.complete for one in judged)
        return Judged(outcomes, causes[0] if causes else "", complete, self.tests or [Test()] * total)

    def _runner(self, code: str, limits: Limits, setup: Setup) -> RunSpec:
        task = dict(self.runner_task)
        if "prompt" in task and not setup.joined and not task["prompt"].endswith("\n"):
            task["prompt"] += "\n"
        files: dict[str, bytes | str] = {"task.bin": encode(task), "candidate.py": code}
        return harness(RUNNER, files, limits)

    def _judge(self, limits: Limits, runner: RunSpec | None, only: int | None = None) -> RunSpec:
        task = encode({**self.judge_task, "only": only, "dry": runner is None})
        return harness(self.judge, {"task.bin": task}, limits, runner)

    def _judged(
        self, result: RunResult, limits: Limits, expected: int | None, alone: bool = False
    ) -> Generator[Ask, list[Any], Judged]:
        report = read_report(result.stderr)
        if not report.began and not report.fault:
            collected = yield from self._collected(limits)
            report = report._replace(tests=collected.tests)  # without the candidate the tests can be loaded
        if report.fault:
            text = f"the tests fail by themselves, before the candidate has answered: {report.fault}"
            raise Ungradable(Status.REFERENCE_ERROR, "broken_tests", text)
        found = report.tests or 0
        if found < 1 or expected not in (None, found):
            text = f"{found} tests were found, and {expected or 'at least one'} expected"
            raise Ungradable(Status.REFERENCE_ERROR, "no_tests", text)
        if report.began and not report.ready:
            raise Ungradable(Status.SANDBOX_ERROR, "not_started", "the candidate's process did not come to start")
        total = 1 if alone else found
        tests = self.tests or [Test()] * found
        if report.load:
            return not_loaded(report.load, total)._replace(tests=tests)
        word = report.broken or ending(result.peer, result)
        return Judged(cut_short(report.outcomes, total, word), complete=report.done, tests=tests)

    def _collected(self, limits: Limits) -> Generator[Ask, list[Any], Report]:
        """What the judge says without any candidate."""
        [result] = yield Ask([self._judge(limits, None)])
        report = read_report(result.stderr)
        if not report.tests:
            why = report.fault or (result.limit if report.tests is None else "there are none") or "they end the process"
            raise Ungradable(Status.REFERENCE_ERROR, "broken_tests", f"the tests cannot be loaded: {why}")
        return report


def parse_asserts(reference: dict[str, Any]) -> Tested:
    """Read a reference of the kind `asserts`.

    Raises:
        ReferenceFault: It cannot be used.
    """
    keys_of(reference, "the reference", ("kind", "asserts", "names"), ("imports", "prelude", "mutations", "limits"))
    names = _names(reference["names"])
    imports = texts_of(reference.get("imports", []), "'imports'")
    before = "\n".join([*imports, text_of(reference.get("prelude", ""), "'prelude'")])
    tests, statements = [], []
    for row in rows_of(reference["asserts"], "'asserts'"):
        row = keys_of({"assert": row} if isinstance(row, str) else row, "a test", ("assert",), ("weight", "public"))
        tree = parsed(text_of(row["assert"], "a test"), "a test")
        if not has_assert(tree):
            raise ReferenceFault("no_assert", f"a test must hold an assert, got {shown(row['assert'])}")
        statement = Statement(row["assert"], not all(is_vacuous(node) for node in tree.body), group_of(tree.body[-1]))
        statements.append(statement)
        if statement.counts:
            tests.append(Test(*common_of(row), asked=row["assert"], group=statement.group))
    tree = parsed("\n".join([before, *(statement.source for statement in statements)]), "the tests")
    before = _imports(missing_imports([tree], names)) + before
    task = _source_task([before], {name: name for name in names}, statements, tests)
    return _tested(reference, tests, JUDGE, task, {"imports": imports})


def parse_check(reference: dict[str, Any]) -> Tested:
    """Read a reference of the kind `check`.

    Raises:
        ReferenceFault: It cannot be used.
    """
    keys_of(reference, "the reference", ("kind", "test", "entry_point"), ("prompt", "public", "mutations", "limits"))
    [entry_point] = _names([reference["entry_point"]])
    _, public = common_of({"public": reference.get("public", False)})
    taken = read_check(text_of(reference["test"], "'test'"))
    source = "\n".join([taken.before, *(statement.source for statement in taken.statements)])
    trees = [parsed(source, "the test")]
    prelude, runner_task = [taken.before], {"imports": [], "entry_point": entry_point}
    if "prompt" in reference:
        prompt = text_of(reference["prompt"], "'prompt'")
        given, helpers = read_prompt(prompt, entry_point)
        runner_task |= {"prompt": prompt, "given": given}
        used = {node.id for node in ast.walk(trees[0]) if isinstance(node, ast.Name)}
        if used & helpers:
            trees.append(parsed(given, "the prompt"))
            prelude.insert(0, given)
    missing = missing_imports(trees, (entry_point, taken.argument))
    tests = [Test(public=public, asked=s.source, group=s.group) for s in taken.statements if s.counts]
    names = {entry_point: entry_point, taken.argument: entry_point}
    task = _source_task([_imports(missing), *prelude], names, taken.statements, tests)
    return _tested(reference, tests, JUDGE, task, runner_task)


def parse_pytest(reference: dict[str, Any]) -> Tested:
    """Read a reference of the kind `pytest`.

    Raises:
        ReferenceFault: It cannot be used.
    """
    keys_of(reference, "the reference", ("kind", "files", "names"), ("module", "mutations", "limits"))
    [module] = _names([reference.get("module", "solution")])
    files = reference["files"]
    if not isinstance(files, Mapping) or not files:
        raise ReferenceFault("no_tests", f"'files' must be an object with at least one file, got {shown(files)}")
    for path, source in files.items():
        if not isinstance(path, str) or not path.endswith(".py"):
            raise ReferenceFault("bad_reference", f"a file of 'files' must be named '….py', got {shown(path)}")
        parsed(text_of(source, path), path)
    ordered = sorted(files.items(), key=lambda item: "test" in item[0].rpartition("/")[2])
    task = {"collector": "pytest_steps", "files": ordered, "names": _names(reference["names"]), "module": module}
    if any("random" in source for source in files.values()):
        task["files"] = [("seed.py", _SEED), *ordered]
    return _tested(reference, [], PYTEST_JUDGE, task, {"imports": []})


_SEED = "import random\nrandom.seed(0)\n"  # tests that draw inputs draw the same ones for every candidate


def _tested(
    reference: dict[str, Any], tests: list[Test], judge: tuple[str, ...], task: dict[str, Any], runner: dict[str, Any]
) -> Tested:
    mutations = reference.get("mutations", "none_result")
    if mutations not in MUTATIONS:
        raise ReferenceFault("bad_reference", f"'mutations' is one of {', '.join(MUTATIONS)}; got {shown(mutations)}")
    limits = reference.get("limits", {})
    limits_of(limits, Limits())
    made = Tested(tuple(tests), judge, task, {**runner, "mutations": mutations}, limits)
    try:
        encode(made.judge_task)
        encode(made.runner_task)
    except WireError as error:
        raise ReferenceFault("too_large", f"the tests cannot be sent: {error}") from error
    return made


def _source_task(
    prelude: list[str], names: dict[str, str], statements: list[Statement], tests: list[Test]
) -> dict[str, Any]:
    if not tests:
        raise ReferenceFault("no_tests", "no assertion says anything about the candidate")
    seed = [_SEED] if any("random" in text for text in (*prelude, *(s.source for s in statements))) else []
    shown_tests = iter([test.public for test in tests])
    steps = [(s.source, s.counts, s.counts and next(shown_tests)) for s in statements]
    sources = [source for source in (*seed, *prelude) if source.strip()]
    return {"collector": "source_steps", "prelude": sources, "names": [*names.items()], "steps": steps}


def _imports(modules: list[str]) -> str:
    return "".join(f"import {module}\n" for module in modules)


def _names(value: Any) -> list[str]:
    names = texts_of(value, "'names'")
    if not names:
        raise ReferenceFault("no_names", "'names' must say what the candidate provides")
    for name in names:
        if not name.isidentifier():
            raise ReferenceFault("bad_name", f"a name that the candidate provides is an identifier, got {shown(name)}")
    return names
