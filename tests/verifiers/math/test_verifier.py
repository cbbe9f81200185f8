"""`math@1` from the outside: attacks, right answers, references, invariants, recorded outputs, labelled pairs."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier

examples = settings(max_examples=150, deadline=None, derandomize=True)


VERIFIER = make_verifier("math@1")

# answer, gold, why it must not pass; the first dozens are pairs that graders of other projects accept
ATTACKS = {
    "tiny numbers chopped to zero": ("1/2^{99}", "1/2^{98}", "absolute tolerance"),
    "tiny factorials": (r"\frac{1}{2004!}", r"\frac{1}{2006!}", "absolute tolerance"),
    "tiny powers of ten": ("10^{-20}", "10^{-21}", "absolute tolerance"),
    "tiny decimals": ("0.0000001", "0.0000002", "decimals rounded to six places"),
    "many decimals": ("1.23456789", "1.23456780", "decimals rounded"),
    "large integers": ("10000000000000001", "10000000000000000", "equal as floats"),
    "large integers, last digit": ("123456789012345679", "123456789012345678", "equal as floats"),
    "relative tolerance": ("100009", "100000", "relative tolerance"),
    "close decimal": ("3.0000000001", "3", "tolerance"),
    "percent": ("500", "5", "percent times 100"),
    "percent the other way": ("0.05", "5", "percent divided by 100"),
    "pi": ("3.14", r"\pi", "evaluated as a float"),
    "part dropped": (r"1+\frac1{\mathrm e}", r"1-\frac1{\mathrm e}", "parser lost a part"),
    "root dropped": (r"4\sqrt(2)", "4", "parser lost a part"),
    "chain": ("1=2=3=4=5", "5", "last of a chain"),
    "assignment chain": ("x=3=5", "5", "last of a chain"),
    "units": (r"10\text{ m}", r"10\text{ cm}", "units dropped"),
    "power of the unit": (r"10\text{ cm}^2", r"10\text{ cm}^3", "units dropped"),
    "tuple read as a number": ("(1,0)", "(1,000)", "thousands"),
    "grouping in a tuple": ("(1{,}234)", "(1,234)", "thousands"),
    "doubled": ("5,5", "5", "list taken as a set"),
    "set for a tuple": (r"\{1,2\}", "(1,2)", "brackets dropped"),
    "closed for open": ("[1,2]", "(1,2)", "brackets dropped"),
    "half open": ("(1,2]", "[1,2)", "brackets dropped"),
    "no brackets": ("1,2", "(1,2)", "brackets dropped"),
    "restated problem": (r"\int_0^1 x\,dx", "1/2", "evaluated by the grader"),
    "unevaluated logarithm": (r"\log_2 8", "3", "evaluated by the grader"),
    "unevaluated derivative": (r"\frac{d}{dx}x^2", "2x", "evaluated by the grader"),
    "braces dropped in a fraction": (r"\frac{12}{3}", r"\frac{1}{23}", "braces dropped"),
    "braces dropped in a power": ("x^{1}2", "x^{12}", "braces dropped"),
    "off by one in a power": ("2^{100}+1", "2^{100}", "equal as floats"),
    "factorial": ("3628801", "10!", "equal as floats"),
    "hedge of letters": ("A or B or A", "A", "first letter taken"),
    "base": ("10_8", "10_2", "base dropped"),
    "base left out": ("10", "10_2", "base dropped"),
    "residue": (r"x\equiv5\pmod7", r"x\equiv3\pmod7", "right side dropped"),
    "day": ("mon", "monday", "unit words stripped"),
    "nothing": ("", "second", "unit words stripped"),
    "space dropped": ("1 2", "12", "two numbers"),
    "thin space dropped": (r"1\,2", "12", "two numbers"),
    "dollar dropped": ("1$2", "12", "two numbers"),
    "left dropped": (r"1\left2", "12", "two numbers"),
    "text dropped": (r"1\text{2}", "12", "two numbers"),
    "brackets dropped": (r"1\(2\)", "12", "two numbers"),
    "space dropped in a tuple": ("(1 2,3)", "(12,3)", "two numbers"),
    "space dropped in a variable's factor": ("1 2x", "12x", "two numbers"),
    "stars dropped": ("5**2", "52", "two numbers"),
    "fraction joined to a digit": (r"\frac{1}{2}3", r"\frac{1}{23}", "two numbers"),
    "LaTeX reads one digit": (r"\frac123", r"\frac{1}{23}", "two numbers"),
    "superscripts": ("5¹⁰", "5", "a power read as a unit"),
    "variables read as a unit": ("5xy", "5", "letters are variables"),
    "variables after a space": ("5 xyz", "5", "letters are variables"),
    "a metre that may be a variable": ("5 m", "5", "letters are variables"),
    "mass times gravity": ("2mg", "2", "letters are variables"),
    "denominator read as a unit": (r"\frac{5}{xy}", "5", "letters are variables"),
    "gold with variables": ("5", "5xy", "the gold's letters are variables"),
    "gold over variables": ("5", r"\frac{5}{xy}", "the gold's letters are variables"),
    "other variables": ("5ab", "5xy", "letters are variables"),
    "another variable": ("x=2", "y=2", "both name a variable"),
    "dots": ("0.333...", "0.333", "dots stripped"),
    "dots after a list": ("1,2,3,...", "1,2,3", "dots stripped"),
    "two dots": ("1,2,3..", "1,2,3", "dots stripped"),
    "about": ("~5", "5", "a hedge"),
    "plus or minus": (r"\pm 5", "5", "two answers"),
    "order of a tuple": ("(2,1)", "(1,2)", "order assumed away"),
    "percent of a whole number": (r"5\%", "5", "percent dropped"),
    "percent that is worth it": (r"500\%", "5", "percent times 100"),
    "sign": ("-5", "5", "sign"),
    "case": ("X", "x", "another variable"),
    "code": ("__import__('os').system('true')", r"\pi", "nothing is evaluated"),
    "code in a matrix": (r"\begin{pmatrix}exit()\end{pmatrix}", r"\begin{pmatrix}1\end{pmatrix}", "nothing evaluated"),
    "tower": ("9^{9^{9^{9}}}", "9", "nothing is evaluated"),
}
MARKER_ATTACKS = {
    "no box": ("The answer is 5.", "5"),
    "another marker": ("#### 5", "5"),
    "right, then wrong": (r"\boxed{5} or \boxed{6}", "5"),
    "right, then open": (r"\boxed{5} \boxed{6", "5"),
    "right in the reasoning": (r"<think>\boxed{5}</think> done", "5"),
    "right in open reasoning": (r"<think>\boxed{5}", "5"),
    "two in one box": (r"\boxed{5, 6}", "5"),
    "or in a box": (r"\boxed{5 \text{ or } 6}", "5"),
    "empty box": (r"\boxed{}", "5"),
}
ACCEPTED = [
    ("5", "5"),
    ("5", 5),
    ("5.0", "5"),
    (r"5\text{ cm}", "5"),
    ("5 cm", "5"),
    (r"\$5", "5"),
    (r"50\%", "0.5"),
    (r"50\%", r"50 \%"),
    (r"45^\circ", "45"),
    ("45", r"45^{\circ}"),
    ("x = 5", "5"),
    ("5", "x=5"),
    ("10,000", "10000"),
    (r"10{,}000", "10000"),
    (r"10,\!000", "10000"),
    (r"\dfrac{1}{2}", r"\frac12"),
    ("0.5", r"\frac{1}{2}"),
    ("1/2", r"\frac{1}{2}"),
    (r"\frac{2}{4}", r"\frac{1}{2}"),
    (r"1\frac{1}{2}", r"\frac{3}{2}"),
    (r"\frac{-1}{2}", r"-\frac{1}{2}"),
    (r"\left( 3, \tfrac\pi2 \right)", r"(3,\frac{\pi}{2})"),
    (r"\text{even}", "even"),
    (r"\sqrt 2", r"\sqrt{2}"),
    (r"2 \sqrt{3}", r"2\sqrt3"),
    ("x^{2} + 1", "x^2+1"),
    (r"\pi r^2", r"\pi  r^{2}"),
    (r"\frac a b", r"\frac{a}{b}"),
    (r"\frac 1 x", r"\frac{1}{x}"),
    (r"\{1, 2\}", r"\lbrace 1,2\rbrace"),
    ("6 + 9i", "6+9i"),
    ("1, 2.", "1,2"),
    ("$x+1$", "x+1"),
    (r"\(x+1\)", "x+1"),
    ("2mg", "2mg"),
    ("(1,000)", "(1,000)"),
]
BAD_REFERENCES: list[tuple[Any, str]] = [
    (None, "not_a_text"),
    (True, "not_a_text"),
    (1.5, "not_a_text"),
    (float("nan"), "not_a_text"),
    ([], "not_a_text"),
    ([10**5000], "not_a_text"),
    ({}, "not_a_text"),
    (b"5", "not_a_text"),
    ("", "empty_reference"),
    (" \n", "empty_reference"),
    ("$$", "empty_reference"),
    (".", "empty_reference"),
    (r"\text{ }", "empty_reference"),
    ("x" * 8001, "reference_too_long"),
    (10**5000, "too_many_digits"),
    (-(10**5000), "too_many_digits"),
]


def box(answer: str) -> str:
    return rf"The answer is \boxed{{{answer}}}."


@pytest.mark.parametrize(("answer", "gold", "why"), ATTACKS.values(), ids=ATTACKS)
def test_no_attack_passes(answer: str, gold: str, why: str) -> None:
    assert VERIFIER.check_reference(gold).ok
    assert not VERIFIER.verify(box(answer), gold).passed, why


@pytest.mark.parametrize(("response", "gold"), MARKER_ATTACKS.values(), ids=MARKER_ATTACKS)
def test_no_attack_on_the_marker_passes(response: str, gold: str) -> None:
    assert not VERIFIER.verify(response, gold).passed


@pytest.mark.parametrize(("answer", "gold"), ACCEPTED)
def test_right_answers_pass(answer: str, gold: str | int) -> None:
    verdict = VERIFIER.verify(box(answer), gold)
    assert (verdict.status.value, verdict.score, verdict.reason.code) == ("passed", 1.0, "equal")


@pytest.mark.parametrize(("reference", "code"), BAD_REFERENCES, ids=lambda value: type(value).__name__)
def test_a_reference_that_cannot_be_used_is_ungradable(reference: Any, code: str) -> None:
    verdict = VERIFIER.verify(box("5"), reference)
    assert (verdict.status.value, verdict.reason.code, verdict.gradable) == ("reference_error", code, False)


def test_a_long_answer_meets_the_limit() -> None:
    verdict = VERIFIER.verify(box("x" * 8001), "x")
    assert (verdict.status.value, verdict.reason.code) == ("limit_exceeded", "answer_too_large")


# --- Invariants -----------------------------------------------------------------------------------------------------

any_text = st.text(st.characters(exclude_categories=()), max_size=60)
TOKENS = [*"0127abxy+-=(),.[]|^_{}! ", r"\frac", r"\sqrt", r"\pi", r"\left", r"\right", r"\text{", "^{", "_{", r"\,"]
latex = st.lists(st.sampled_from(TOKENS), max_size=12).map("".join)


@examples
@given(any_text, any_text | latex)
def test_verify_is_total(response: str, gold: str) -> None:
    for text in (response, box(response)):
        assert VERIFIER.verify(text, gold) == VERIFIER.verify(text, gold)


@examples
@given(latex)
def test_every_gold_that_a_box_can_hold_passes_itself(gold: str) -> None:
    if VERIFIER.check_reference(gold).ok and balanced(gold):
        assert VERIFIER.verify(box(gold), gold).passed


@examples
@given(latex, latex)
def test_equality_is_symmetric(a: str, b: str) -> None:
    if all(VERIFIER.check_reference(text).ok and balanced(text) for text in (a, b)):
        assert VERIFIER.verify(box(a), b).passed == VERIFIER.verify(box(b), a).passed


@examples
@given(any_text, any_text, st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_a_contradicting_box_after_it_never_helps(prose: str, more: str, gold: int, other: int) -> None:
    response = rf"{prose}\boxed{{{gold}}}{more}\boxed{{{other}}}"
    assert gold == other or not VERIFIER.verify(response, gold).passed
    plain = rf"{prose}\boxed{{{gold}}} so \boxed{{{other}}}"
    assert gold == other or not VERIFIER.verify(plain, gold).passed


@examples
@given(st.integers(-(10**20), 10**20), st.integers(1, 9), st.sampled_from(["{}", "({}, 1)", "{}x", r"{}\sqrt{{2}}"]))
def test_changing_the_last_digit_flips_the_verdict(gold: int, step: int, shape: str) -> None:
    text = str(gold)
    mutated = text[:-1] + str((int(text[-1]) + step) % 10)
    assert VERIFIER.verify(box(shape.format(text)), shape.format(text)).passed
    if mutated != "-0":
        assert not VERIFIER.verify(box(shape.format(mutated)), shape.format(text)).passed


@examples
@given(
    st.integers(2, 10**20), st.integers(2, 10**20), st.sampled_from([" or ", ", ", r" \text{ or } ", " ", r"\,", ";"])
)
def test_a_second_number_beside_it_never_passes(gold: int, other: int, joiner: str) -> None:
    assert not VERIFIER.verify(box(f"{gold}{joiner}{other}"), gold).passed
    assert not VERIFIER.verify(box(f"{other}{joiner}{gold}"), gold).passed


def balanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            return False
    return depth == 0 and not text.endswith("\\")


# --- Recorded outputs and public collections -----------------------------------------------------------------------


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_agrees_with_the_labels_of_the_recorded_solutions(data_dir: Path) -> None:
    solutions = rows(data_dir / "recorded" / "math_100x8.jsonl")
    assert len(solutions) == 800
    wrong = [
        (row["answer"], row["grader_pred"])
        for row in solutions
        if VERIFIER.verify(row["response"], row["answer"]).passed != row["grader_correct"]
    ]
    # The one disagreement known is a wrong label: the gold 10{,}000 against a right 10000.
    assert wrong == [("10{,}000", "10000")]


def test_every_math500_gold_passes_itself_and_not_its_neighbour(data_dir: Path) -> None:
    golds = [row["expected_answer"] for row in rows(data_dir / "math500" / "test.jsonl")]
    assert len(golds) == 500
    assert [gold for gold in golds if not VERIFIER.verify(box(gold), gold).passed] == []
    assert [(a, b) for a, b in pairwise(golds) if a != b and VERIFIER.verify(box(a), b).passed] == []


def test_the_labelled_pairs(data_dir: Path) -> None:
    """The bar: no wrong answer passes, at most 0.15 % of the right ones fail, at most 1 % are undecided."""
    path = data_dir / "math_pairs" / "pairs.jsonl"
    if not path.exists():
        pytest.skip(f"no labelled pairs at {path}")
    verdicts = [(pair, VERIFIER.verify(pair["response"], pair["gold"])) for pair in rows(path)]
    assert len(verdicts) == 2626
    assert [pair for pair, verdict in verdicts if verdict.passed and not pair["label"]] == []
    assert [pair for pair, verdict in verdicts if not verdict.passed and pair["label"]] == []  # 0 of 1,620
    assert sum(verdict.reason.code == "undecided" for _, verdict in verdicts) <= 26
    assert all(verdict.gradable for _, verdict in verdicts)
