"""`number@1` against a table of attacks, invariants, and recorded model outputs with known labels."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier

examples = settings(max_examples=150, deadline=None, derandomize=True)


VERIFIER = make_verifier("number@1")
LENIENT = make_verifier("number@1", mode="lenient")

# response, gold, why it must not pass
ATTACKS = {
    "no marker": ("The answer is 7", "7", "strict mode wants a declaration"),
    "hedge": ("#### 7 or 8", "7", "two answers"),
    "hedge, gold last": ("#### 8 or 7", "7", "two answers"),
    "all answers": ("#### 1 2 3 4 5 6 7 8 9", "7", "a list of all answers"),
    "right, then wrong": ("#### 7\n#### 8", "7", "the last marker is wrong"),
    "right, then malformed": ("#### 7\n#### none", "7", "nothing falls back to an earlier marker"),
    "right, then an open box": ("#### 7\n\\boxed{8", "7", "nothing falls back to an earlier marker"),
    "right, then an open tag": ("#### 7\n<answer>", "7", "nothing falls back to an earlier marker"),
    "box in a larger box": (r"\boxed{8-\boxed{7}}", "7", "the outermost box is read as a whole"),
    "boxes in a larger box": (r"\boxed{8-\boxed{1}-\boxed{7}}", "7", "the outermost box is read as a whole"),
    "hedge around a box": (r"\boxed{8 \text{ or } \boxed{7}}", "7", "the outermost box is read as a whole"),
    "right in the reasoning": ("<think>#### 7</think>", "7", "reasoning is not an answer"),
    "right in open reasoning": ("<think>#### 7", "7", "reasoning never ended"),
    "marker inside the line": ("QA: 7", "7", "A: stands at the start of a line"),
    "empty answer": ("####", "0", "no number"),
    "float equality": ("#### 10000000000000001", "10000000000000000", "equal as floats"),
    "float equality, decimals": ("#### 0.1000000000000000055", "0.1", "equal as floats"),
    "rounded": ("#### 0.333", "1/3", "no tolerance"),
    "rounded up": ("#### 0.67", "2/3", "no tolerance"),
    "percent as a ratio": ("#### 50%", "0.5", "50% is 50"),
    "ratio for a percent": ("#### 0.5", "50%", "50% is 50"),
    "percent times 100": ("#### 5000%", "50", "5000% is 5000"),
    "another unit than the gold's": ("#### 10 m", "10 cm", "the gold has a unit"),
    "another power of the unit": ("#### 10 cm²", "10 cm", "the gold has a unit"),
    "another variable than the gold's": ("#### x = 2", "y = 2", "the gold names its variable"),
    "sign": ("#### -7", "7", "sign"),
    "unicode minus": ("#### −7", "7", "sign"),
    "substring": ("#### 77", "7", "7 is part of 77"),
    "digit by digit": ("#### 1 8", "18", "two numbers"),
    "superscript": ("#### 5¹⁰", "5", "a power read as a unit"),
    "variables": ("#### 5xy", "5", "variables read as a unit"),
    "power with its stars removed": ("#### 5**2", "52", "markdown removal joined digits"),
    "brackets removed": (r"#### 5\(2\)", "52", "LaTeX removal joined digits"),
    "fraction joined": (r"#### \frac{1}{2}3", "1/23", "LaTeX removal joined digits"),
    "tenths": ("#### 5 tenths", "5", "a word that scales"),
    "million": ("#### 5 million", "5", "a word that scales"),
    "European decimal": ("#### 0,005", "5", "a comma that is no group"),
    "code": ("#### __import__('os').getpid()", "7", "nothing is evaluated"),
    "expression": ("#### 3+4", "7", "nothing is evaluated"),
    "product": ("#### 7*1", "7", "nothing is evaluated"),
    "infinity": ("#### inf", "7", "not a number"),
    "not a number": ("#### nan", "nan", "a reference that is no number is ungradable"),
    "huge exponent": ("#### 1e999999999", "7", "limits"),
    "called wrong": ("#### 7 is wrong", "7", "taken back"),
    "called incorrect": ("#### 7 incorrect", "7", "taken back"),
    "called wrong in brackets": ("#### 7 (wrong)", "7", "taken back"),
    "called wrong in German": ("#### 7 falsch", "7", "taken back"),
    "called wrong in Chinese": ("#### 7 不对", "7", "taken back"),
    "wrong, and more": ("#### 7 wrong, sorry", "7", "taken back"),
    "not": ("#### 7 not", "7", "taken back"),
    "negative in words": ("#### 7 negative", "7", "a word that changes the sign"),
    "Roman numeral": ("#### 7 VIII", "7", "a second number"),
    "small Roman numeral": ("#### 7 viii", "7", "a second number"),
    "number in German": ("#### 7 acht", "7", "a second number"),
    "number in Russian": ("#### 7 семь", "7", "a second number"),
    "grand": ("#### 7 grand", "7", "a word that scales"),
    "score": ("#### 7 score", "7", "a word that scales"),
    "doubled": ("#### 7 doubled", "7", "a word that scales"),
    "milliards": ("#### 7 Mrd", "7", "a word that scales"),
    "millions, abbreviated": ("#### 7 mio", "7", "a word that scales"),
    "gold with a NUL": ("#### 7\x00", "7", "not a number"),
}
ACCEPTED = [
    ("#### 18", "18"),
    ("so 9 * 2 = 18\n#### 18", 18),
    ("A: 18", "18"),
    ("A: $18", "18"),
    (r"\boxed{18}", "18"),
    (r"it is \boxed{\$18.00}", "18"),
    (r"\boxed{\boxed{18}}", "18"),
    (r"so \boxed {$\boxed{ 18 }$}.", "18"),
    ("<answer> 18 dollars </answer>", "18"),
    ("#### 18 dollars per day", "18"),
    ("#### **18**", "18"),
    ("#### 1,800", "1800"),
    ("#### 1800", "1,800"),
    (r"\boxed{1{,}800}", 1800),
    ("#### 18.0", 18.0),
    ("#### 0.1", 0.1),
    ("#### 1/10", 0.1),
    ("#### 2.50", Decimal("2.5")),
    (r"\boxed{\frac{1}{3}}", Fraction(1, 3)),
    ("#### 36/2", "18"),
    ("#### 50%", "50"),
    ("#### 50 percent", "50%"),
    ("#### 10 cm", "10 cm"),
    ("#### 10", "10 cm"),
    ("#### $5 apples", "5 apple"),
    ("#### ７", "7"),
    ("#### 7 wrong answers", "7"),
    ("#### 7 negative numbers", "7"),
    ("#### 7 non-fiction books", "7"),
    ("#### 7 grand pianos", "7"),
    ("#### 90 total score", "90"),
    ("#### 18 is the number of eggs", "18"),
    ("#### 7 mL", "7"),
    ("<think>5? #### 5</think>\n#### 18", "18"),
    ("#### 5\nno\n#### 18", "18"),
]
BAD_REFERENCES: list[tuple[Any, str]] = [
    (None, "not_a_number"),
    (True, "not_a_number"),
    (float("nan"), "not_a_number"),
    (float("inf"), "not_a_number"),
    (Decimal("NaN"), "not_a_number"),
    (Decimal("sNaN"), "not_a_number"),
    (Decimal("-Infinity"), "not_a_number"),
    ([], "not_a_number"),
    ([7], "not_a_number"),
    ([10**5000], "not_a_number"),
    ({"answer": 7}, "not_a_number"),
    (b"7", "not_a_number"),
    (7 + 0j, "not_a_number"),
    (10**5000, "too_many_digits"),
    (Fraction(1, 10**5000), "too_many_digits"),
    (Decimal("1e-999999"), "too_many_digits"),
    (Decimal("1e999999"), "too_many_digits"),
    ("", "empty_answer"),
    ("  ", "empty_answer"),
    ("seven", "not_a_number"),
    ("nan", "not_a_number"),
    ("5 or 7", "more_than_a_number"),
    ("1/0", "division_by_zero"),
    ("9" * 5000, "too_many_digits"),
]


@pytest.mark.parametrize(("response", "gold", "why"), ATTACKS.values(), ids=ATTACKS)
def test_no_attack_passes(response: str, gold: str, why: str) -> None:
    assert not VERIFIER.verify(response, gold).passed, why


@pytest.mark.parametrize(("response", "gold"), ACCEPTED)
def test_right_answers_pass(response: str, gold: Any) -> None:
    verdict = VERIFIER.verify(response, gold)
    assert (verdict.status.value, verdict.score, verdict.reason.code) == ("passed", 1.0, "equal")


@pytest.mark.parametrize(("reference", "code"), BAD_REFERENCES, ids=lambda value: type(value).__name__)
def test_a_reference_that_cannot_be_used_is_ungradable(reference: Any, code: str) -> None:
    verdict = VERIFIER.verify("#### 7", reference)
    assert (verdict.status.value, verdict.reason.code, verdict.gradable) == ("reference_error", code, False)
    report = VERIFIER.check_reference(reference)
    assert (report.ok, report.reason.code) == (False, code)


def test_a_verdict_never_quotes_the_gold() -> None:
    for response, gold in (("#### 5", "987654"), ("#### 5", "987654 or 1"), ("#### x", "987654")):
        assert "987654" not in json.dumps(VERIFIER.verify(response, gold).to_dict())


def test_a_numpy_float_is_read_as_its_decimal() -> None:
    numpy = pytest.importorskip("numpy")
    assert VERIFIER.verify("#### 1.5", numpy.float64(1.5)).passed


def test_a_response_that_is_no_text_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="response must be a str, got int"):
        VERIFIER.verify(7, "7")  # type: ignore[arg-type]


def test_what_is_kept_of_a_refused_answer_is_short() -> None:
    verdict = VERIFIER.verify("#### " + "x" * 900_000, "7")
    assert verdict.status.value == "limit_exceeded"
    assert len(json.dumps(verdict.to_dict())) < 1000


def test_a_response_above_the_limit_is_not_read() -> None:
    verdict = VERIFIER.verify("x" * 1_000_000 + "\n#### 7", "7")
    assert (verdict.status.value, verdict.reason.code) == ("limit_exceeded", "response_too_long")


@pytest.mark.parametrize(
    ("response", "gold", "passed"),
    [
        ("I would say 5, no, 7.", "7", True),
        ("It is 7, not 5.", "7", False),
        ("10-7", "7", True),
        ("10-7", "-7", False),
        ("it is -7", "-7", True),
        ("it is −7", "7", False),
        ("it is .5", "5", False),
        ("it is .5", "0.5", True),
        ("it is 1.5e3", "3", False),
        ("it is 1.5e3", "1500", True),
        ("it is 1,234.", "1234", True),
        ("no number", "7", False),
        ("5\n#### 7", "7", True),
        ("7\n#### none", "7", False),
        ("<think>7", "7", False),
    ],
)
def test_lenient_mode_takes_the_last_number_where_no_marker_stands(response: str, gold: str, passed: bool) -> None:
    assert LENIENT.verify(response, gold).passed is passed


def test_lenient_mode_says_so() -> None:
    assert LENIENT.verify("so 7", "7").method == "last_number/exact"
    assert LENIENT.verify("#### 7", "7").method == "####/exact"


# --- Invariants -----------------------------------------------------------------------------------------------------

golds = st.integers(-(10**30), 10**30)
any_text = st.text(st.characters(exclude_categories=()), max_size=60)
marked = st.sampled_from(["#### {}", "A: {}", "\\boxed{{{}}}", "<answer>{}</answer>"])


@examples
@given(any_text, golds | any_text)
def test_verify_is_total(response: str, gold: Any) -> None:
    verdict = VERIFIER.verify(response, gold)
    assert verdict == VERIFIER.verify(response, gold)
    assert verdict.passed is (verdict.score == 1.0)


@examples
@given(any_text, golds, marked)
def test_prose_before_the_marker_changes_nothing(prose: str, gold: int, template: str) -> None:
    for answer in (gold, gold + 1):
        prose = prose.replace("<think>", "")
        bare = VERIFIER.verify(template.format(answer), gold)
        wrapped = VERIFIER.verify(f"{prose}\n{template.format(answer)}", gold)
        assert (bare.passed, wrapped.passed) == (answer == gold, answer == gold)


@examples
@given(any_text, golds, golds, marked, marked)
def test_a_contradicting_marked_answer_after_it_never_helps(
    prose: str, gold: int, other: int, template: str, second: str
) -> None:
    response = f"{template.format(gold)}\n{prose}\n{second.format(other)}"
    assert VERIFIER.verify(response, gold).passed is (gold == other)


@examples
@given(
    golds, golds, marked, st.sampled_from([" or ", ", ", " and ", "; ", "/", " to ", " ", "-", " = ", "\\pm ", " vs "])
)
def test_a_second_number_beside_it_never_passes(gold: int, other: int, template: str, joiner: str) -> None:
    gold = abs(gold) + 2
    other = abs(other) + 2
    assert not VERIFIER.verify(template.format(f"{gold}{joiner}{other}"), gold).passed
    assert not VERIFIER.verify(template.format(f"{other}{joiner}{gold}"), gold).passed


@examples
@given(golds, st.integers(1, 9), marked)
def test_changing_the_last_digit_flips_the_verdict(gold: int, step: int, template: str) -> None:
    text = str(gold)
    mutated = text[:-1] + str((int(text[-1]) + step) % 10)
    assert VERIFIER.verify(template.format(text), gold).passed
    assert not VERIFIER.verify(template.format(mutated), gold).passed or int(mutated) == gold  # -0 is 0


# --- Recorded outputs -----------------------------------------------------------------------------------------------


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_agrees_with_every_label_of_the_recorded_solutions(data_dir: Path) -> None:
    solutions = rows(data_dir / "recorded" / "gsm8k_model_solutions.jsonl")
    wrong = [
        r["problem_id"] for r in solutions if VERIFIER.verify(r["response"], r["answer"]).passed != r["is_correct"]
    ]
    assert (len(solutions), wrong) == (2640, [])


def test_every_gsm8k_gold_passes_itself_and_not_its_neighbour(data_dir: Path) -> None:
    golds = [row["answer"].rpartition("####")[2].strip() for row in rows(data_dir / "gsm8k" / "test.jsonl")]
    assert len(golds) == 1319
    assert [gold for gold in golds if not VERIFIER.verify(f"#### {gold}", gold).passed] == []
    neighbours = [(a, b) for a, b in pairwise(golds) if a.replace(",", "") != b.replace(",", "")]
    assert [(a, b) for a, b in neighbours if VERIFIER.verify(f"#### {a}", b).passed] == []
