"""The kind `calls`: inputs go in, answers come out, and are compared outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rlvr_gym.verifiers import Verdict, make_verifier

Judge = Callable[..., Verdict]


def calls(*tests: dict[str, Any], entry_point: str = "f", **rest: Any) -> dict[str, Any]:
    return {"kind": "calls", "entry_point": entry_point, "tests": list(tests), **rest}


@pytest.mark.parametrize(
    ("code", "test", "compare", "passed"),
    [
        ("def f(a, b): return a + b", {"args": [1, 2], "expected": 3}, {}, True),
        ("def f(a, b): return a + b", {"args": [1.0, 2], "expected": 3}, {}, False),
        ("def f(a, b): return a + b", {"args": [1.0, 2], "expected": 3}, {"int_as_float": True}, True),
        ("def f(a, *, b): return a + b", {"args": ["x"], "kwargs": {"b": "y"}, "expected": "xy"}, {}, True),
        ("def f(x): return (x, x)", {"args": [1], "expected": {"$tuple": [1, 1]}}, {}, True),
        ("def f(x): return (x, x)", {"args": [1], "expected": [1, 1]}, {}, False),
        ("def f(x): return (x, x)", {"args": [1], "expected": [1, 1]}, {"tuple_as_list": True}, True),
        ("def f(x): return set(x)", {"args": [[1, 2, 2]], "expected": {"$set": [2, 1]}}, {}, True),
        ("def f(x): return x[(1, 2)]", {"args": [{"$dict": [[{"$tuple": [1, 2]}, "y"]]}], "expected": "y"}, {}, True),
        ("def f(x): return x == x", {"args": [{"$float": "nan"}], "expected": False}, {}, True),
        ("def f(): return float('nan')", {"args": [], "expected": {"$float": "nan"}}, {}, True),
        ("def f(x): return [y for y in x][::-1]", {"args": [[1, 2]], "expected": [1, 2]}, {"unordered": True}, True),
        ("def f(n):\n    for i in range(n): yield i", {"args": [2], "expected": [0, 1]}, {}, False),
        (
            "def f(n):\n    for i in range(n): yield i",
            {"args": [2], "expected": [0, 1]},
            {"iterable_as_list": True},
            True,
        ),
        ("def f(n): return range(n)", {"args": [2], "expected": [0, 1]}, {"iterable_as_list": True}, True),
        ("def f(x): x.append(1)", {"args": [[0]], "in_place": 0, "expected": [0, 1]}, {}, True),
        ("def f(x): return x + [1]", {"args": [[0]], "in_place": 0, "expected": [0, 1]}, {}, False),
        ("def f(x): raise ValueError('no')", {"args": [1], "raises": "ValueError"}, {}, True),
        ("def f(x): raise KeyError('no')", {"args": [1], "raises": "LookupError"}, {}, True),
        ("class E(Exception): pass\ndef f(x): raise E", {"args": [1], "raises": "E"}, {}, True),
        ("def f(x): raise KeyError('no')", {"args": [1], "raises": "ValueError"}, {}, False),
        ("def f(x): return 'ValueError'", {"args": [1], "raises": "ValueError"}, {}, False),
        ("def f(x): return ValueError()", {"args": [1], "raises": "ValueError"}, {}, False),
        ("def f(x): return 1 / 3", {"args": [1], "expected": 0.333}, {"float": {"abs": 0.001}}, True),
        ("f = lambda x: x", {"args": [1], "expected": 1}, {}, True),
        ("class f:\n    def __init__(self, x): pass", {"args": [1], "expected": None}, {}, False),
        (
            "from collections import Counter\ndef f(x): return Counter(x)",
            {"args": ["aab"], "expected": {"a": 2, "b": 1}},
            {},
            True,
        ),
    ],
)
def test_answers_are_compared_strictly(judge: Judge, code: str, test: Any, compare: Any, passed: bool) -> None:
    assert judge(code, calls(test, compare=compare)).passed is passed


STACK = """
class Stack:
    def __init__(self, size): self.items = []
    def push(self, x): self.items.append(x)
    def pop(self): return self.items.pop()
