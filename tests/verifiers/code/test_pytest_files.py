"""The kind `pytest`: test files, collected by the judge's own small collector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rlvr_gym.verifiers import Verdict, make_verifier

Judge = Callable[..., Verdict]

BANK = '''
class Broke(Exception):
    """No money."""

class Account:
    def __init__(self, money=0): self.money = money
    def pay(self, amount):
        if amount > self.money: raise Broke(f"{amount} is too much")
        if amount < 0: raise ValueError("negative amount")
        self.money -= amount
        return self.money

def double(x): return x * 2
'''
TESTS = """
import unittest
import pytest
from solution import Account, Broke, double
import solution

@pytest.fixture
def account():
    yield Account(10)

@pytest.fixture
def poor(account):
    account.pay(9)
    return account

def test_pay(account):
    assert account.pay(3) == 7
    assert account.money == 7

def test_fixture_of_fixture(poor):
    assert poor.money == 1

@pytest.mark.parametrize("x, y", [(1, 2), ("a", "aa"), pytest.param([0], [0, 0], id="list")])
@pytest.mark.parametrize("again", [0, 1])
@pytest.mark.slow
def test_double(x, y, again):
    assert double(x) == y and solution.double(y) == y + y

def test_approx():
    assert double(0.15) == pytest.approx(0.3)
    assert [double(0.15), double(1)] == pytest.approx([0.3, 2])
    assert {"a": double(0.15)} == pytest.approx({"a": 0.3})
    assert double(1.0) != pytest.approx(2.1, abs=0.05)

class TestErrors:
    def setup_method(self):
        self.account = Account(1)

    def test_own_exception(self):
        with pytest.raises(Broke, match="^5 is") as caught:
            self.account.pay(5)
        assert str(caught.value) == "5 is too much"

    def test_builtin_exception(self):
        with pytest.raises((TypeError, ValueError)):
            self.account.pay(-1)
        pytest.raises(ValueError, self.account.pay, -1)

class Old(unittest.TestCase):
    def setUp(self):
        self.account = Account(2)

    def test_money(self):
        self.assertEqual(self.account.money, 2)
        with self.assertRaises(ValueError):
            self.account.pay(-1)
"""


def files(source: str = TESTS, names: tuple[str, ...] = ("Account", "Broke", "double"), **rest: Any) -> dict[str, Any]:
    return {"kind": "pytest", "files": {"test_bank.py": source}, "names": list(names), **rest}


def test_a_right_program_passes_all_tests(judge: Judge) -> None:
    verdict = judge(BANK, files())
    assert (verdict.passed, len(verdict.parts)) == (True, 12), verdict.parts
    assert judge(BANK, files(), fresh_state=True).passed


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (("money -= amount", "money -= amount + 1"), 2),
        (("x * 2", "x + x + x[:0]"), 3),
        (('raise ValueError("negative amount")', "return 0"), 2),
        (("raise Broke", "raise ValueError"), 1),
        (("is too much", "is much"), 1),
        (("class Broke(Exception)", "class Broken(Exception)"), 1),
        (("def double", "def single"), 7),
    ],
)
def test_a_wrong_program_fails_some(judge: Judge, change: tuple[str, str], failed: int) -> None:
    verdict = judge(BANK.replace(*change), files())
    assert [part.passed for part in verdict.parts].count(False) == failed, verdict.parts


def test_hidden_tests_are_named_by_number_only(judge: Judge) -> None:
    verdict = judge(BANK.replace("x * 2", "x"), files())
    assert {part.detail for part in verdict.parts} == {"passed", "wrong answer"}
    assert "test_double" not in str(verdict.to_dict())


@pytest.mark.parametrize(
    "skipping",
    [
        "@pytest.mark.skip\ndef test_b(): pass",
        "@pytest.mark.skip(reason='x')\ndef test_b(): pass",
        "@pytest.mark.skipif(True, reason='x')\ndef test_b(): pass",
        "@pytest.mark.xfail\ndef test_b(): assert f(1) == 2",
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.skip)])\ndef test_b(x): pass",
        "def test_b(): pytest.skip('x')",
        "def test_b(): pytest.xfail('x')",
        "def test_b(): pytest.fail('x')",
        "@pytest.mark.skip\nclass TestB:\n    def test_b(self): pass",
    ],
)
def test_a_test_that_skips_itself_counts_as_failed(judge: Judge, skipping: str) -> None:
    source = f"import pytest\nfrom solution import f\ndef test_a(): assert f(1) == 1\n{skipping}\n"
    verdict = judge("def f(x): return x", files(source, ("f",)))
    assert [part.passed for part in verdict.parts] == [True, False]
    assert verdict.status.value == "failed"


@pytest.mark.parametrize(
    "source",
    [
        "from solution import f",
        "from solution import g\ndef test_a(): assert g(1)",
        "from solution import f\nx = f(1)\ndef test_a(): assert x",
        "from solution import f\ndef test_a(capsys): assert f(1)",
        "from solution import f\nasync def test_a(): assert f(1)",
        "from solution import f\ndef test_a():\n    yield f(1)",
        "import nothing_like_this\ndef test_a(): pass",
        "raise SystemExit(0)",
        "def test_a(): assert 1 == 2",
    ],
)
def test_files_that_cannot_be_collected_are_a_fault_of_the_reference(judge: Judge, source: str) -> None:
    for fresh_state in (False, True):
        verdict = judge("def f(x): return 1", files(source, ("f",)), fresh_state=fresh_state)
        assert verdict.status.value == "reference_error", verdict.reason


def test_other_files_can_be_imported_by_tests(judge: Judge) -> None:
    reference = files()
    reference["files"] = {
        "test_a.py": "from helpers import close\nfrom solution import f\ndef test_a(): assert close(f(2), 1.4142)",
        "helpers.py": "def close(a, b): return abs(a - b) < 1e-3",
        "conftest.py": "import pytest\n@pytest.fixture(autouse=True)\ndef always(): yield\n",
    }
    reference["names"] = ["f"]
    assert judge("def f(x): return x ** 0.5", reference).passed


def test_the_module_of_the_candidate_can_have_another_name(judge: Judge) -> None:
    source = "import bank\ndef test_a(): assert bank.double(2) == 4"
    assert judge(BANK, files(source, ("double",), module="bank")).passed


@pytest.mark.parametrize(
    "change",
    [
        {"files": {}},
        {"files": []},
        {"files": {"test_a.txt": ""}},
        {"files": {"test_a.py": "def"}},
        {"files": {"test_a.py": 5}},
        {"names": []},
        {"names": [5]},
        {"module": "a-b"},
        {"tests": []},
        {"mutations": 1},
    ],
    ids=repr,
)
def test_a_reference_that_cannot_be_used_is_refused(change: dict[str, Any]) -> None:
    assert not make_verifier("code@1").check_reference({**files(), **change}).ok
