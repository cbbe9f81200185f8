"""The kind `check`: HumanEval's `check(candidate)`, and programs that complete a prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rlvr_gym.verifiers import Verdict, make_verifier

Judge = Callable[..., Verdict]

PROMPT = '''import math
from typing import List

def scale(x: float) -> float:
    return 2 * x

def f(xs: List[float]) -> float:
    """The scaled root of the sum."""
'''
TEST = """
METADATA = {'author': 'x'}

def check(candidate):
    assert candidate([4.0]) == 4.0
    for n in range(3):
        assert candidate([float(n * n)]) == scale(n)
    total = [9.0, 16.0]
    assert abs(candidate(total) - 10) < 1e-9, 'close'
    assert True
"""
BODY = "    return scale(math.sqrt(sum(xs)))\n"


def check(**change: Any) -> dict[str, Any]:
    return {"kind": "check", "test": TEST, "entry_point": "f", "prompt": PROMPT, **change}


@pytest.mark.parametrize(
    ("code", "blocks"),
    [
        (BODY, "whole"),
        (BODY, "last_block"),
        (BODY + "\n\nprint(f([4.0]))\n", "whole"),
        (PROMPT + BODY, "last_block"),
        ("def f(xs):\n    return scale(math.sqrt(sum(xs)))", "last_block"),
        ("def f(xs: List[float]):\n    return scale(math.sqrt(sum(xs)))", "whole"),
        ("f = lambda xs: 2 * sum(xs) ** 0.5", "last_block"),
        ("class G:\n    pass\n\nf: object = lambda xs: 2 * sum(xs) ** 0.5", "last_block"),
        ("from __future__ import annotations\ndef f(xs):\n    return 2 * sum(xs) ** 0.5", "last_block"),
    ],
)
def test_a_body_and_a_whole_function_are_both_programs(code: str, blocks: str) -> None:
    response = code if blocks == "whole" else f"```python\n{code}\n```"
    verdict = make_verifier("code@1", blocks=blocks).verify(response, check())
    assert (verdict.passed, len(verdict.parts)) == (True, 3), verdict.reason


@pytest.mark.parametrize(
    ("code", "score"),
    [
        ("    pass", 0.0),
        ("    return 4.0", 1 / 3),
        ("return scale(math.sqrt(sum(xs)))", 0.0),
        ("    return scale(math.sqrt(sum(xs)))\n  x", 0.0),
        ("def g(xs):\n    return 1", 0.0),
        ("def scale(x): return 0\ndef f(xs): return scale(1)", 0.0),
        ("def f(xs): return 10.0\ndef scale(x): return 10.0", 1 / 3),
    ],
)
def test_wrong_programs_do_not_pass_and_score_by_test(judge: Judge, code: str, score: float) -> None:
    verdict = judge(code, check())
    assert (verdict.passed, verdict.gradable, round(verdict.score, 3)) == (False, True, round(score, 3))


def test_helpers_of_the_prompt_are_the_judges_own(judge: Judge) -> None:
    """HumanEval/32 tests with `poly`, which the prompt defines: a candidate that redefines it gains nothing."""
    prompt = "def poly(xs, x):\n    return xs[0] + xs[1] * x\n\ndef f(xs):\n    '''Find a zero.'''\n"
    test = "def check(c):\n    assert abs(poly([2, 1], c([2, 1]))) < 1e-4\n"
    reference = check(prompt=prompt, test=test)
    assert judge("def f(xs): return -xs[0] / xs[1]", reference).passed
    assert not judge("def poly(xs, x): return 0\ndef f(xs): return 7", reference).passed


def test_the_entry_point_can_be_called_by_its_name(judge: Judge) -> None:
    """HumanEval/33 compares `candidate` with itself."""
    test = "def check(c):\n    assert c([1]) == f([1])\n    assert c([2]) == 5\n"
    assert judge("def f(x): return 5", check(test=test)).passed


def test_without_a_prompt_the_code_stands_alone(judge: Judge) -> None:
    reference = {"kind": "check", "test": "def check(c):\n    assert c(1) == 2\n", "entry_point": "f"}
    assert judge("def f(x): return x + 1", reference).passed


def test_what_cannot_be_taken_apart_runs_as_a_whole(judge: Judge) -> None:
    test = "def check(c):\n    if c(1) != 2:\n        raise ValueError\n    return\n"
    reference = check(test=test, prompt="def f(x):\n")
    assert [judge(f"def f(x): return {value}", reference).score for value in (2, 3)] == [1.0, 0.0]


def test_a_statement_between_tests_that_fails_ends_the_run(judge: Judge) -> None:
    test = "def check(c):\n    assert c(0) == 0\n    x = c(1)['a']\n    assert c(2) == 2\n    assert c(3) == 3\n"
    verdict = judge("def f(x): return x", check(test=test))
    assert [part.detail for part in verdict.parts] == ["passed", "wrong answer", "not run"]
    after = judge("def f(x): return x", check(test="def check(c):\n    assert c(0) == 0\n    c(1)['a']\n"))
    assert (after.status.value, after.reason.code, after.score < 1.0) == ("failed", "incomplete", True)


def test_each_test_can_have_a_process_of_its_own(judge: Judge) -> None:
    code = "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n"
    reference = check(test="def check(c):\n    assert c(1) == 1\n    y = 1\n    assert c(1) == y\n")
    assert [judge(code, reference, fresh_state=fresh).score for fresh in (False, True)] == [0.5, 1.0]


def test_a_constant_answer_gets_nothing_with_balanced_accuracy(judge: Judge) -> None:
    expected = {2: True, 4: True, 6: True, 3: False}
    test = "def check(c):\n" + "".join(f"    assert c({x}) == {value}\n" for x, value in expected.items())
    scores = {}
    for body in ("True", "False", "x % 2 == 0", "x != 4 and x % 2 == 0"):
        code = f"def f(x): return {body}"
        scores[body] = [round(judge(code, check(test=test), rescale=r).score, 3) for r in ("", "balanced_accuracy")]
    # recalls of True and False: (1, 0), (0, 1), (1, 1), (2/3, 1); the rescaled score is their sum less one
    assert scores["True"] == [0.75, 0.0]
    assert scores["False"] == [0.25, 0.0]
    assert scores["x % 2 == 0"] == [1.0, 1.0]
    assert scores["x != 4 and x % 2 == 0"] == [0.75, 0.667]


@pytest.mark.parametrize(
    "change",
    [
        {"test": ""},
        {"test": "def check(): pass"},
        {"test": "def check(c): assert"},
        {"test": "def check(c):\n    assert ghost(c)"},
        {"test": 5},
        {"entry_point": ""},
        {"entry_point": None},
        {"prompt": "def f(x"},
        {"prompt": 5},
        {"public": "yes"},
        {"tests": []},
    ],
    ids=repr,
)
def test_a_reference_that_cannot_be_used_is_refused(change: dict[str, Any]) -> None:
    assert not make_verifier("code@1").check_reference(check(**change)).ok