"""
SCRIPT = {"script": [["init", [3]], ["push", [1]], ["push", [2]], ["pop", []]], "expected": [None, None, None, 2]}


def test_a_script_drives_an_object(judge: Judge) -> None:
    reference = calls(SCRIPT, entry_point="Stack")
    assert judge(STACK, reference).passed
    assert judge(STACK.replace("pop()", "pop(0)"), reference).status.value == "failed"
    assert judge(STACK.replace("def pop", "def peek"), reference).status.value == "runtime_error"


def test_a_method_of_a_new_instance_can_be_the_entry_point(judge: Judge) -> None:
    code = "class Solution:\n    def twice(self, x): return 2 * x"
    assert judge(code, calls({"args": [2], "expected": 4}, entry_point="Solution.twice")).passed


def test_imports_are_done_for_the_candidate(judge: Judge) -> None:
    reference = calls({"args": [9], "expected": 3}, imports=["import math"])
    assert judge("def f(x): return math.isqrt(x)", reference).passed


def test_a_main_block_is_not_run_and_input_is_empty(judge: Judge) -> None:
    code = "def f(x): return __name__\nif __name__ == '__main__':\n    input()"
    assert judge(code, calls({"args": [1], "expected": "solution"})).passed


def test_the_score_is_the_share_of_the_weight(judge: Judge) -> None:
    tests = [{"args": [i], "expected": i % 2, "weight": 1 + i % 2} for i in range(4)]
    verdict = judge("def f(x): return 1", calls(*tests))
    assert (verdict.score, verdict.status.value) == (4 / 6, "failed")
    assert [part.passed for part in verdict.parts] == [False, True, False, True]


def test_a_crash_ends_the_run_unless_every_test_has_a_process_of_its_own(judge: Judge) -> None:
    code = "import os\ndef f(x): return os._exit(0) if x == 1 else x"
    reference = calls(*({"args": [i], "expected": i} for i in range(3)))
    assert [p.detail for p in judge(code, reference).parts] == ["passed", "runtime error", "not run"]
    alone = judge(code, reference, fresh_state=True)
    assert [p.detail for p in alone.parts] == ["passed", "runtime error", "passed"]
    assert (alone.status.value, round(alone.score, 3)) == ("runtime_error", 0.667)


def test_state_is_shared_unless_every_test_has_a_process_of_its_own(judge: Judge) -> None:
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)"
    reference = calls({"args": [1], "expected": 1}, {"args": [2], "expected": 1})
    assert judge(code, reference).score == 0.5
    assert judge(code, reference, fresh_state=True).passed


def test_many_large_inputs_are_fed_one_by_one(judge: Judge) -> None:
    tests = [{"args": [[i] * 50_000], "expected": 50_000 * i} for i in range(8)]
    assert judge("f = sum", calls(*tests)).passed


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("def f(x: return 1", "runtime_error", "syntax_error"),
        ("return 1", "runtime_error", "syntax_error"),
        ("x = '\\0'\0", "runtime_error", "syntax_error"),
        ("import nothing_like_this", "runtime_error", "load_error"),
        ("raise SystemExit(0)", "runtime_error", "load_error"),
        ("def g(x): return 1", "runtime_error", "runtime_error"),
        ("def f(x): return 1 / 0", "runtime_error", "runtime_error"),
        ("def f(x): return f(x)", "runtime_error", "runtime_error"),
        ("def f(x): return bytearray(10**11)", "limit_exceeded", "memory_limit"),
        ("x = bytearray(10**11)", "limit_exceeded", "memory_limit"),
        ("def f(x):\n    while True: pass", "timeout", "timeout"),
        ("def f(x): return 'x' * 2_000_000", "limit_exceeded", "output_limit"),
        ("def f(x): return 2", "failed", "wrong_answer"),
        ("def f(x): return object()", "failed", "wrong_answer"),
    ],
)
def test_each_way_to_fail_has_its_status(judge: Judge, code: str, status: str, reason: str) -> None:
    verdict = judge(code, calls({"args": [1], "expected": 1}))
    assert (verdict.status.value, verdict.reason.code, verdict.score) == (status, reason, 0.0)


def test_the_worst_outcome_names_the_status(judge: Judge) -> None:
    code = "def f(x):\n    if x == 0: return 5\n    if x == 1: return 1 / 0\n    while x == 2: pass"
    reference = calls(*({"args": [i], "expected": i} for i in range(4)))
    assert judge(code, reference).reason.text == "0 of 4 tests passed; test 3: timeout"


BAD: list[dict[str, Any]] = [
    calls(),
    calls({"args": [1]}),
    calls({"args": [1], "expected": 1, "raises": "E"}),
    calls({"args": 1, "expected": 1}),
    calls({"args": [1], "kwargs": [1], "expected": 1}),
    calls({"args": [1], "expected": 1, "in_place": 1}),
    calls({"args": [1], "expected": 1, "in_place": True}),
    calls({"args": [1], "expected": 1, "weight": -1}),
    calls({"args": [1], "expected": 1, "weight": float("nan")}),
    calls({"args": [1], "expected": 1, "public": 1}),
    calls({"args": [1], "expected": 1, "expect": 1}),
    calls({"args": [1], "expected": 1}, entry_point="a b"),
    calls({"args": [1], "expected": 1}, entry_point=""),
    calls({"args": [1], "expected": 1}, entry_point="a.b.c"),
    calls({"args": [1], "expected": 1}, limits={"cpu": 1}),
    calls({"args": [1], "expected": 1}, limits={"cpu_s": 0}),
    calls({"args": [1], "expected": 1}, imports="import math"),
    calls({"args": [object()], "expected": 1}),
    calls({"script": [], "expected": []}),
    calls({"script": [["init", []]], "expected": []}),
    calls({"script": [["init"]], "expected": [None]}),
    calls({"script": [["init", []]], "expected": [None], "args": []}),
    calls({"args": [[0] * 300_000], "expected": 1}),
    {"kind": "calls", "tests": [{"args": [], "expected": 1}]},
    {**calls({"args": [], "expected": 1}), "test": []},
]


@pytest.mark.parametrize("reference", BAD, ids=range(len(BAD)))
def test_a_reference_that_cannot_be_used_is_refused(reference: dict[str, Any]) -> None:
    assert not make_verifier("code@1").check_reference(reference).ok


def test_a_reference_can_have_limits_of_its_own(judge: Judge) -> None:
    reference = calls({"args": [1], "expected": 1}, limits={"cpu_s": 0.5, "memory_bytes": 100 * 2**20})
    assert (
        judge("def f(x):\n    while True: pass", reference, limits={"cpu_s": 60, "wall_s": 90}).status.value
        == "timeout"
    )


def test_a_public_test_cannot_tell_the_inputs_of_hidden_ones(judge: Judge) -> None:
    code = """
import os
seen = []
for name in os.listdir("."):
    seen.append(open(name, "rb").read())
def f(x):
    seen.append(repr(x).encode())
    return b"".join(seen).decode("latin-1")
"""
    secret = "hidden-7261"
    tests = [{"args": [secret], "expected": 1}, {"args": ["shown"], "expected": 1, "public": True}]
    tests.append({"args": [secret], "expected": 2})
    verdict = judge(code, {"kind": "calls", "entry_point": "f", "tests": tests})
    assert [part.passed for part in verdict.parts] == [False, False, False]
    assert "shown" in verdict.parts[1].detail
    assert secret not in str(verdict.to_dict()["parts"])


def test_public_and_hidden_tests_keep_their_places(judge: Judge) -> None:
    tests = [{"args": [n], "expected": n if n % 3 else -1, "public": n % 2 == 0} for n in range(1, 8)]
    verdict = judge("def f(x): return x", {"kind": "calls", "entry_point": "f", "tests": tests})
    assert [part.passed for part in verdict.parts] == [n % 3 != 0 for n in range(1, 8)]
