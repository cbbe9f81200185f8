"""The kind `stdio`: whole programs in any language, which read their standard input and write their answer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.checkers import Checker, parse_checker
from rlvr_gym.verifiers.code.outcomes import BROKEN, NOT_RUN, PASSED, WRONG, Judged, Outcome, Test, Ungradable, ending
from rlvr_gym.verifiers.code.program import CHECKER, harness
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
from rlvr_gym.verifiers.errors import suggestion
from rlvr_gym.verifiers.sandbox import LANGUAGES, Limits, RunResult, RunSpec
from rlvr_gym.verifiers.sandbox.spec import encoded
from rlvr_gym.verifiers.verdict import Status

_AT_ONCE = 8  # tests after which it is looked whether any has run out of time
_NO_COMPILER = 127  # the shell's word for a command that it cannot find


@dataclass(frozen=True)
class Stdio:
    """A reference of the kind `stdio`.

    Args:
        tests: What the verdict tells of the tests.
        inputs: What each test feeds.
        expected: The outputs that each test accepts.
        checker: When an output is accepted.
        own_language: The language that the reference names, else empty.
        limits: The limits that the reference declares.
    """

    tests: tuple[Test, ...]
    inputs: tuple[bytes, ...]
    expected: tuple[tuple[bytes, ...], ...]
    checker: Checker
    own_language: str
    limits: dict[str, Any]

    def language(self, default: str) -> str:
        """See `Kind`."""
        return self.own_language or default

    def work(self, code: str, setup: Setup) -> Work:
        """Compile once, run once for each test, compare. What has not begun when one has run out of time is not run."""
        limits = limits_of(self.limits, setup.limits)
        [built] = yield Ask([RunSpec(code, setup.language, limits=limits)], build=True)
        if isinstance(built, RunResult):
            if built.exit_code == _NO_COMPILER:
                raise Ungradable(Status.SANDBOX_ERROR, "no_language", f"there is no compiler for {setup.language}")
            word = ending(built)
            return Judged([Outcome(word)] * len(self.tests), "compile_error" if word == BROKEN else "")
        results: list[RunResult] = []
        while len(results) < len(self.inputs) and not any(result.limit in ("cpu", "wall") for result in results):
            some = self.inputs[len(results) : len(results) + _AT_ONCE]
            results += yield Ask([replace(built, stdin=stdin) for stdin in some])
        if self.checker.custom:
            fits = yield from self._ask_custom(results, limits)
        else:
            fits = [r.ok and self.checker.accepts(e, r.stdout) for r, e in zip(results, self.expected, strict=False)]
        outcomes = [_outcome(result, fit) for result, fit in zip(results, fits, strict=True)]
        return Judged([*outcomes, *[Outcome(NOT_RUN)] * (len(self.inputs) - len(outcomes))])

    def _ask_custom(self, results: list[RunResult], limits: Limits) -> Generator[Ask, list[Any], list[bool]]:
        """What the data set's own checker says; where it does not come to say anything, that is no."""
        ran = [index for index, result in enumerate(results) if result.ok]
        fits = [False] * len(results)
        for index, check in zip(ran, (yield Ask([self._check(i, results[i], limits) for i in ran])), strict=True):
            report = report_of(check.stderr) or []
            if ("begin", ()) not in report:
                raise Ungradable(Status.REFERENCE_ERROR, "bad_checker", "the custom checker cannot be loaded")
            fits[index] = ("test", ((b"T", True),)) in report[-1:]
        return fits

    def _check(self, index: int, result: RunResult, limits: Limits) -> RunSpec:
        files: dict[str, bytes | str] = {"checker.py": self.checker.custom, "stdin": self.inputs[index]}
        return harness(CHECKER, {**files, "stdout": result.stdout, "expected": self.expected[index][0]}, limits)


def _outcome(result: RunResult, fits: bool) -> Outcome:
    got = result.stdout[:1000].decode("utf-8", "replace")
    if result.ok:
        return Outcome(PASSED if fits else WRONG, got)
    return Outcome(ending(result), got)


def parse_stdio(reference: dict[str, Any]) -> Stdio:
    """Read a reference of the kind `stdio`.

    Raises:
        ReferenceFault: It cannot be used.
    """
    keys_of(reference, "the reference", ("kind", "tests"), ("language", "checker", "limits"))
    language = text_of(reference.get("language", ""), "'language'")
    if language and language not in LANGUAGES:
        raise ReferenceFault("bad_language", f"unknown language {language!r}{suggestion(language, LANGUAGES)}")
    checker = parse_checker(reference.get("checker", "lines"))
    limits = reference.get("limits", {})
    limits_of(limits, Limits())
    tests, inputs, expected = [], [], []
    for row in rows_of(reference["tests"], "'tests'"):
        keys_of(row, "a test", ("stdin", "stdout"), ("weight", "public"))
        stdin = text_of(row["stdin"], "'stdin'")
        outputs = texts_of(row["stdout"], "'stdout'") if checker.any_of else [text_of(row["stdout"], "'stdout'")]
        if not outputs:
            raise ReferenceFault("no_tests", "a test accepts no output at all")
        weight, public = common_of(row)
        tests.append(Test(weight, public, stdin[:1000], " or ".join(outputs)[:1000], " or ".join(outputs).strip()))
        inputs.append(encoded("stdin", stdin))
        expected.append(tuple(encoded("stdout", output) for output in outputs))
    return Stdio(tuple(tests), tuple(inputs), tuple(expected), checker, language, limits)
