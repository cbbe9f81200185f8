"""The kind `asserts`, and through it what tests can do with a candidate that lives in another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rlvr_gym.verifiers import Verdict, make_verifier

Judge = Callable[..., Verdict]
Build = Callable[..., dict[str, Any]]

SHAPES = """
class Shape:
    count = 0
    def __init__(self, sides): self.sides = sides; Shape.count += 1
    def area(self): return self.sides * 2.5
    def twin(self): return Shape(self.sides)
    def __len__(self): return self.sides
    def __iter__(self): return iter(range(self.sides))
    def __getitem__(self, i): return i * 10
    def __setitem__(self, i, x): self.last = (i, x)
    def __str__(self): return f"<{self.sides}>"
    def __add__(self, other): return Shape(self.sides + other.sides)
    def __lt__(self, other): return self.sides < other.sides
    def __enter__(self): self.open = True; return self
    def __exit__(self, *details): self.open = False
    def __call__(self, x): return x + self.sides
    def __bool__(self): return self.sides > 0
f = Shape
"""


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("def f(x): return x * 2", "assert f(2) == 4 and f(x=[1]) == [1, 1]"),
        ("def f(n):\n    yield from range(n)", "assert list(f(3)) == [0, 1, 2] and f(3) != [0, 1, 2]"),
        ("import itertools\ndef f(): return itertools.count()", "it = f()\nassert (next(it), next(it)) == (0, 1)"),
        ("def f(x): return map(str, x)", "assert list(f([1, 2])) == ['1', '2']"),
        ("def f(x): return zip(x, x)", "assert dict(f('ab')) == {'a': 'a', 'b': 'b'}"),
        ("def f(n): return range(n)", "assert f(3) == range(3)"),
        ("def f(d): return d.keys()", "assert f({1: 2}) == {1}"),
        ("from collections import Counter\ndef f(s): return Counter(s)", "assert f('aab') == {'a': 2, 'b': 1}"),
        ("import enum\nclass E(enum.IntEnum):\n    A = 1\ndef f(): return E.A", "assert f() == 1"),
        (
            "from decimal import Decimal\ndef f(x): return Decimal(x) / 4",
            "import decimal\nassert f('1') == decimal.Decimal('0.25')",
        ),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\ndef f(x): return P(x)",
            "assert f(2).x == 2",
        ),
        ("def f(xs, key): return sorted(xs, key=key)", "assert f([1, 3, 2], lambda x: -x) == [3, 2, 1]"),
        ("def f(xs, key): return sorted(xs, key=key)", "assert f(['aa', 'b'], key=len) == ['b', 'aa']"),
        ("def f(g, x): return g(g(x))", "assert f(lambda x: f(lambda y: y + 1, x), 0) == 4"),
        (
            "def f(g):\n    try: return g(1)\n    except ZeroDivisionError: return 'caught'",
            "assert f(lambda x: x / 0) == 'caught'",
        ),
        ("def f(it): return sum(it)", "assert f(iter([1, 2])) == 3 and f(x for x in (3, 4)) == 7"),
        ("def f(x): return lambda y: x + y", "add = f(2)\nassert add(3) == 5"),
        ("def f(x): x.sort()", "x = [2, 1]\nassert f(x) is None\nassert x == [1, 2]"),
        ("def f(x): x.clear(); return x", "x = [2, 1]\nassert f(x) == []\nassert x == [2, 1]"),
        ("def f(d): d['new'] = 1", "d = {}\nf(d)\nassert d == {'new': 1}"),
        (
            "def f(x): raise ValueError('no', 7)",
            "try:\n    f(1)\n    assert 0\nexcept ValueError as e:\n    assert e.args == ('no', 7)",
        ),
        (
            "class E(KeyError): pass\ndef f(x): raise E(x)",
            "try:\n    f(1)\n    assert 0\nexcept LookupError as e:\n    assert e.args == (1,)",
        ),
        ("def f(): return int", "assert f() is int"),
        ("def f(x): return 10 ** x", "assert f(5000) == 10 ** 5000"),
        ("def f(): return '\\ud800\\0', b'\\0', 1j, ..., None", "assert f() == ('\\ud800\\0', b'\\0', 1j, ..., None)"),
        ("def f(x): print('noise' * 10**5); import sys; sys.stderr.write('x' * 10**6); return x", "assert f(1) == 1"),
        (SHAPES, "s = f(4)\nassert s.area() == 10.0 and s.sides == 4 and len(s) == 4 and list(s) == [0, 1, 2, 3]"),
        (
            SHAPES,
            "s = f(4)\nassert s[2] == 20\ns[3] = 'x'\nassert s.last == (3, 'x')\ns.sides = 5\nassert s.area() == 12.5",
        ),
        (
            SHAPES,
            "s = f(4)\nassert str(s) == '<4>' and s(1) == 5 and s and not f(0) and isinstance(s, f) and f.count == 2",
        ),
        (SHAPES, "s = f(1)\nassert s + f(2) > s and sorted([f(2), s])[0].sides == 1 and not isinstance(1, f)"),
        (SHAPES, "with f(1) as s:\n    assert s.open\nassert not s.open"),
        (SHAPES, "s = f(1)\nt = s.twin()\nassert s is s and s == s and s != t and len({s, t}) == 2"),
        (SHAPES, "assert f.__name__ == 'Shape' and hasattr(f(1), 'area') and not hasattr(f(1), 'volume')"),
    ],
)
def test_what_tests_can_do_with_a_candidate(judge: Judge, asserts: Build, code: str, test: str) -> None:
    verdict = judge(code, asserts(test))
    assert verdict.passed, verdict.parts


@pytest.mark.parametrize(
    ("code", "test", "status"),
    [
        ("def f(x): return x", "assert f(1) == 2", "failed"),
        ("def f(x): return None", "assert f(1) < 2", "failed"),
        ("def f(x): return [x]", "assert f(1)[1] == 1", "failed"),
        ("def f(x): return 1 / 0", "assert f(1) == 1", "runtime_error"),
        ("def g(x): return 1", "assert f(1) == 1", "runtime_error"),
        ("def f(): return 1", "assert f(1) == 1", "runtime_error"),
        (
            "def f(x): raise AssertionError",
            "try:\n    f(1)\n    assert 0\nexcept AssertionError:\n    pass",
            "runtime_error",
        ),
        ("def f(x): raise StopIteration", "assert list(map(f, [1])) == []", "runtime_error"),
        ("def f(x): return object()", "import copy\nassert copy.deepcopy(f(1))", "failed"),
        ("def f(x): raise GeneratorExit", "assert f(1)", "runtime_error"),
        ("def f(x):\n    while True: pass", "assert f(1)", "timeout"),
        ("import time\ndef f(x): time.sleep(60)", "assert f(1)", "timeout"),
        ("while True: pass", "assert f(1)", "timeout"),
        ("def f(x): return [x] * 10**9", "assert f(1)", "limit_exceeded"),
        ("def f(x): return [[]] * 10**6", "assert f(1) == 2", "runtime_error"),
        ("def f(x):\n    while True: yield x", "assert sum(f(0)) == 0", "timeout"),
    ],
)
def test_each_way_to_fail_has_its_status(judge: Judge, asserts: Build, code: str, test: str, status: str) -> None:
    verdict = judge(code, asserts(test), limits={"cpu_s": 0.5, "wall_s": 2})
    assert (verdict.status.value, verdict.score) == (status, 0.0)


def test_each_assertion_is_a_test_and_all_run_in_one_process_in_order(judge: Judge, asserts: Build) -> None:
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)"
    reference = asserts("assert f(0) == 1", "assert f(0) == 1", "assert f(0) == 3")
    assert [part.passed for part in judge(code, reference).parts] == [True, False, True]
    assert [part.passed for part in judge(code, reference, fresh_state=True).parts] == [True, True, False]


def test_constants_are_no_tests(judge: Judge, asserts: Build) -> None:
    verdict = judge("def f(x): return 2", asserts("assert True", "assert f(1) == 1"))
    assert (verdict.score, len(verdict.parts)) == (0.0, 1)


def test_imports_and_prelude_are_there_for_the_tests(judge: Judge, asserts: Build) -> None:
    reference = asserts(
        "assert close(f(2), math.sqrt(2))",
        imports=["import math"],
        prelude="def close(a, b):\n    return abs(a - b) < 1e-9",
    )
    assert judge("def f(x): return math.sqrt(x)", reference).passed
    assert judge("def f(x): return x ** 0.5\ndef close(a, b): return True", reference).passed
    assert not judge("def f(x): return 7\ndef close(a, b): return True", reference).passed


def test_what_is_used_without_an_import_is_imported(judge: Judge, asserts: Build) -> None:
    assert judge("import sys\ndef f(x): return sys.getsizeof(x)", asserts("assert f(()) == sys.getsizeof(())")).passed


def test_tests_that_draw_inputs_draw_the_same_ones(judge: Judge, asserts: Build) -> None:
    reference = asserts("assert f(random.random()) == 0.8444218515250481", imports=["import random"])
    assert judge("def f(x): return x", reference).passed  # the first number after random.seed(0)


def test_mutation_can_be_declared(judge: Judge, asserts: Build) -> None:
    code = "def f(x):\n    x.append(9)\n    return x"
    test = "x = [1]\nf(x)\nassert x == [1, 9]"
    assert not judge(code, asserts(test)).passed
    assert judge(code, asserts(test, mutations="always")).passed
    quiet = "def f(x): x.append(9)"
    assert [judge(quiet, asserts(test, mutations=m)).passed for m in ("none_result", "never")] == [True, False]


def test_public_assertions_are_told_and_hidden_ones_are_not(judge: Judge, asserts: Build) -> None:
    reference = asserts("assert f(1) == 1")
    reference["asserts"].append("assert f(777) == 1")
    verdict = judge("def f(x): return [x, 'wrong']", reference)
    assert verdict.parts[0].detail == "wrong answer: asked 'assert f(1) == 1', got \"[1, 'wrong']\""
    assert verdict.parts[1].detail == "wrong answer"
    assert "777" not in str(verdict.to_dict())


@pytest.mark.parametrize(
    ("test", "rest"),
    [
        ("assert f(1) == 1", {"prelude": "import nothing_like_this"}),
        ("assert f(1) == 1", {"prelude": "raise SystemExit(0)"}),
        ("assert f(1) == 1", {"prelude": "import os\nos._exit(0)"}),
        ("assert f(1) == 1", {"prelude": "while True: pass"}),
        ("assert f(1) == 1", {"prelude": "x = f(1)"}),
        ("assert len(5) and f(1) == 1", {}),
        ("x = 1\nassert x == 2", {}),
        ("class P: pass\nassert f(P()) == 1", {}),
    ],
)
def test_tests_that_fail_by_themselves_are_a_fault_of_the_reference(
    judge: Judge, asserts: Build, test: str, rest: dict[str, Any]
) -> None:
    for code in ("def f(x): return 1", "def f(x): return 2"):
        verdict = judge(code, asserts(test, **rest), limits={"cpu_s": 0.5, "wall_s": 10})
        assert verdict.status.value == "reference_error", verdict.reason


def test_a_test_that_breaks_once_the_candidate_was_heard_is_the_candidates_failure(
    judge: Judge, asserts: Build
) -> None:
    for test in (
        "assert f(1)['x']",
        "f(1).missing()\nassert 1",
        "x = f(1)\nassert f(10**400 * 'x')",
        "assert 1 / f(1)",
    ):
        assert judge("def f(x): return 0", asserts(test)).gradable


@pytest.mark.parametrize(
    "change",
    [
        {"asserts": []},
        {"asserts": "assert f(1)"},
        {"asserts": ["f(1)"]},
        {"asserts": ["assert f(1"]},
        {"asserts": [5]},
        {"asserts": [{"test": "assert f(1)"}]},
        {"asserts": ["assert 1 == 1"]},
        {"asserts": ["assert ghost(f(1))"]},
        {"names": []},
        {"names": ["a b"]},
        {"names": "f"},
        {"imports": [5]},
        {"prelude": 5},
        {"prelude": "("},
        {"mutations": "sometimes"},
        {"limits": {"cpu_s": "1"}},
        {"extra": 1},
    ],
    ids=repr,
)
def test_a_reference_that_cannot_be_used_is_refused(asserts: Build, change: dict[str, Any]) -> None:
    reference = {**asserts("assert f(1) == 1"), **change}
    assert not make_verifier("code@1").check_reference(reference).ok
