"""The kind `stdio`: whole programs in any language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rlvr_gym.verifiers import Status, Verdict, make_verifier
from rlvr_gym.verifiers.sandbox import languages_here

Judge = Callable[..., Verdict]
SUM = [{"stdin": "1 2\n", "stdout": "3\n"}, {"stdin": "5 6\n", "stdout": "11\n"}]


def stdio(*tests: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"kind": "stdio", "tests": list(tests), **rest}


PROGRAMS = {
    "python": "print(sum(map(int, input().split())))",
    "bash": "read a b; echo $((a + b))",
    "javascript": "const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number); console.log(a + b)",
    "perl": "my ($a, $b) = split ' ', <STDIN>; print $a + $b, \"\\n\";",
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); return 0; }',
    "cpp": "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }",
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_program_in_each_language(language: str) -> None:
    if language not in languages_here():
        pytest.skip(f"{language} is not installed")
    verifier = make_verifier("code@1")
    right, wrong = f"```{language}\n{PROGRAMS[language]}\n```", f"```{language}\n{PROGRAMS[language]}\nx(\n```"
    assert verifier.verify(right, stdio(*SUM, language=language)).passed
    assert not verifier.verify(wrong, stdio(*SUM, language=language)).passed
    assert verifier.verify("```text\n1\n```", stdio(*SUM, language=language)).status.value == "no_answer"


def test_what_does_not_compile_is_a_runtime_error() -> None:
    verdict = make_verifier("code@1", language="c").verify("```c\nint main(void) { return x; }\n```", stdio(*SUM))
    assert (verdict.status.value, verdict.reason.code) == ("runtime_error", "compile_error")
    assert [part.detail for part in verdict.parts] == ["runtime error"] * 2


@pytest.mark.parametrize(
    ("code", "status", "details"),
    [
        ("print(sum(map(int, input().split())))", "passed", ["passed", "passed"]),
        ("print(3)", "failed", ["passed", "wrong answer"]),
        ("print(3, flush=True); raise SystemExit(1)", "runtime_error", ["runtime error", "runtime error"]),
        ("print(", "runtime_error", ["runtime error", "runtime error"]),
        ("x = input()\nif x == '1 2': print(3)\nelse:\n  while 1: pass", "timeout", ["passed", "timeout"]),
        ("while 1: print('x' * 1000)", "limit_exceeded", ["output limit", "output limit"]),
        ("x = input()\nprint(3) if x == '1 2' else bytearray(10**11)", "limit_exceeded", ["passed", "memory limit"]),
        ("if __name__ == '__main__': print(sum(map(int, input().split())))", "passed", ["passed", "passed"]),
    ],
)
def test_each_test_is_a_run_of_its_own(judge: Judge, code: str, status: str, details: list[str]) -> None:
    verdict = judge(code, stdio(*SUM))
    assert (verdict.status.value, [part.detail for part in verdict.parts]) == (status, details)
    assert verdict.score == details.count("passed") / 2


def test_public_tests_are_told_and_hidden_ones_are_not(judge: Judge) -> None:
    reference = stdio(
        {"stdin": "s3cret in", "stdout": "s3cret out"}, {"stdin": "seen in", "stdout": "seen out", "public": True}
    )
    verdict = judge("print('\\x1b[31mwrong\\u202e')", reference)
    assert verdict.parts[0].detail == "wrong answer"
    told = r"wrong answer: asked 'seen in', expected 'seen out', got '\x1b[31mwrong\u202e\n'"
    assert verdict.parts[1].detail == told
    assert "s3cret" not in str(verdict.to_dict())


ROUTE = """
def check(stdin, stdout, expected):
    nodes = stdout.split()
    return sorted(nodes) == sorted(stdin.split()) and nodes[0] == expected
"""


@pytest.mark.parametrize(
    ("code", "passed"),
    [
        ("print('b c a')", True),
        ("print('b\\na\\nc')", True),
        ("print('a b c')", False),
        ("print('b b a c')", False),
        ("print()", False),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\x00')", False),
        ("print('b c a'); raise SystemExit(1)", False),
    ],
)
def test_a_checker_of_the_data_set_decides(judge: Judge, code: str, passed: bool) -> None:
    verdict = judge(code, stdio({"stdin": "a b c", "stdout": "b"}, checker={"custom": ROUTE}))
    assert (verdict.passed, verdict.gradable) == (passed, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("return True", "passed"),
        ("return 1", "passed"),
        ("return None", "failed"),
        ("raise SystemExit(0)", "failed"),
        ("while True: pass", "failed"),
        ("import os; os._exit(0)", "failed"),
        ("print('\\0report'); return False", "failed"),
    ],
)
def test_what_a_checker_does_not_come_to_say_is_no(judge: Judge, body: str, status: str) -> None:
    checker = {"custom": f"def check(stdin, stdout, expected):\n    {body}\n"}
    assert judge("print(1)", stdio({"stdin": "", "stdout": ""}, checker=checker)).status.value == status


def test_a_checker_that_cannot_be_loaded_is_a_fault_of_the_reference(judge: Judge) -> None:
    checker = {"custom": "import nothing_like_this\ndef check(stdin, stdout, expected): return True"}
    verdict = judge("print(1)", stdio({"stdin": "", "stdout": ""}, checker=checker))
    assert (verdict.status.value, verdict.reason.code) == ("reference_error", "bad_checker")


def test_several_outputs_can_be_accepted(judge: Judge) -> None:
    reference = stdio({"stdin": "", "stdout": ["1 2", "2 1"]}, checker={"any_of": "tokens"})
    assert [judge(f"print('{text}')", reference).passed for text in ("1 2", "2 1", "1 1")] == [True, True, False]


BAD = [
    stdio(),
    stdio({"stdin": ""}),
    stdio({"stdin": b"", "stdout": ""}),
    stdio({"stdin": "", "stdout": ["a"]}),
    stdio({"stdin": "", "stdout": []}, checker={"any_of": "lines"}),
    stdio({"stdin": "", "stdout": ""}, checker="loose"),
    stdio({"stdin": "", "stdout": ""}, language="pyhton"),
    stdio({"stdin": "", "stdout": ""}, language=None),
    stdio({"stdin": "", "stdout": ""}, compare={}),
    stdio({"stdin": "", "stdout": "", "output": ""}),
    stdio("x"),  # type: ignore[arg-type]
    {"kind": "stdio", "tests": {"stdin": "", "stdout": ""}},
]


@pytest.mark.parametrize("reference", BAD, ids=range(len(BAD)))
def test_a_reference_that_cannot_be_used_is_refused(reference: dict[str, Any]) -> None:
    assert not make_verifier("code@1").check_reference(reference).ok


def test_a_language_that_is_not_installed_is_not_the_candidates_failure() -> None:
    if "go" in languages_here():
        pytest.skip("go is installed")
    assert not make_verifier("code@1", language="go").verify("```go\npackage main\n```", stdio(*SUM)).gradable


def test_once_a_test_has_run_out_of_time_the_rest_are_not_begun(judge: Judge) -> None:
    tests = [{"stdin": str(n), "stdout": "1"} for n in range(30)]
    code = "x = input()\nwhile x == '3': pass\nprint(1)"
    verdict = judge(code, {"kind": "stdio", "tests": tests})
    assert verdict.status is Status.TIMEOUT
    assert [part.detail for part in verdict.parts] == [
        *["passed"] * 3, "timeout", *["passed"] * 4, *["not run"] * 22
    ]  # fmt: skip
    assert verdict.score == 7 / 30
