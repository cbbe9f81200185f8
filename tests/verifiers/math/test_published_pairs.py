"""Pairs on which other graders are known to be wrong: wrong answers that they accept, right ones that they refuse."""

from __future__ import annotations

import pytest
from rlvr_gym.verifiers import make_verifier

VERIFIER = make_verifier("math@1")
LENIENT = make_verifier("math@1", mode="lenient")

# reference, answer: each is accepted by at least one grader in use and is wrong
ACCEPTED_ELSEWHERE = {
    "math-verify": [
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
        ("1/2^{98}", "1/2^{99}"),
        ("10^{-20}", "10^{-21}"),
        (r"\frac{1}{10^{20}}", r"\frac{2}{10^{20}}"),
        ("e^{-50}", "2e^{-50}"),
        ("1/3^{50}", "1/3^{51}"),
        ("0.0000001", "0.0000002"),
        ("1.23456789", "1.23456780"),
        (r"1-\frac1{\mathrm e}", r"1+\frac1{\mathrm e}"),
        ("4", r"4\sqrt(2)"),
        ("3*x-1*y+13=0", "3x+4y+14=0"),
        ("f(x)=0", r"\forall x>0, f(x)=0"),
        (r"1,2,\ldots,n", r"1,3,5,\ldots,2n-1"),
        (r"x\equiv3 (mod 7)", r"x\equiv5 (mod 7)"),
        ("5", "1=2=3=4=5"),
        ("5", "x=3=5"),
        ("1", "y=1"),
        ("10 cm", "10 m"),
        ("50", "50%"),
        ("50%", "50"),
        ("50", r"50\%"),
        (r"50\%", "50"),
        ("(1,000)", "(1,0)"),
        ("5", "5,5"),
        (r"\{1,2\}", "(1,2)"),
        ("1/2", r"\int_0^1 x dx"),
        ("1/2", r"\sum_{k=1}^{\infty} \frac{1}{3^k}"),
        ("3", r"\log_2 8"),
        ("2x", r"\frac{d}{dx}x^2"),
        ("2", r"\lim_{x\to 1} (x+1)"),
        ("5", "7=5"),
        ("5", r"500\%"),
    ],
    "Qwen2.5-Math": [
        ("5", "500"),
        ("5", "0.05"),
        ("100000", "100009"),
        ("12345", "12346"),
        (r"\frac{1}{23}", r"\frac{12}{3}"),
        ("(1,2)", "[1,2]"),
        ("[1,2)", "(1,2]"),
        ("2^{100}", "2^{100}+1"),
        ("10!", "3628801"),
        ("x^{12}", "x^{1}2"),
        ("A", "A or B or A"),
        ("0.5", "50"),
        ("1000000", "1000050"),
        (r"3\frac12", r"\frac32"),
        ("(x+1)^{500}", "(x+1)^{500}+0.5"),
    ],
    "prm800k": [
        ("10000000000000000", "10000000000000001"),
        ("123456789012345678", "123456789012345679"),
        ("12", "1 2"),
        ("monday", "mon"),
        ("second", ""),
        ("3", "3.0000000001"),
    ],
    "prime_math": [
        (r"\pi", "3.14"),
        ("10_2", "10_8"),
        ("10_2", "10"),
        ("12", "1,2"),
        ("(1,2)", "1,2"),
        ("5", "5.0004"),
        ("5.0001", "5"),
        (r"\pi", "exec('import os')"),
    ],
    "inspect_ai": [("10cm", "10m"), ("[1,2]", "(1,2)"), ("123456", "123457")],
}
# Accepted by nobody's right, refused by somebody
REFUSED_ELSEWHERE = [
    (r"\frac{1}{\sqrt n}", r"\sqrt{1/n}"),
    ("1000", "1e3"),
    (r"\frac{\pi}{4}", r"45^\circ"),
    ("10", "C_5^2"),
    ("3", "11_2"),
    ("1/3", r"0.\overline{3}"),
    (r"4.5\text{ hours}", "4 hours 30 minutes"),
    (r"k\pi, k\in Z", r"n\pi, n\in Z"),
    (r"k\pi, k\in \mathbb{Z}", r"n\pi, n\in \mathbb{Z}"),
    ("(1,2)", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    ("(1,2)", r"\langle 1,2\rangle"),
    (r"\log 2", r"\ln 2"),
    (r"\text{A}", "The answer is A"),
    (r"\text{No}", "no"),
    ("73", "**73**"),
    (r"[2,5)", r"2\le x<5"),
    (r"2\le x<5", r"[2,5)"),
    ("(x+1)^2", "x^2+2x+1"),
    ("x^2-1", "(x+1)(x-1)"),
    ("Evelyn", r"\text{Evelyn}"),
    ("1,-1", r"\pm1"),
    (r"3\pm2\sqrt2", r"3-2\sqrt2, 3+2\sqrt2"),
    ("204_5", "204_{5}"),
    ("y=2x+3", "2x-y+3=0"),
    ("1,2", "2,1"),
    ("1024", "2^{10}"),
    ("1/2", "2/4"),
    ("4", "2+2"),
    ("5", "five"),
    ("18", "18.0"),
    ("18", r"\$18"),
    ("10000", "10{,}000"),
    ("10{,}000", "10000"),
    ("1", "１"),
    (r"\text{no solution}", "no solutions"),
    (r"\emptyset", "no solution"),
    (r"\text{does not exist}", "DNE"),
    (r"(-\infty,1)\cup(2,\infty)", r"x<1 \text{ or } x>2"),
    (r"\frac{7}{2}", r"3\frac{1}{2}"),
    ("(1,2)", "（1，2）"),
    (r"\frac12", r"\tfrac{1}{2}"),
    (r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", r"\left(\begin{array}{cc}1&2\\3&4\end{array}\right)"),
    (r"x \in \{1,2\}", r"\{2,1\}"),
    ("9" * 100_000, "9" * 100_000),
]
WRONG = [(grader, *pair) for grader, pairs in ACCEPTED_ELSEWHERE.items() for pair in pairs]


def box(answer: str) -> str:
    return rf"So the final answer is \boxed{{{answer}}}."


@pytest.mark.parametrize(("grader", "reference", "answer"), WRONG)
def test_a_wrong_answer_that_another_grader_accepts_is_refused(grader: str, reference: str, answer: str) -> None:
    assert VERIFIER.check_reference(reference).ok, grader
    verdict = VERIFIER.verify(box(answer), reference)
    assert (verdict.passed, verdict.gradable) == (False, True)


@pytest.mark.parametrize(("reference", "answer"), REFUSED_ELSEWHERE[:-1])
def test_a_right_answer_that_another_grader_refuses_passes(reference: str, answer: str) -> None:
    verdict = VERIFIER.verify(box(answer), reference)
    assert (verdict.status.value, verdict.reason.code) == ("passed", "equal"), verdict


def test_a_hundred_thousand_digits_are_themselves_and_a_reference_of_that_length_is_refused() -> None:
    reference, answer = REFUSED_ELSEWHERE[-1]
    assert VERIFIER.check_reference(reference).reason.code == "reference_too_long"
    assert VERIFIER.verify(box(answer), "9").status.value == "limit_exceeded"


@pytest.mark.parametrize(
    ("response", "reference", "status"),
    [
        (r"\boxed{5} and so the answer is 7", "5", "ambiguous"),
        (r"The final answer is 7. \boxed{5}", "5", "ambiguous"),
        (r"\boxed{5}. The answer is 5.", "5", "passed"),
        (r"The final answer is 5: \boxed{5}", "5", "passed"),
        (r"\boxed{4} no, no, \boxed{5}", "5", "passed"),
        (r"\boxed{5} or \boxed{7}", "5", "ambiguous"),
        (r"\boxed{5} or \boxed{7}", "7", "ambiguous"),
        (r"\boxed{5}, \boxed{7}", "5, 7", "passed"),
        (r"\boxed{5} or 7", "5", "ambiguous"),
        (r"$\boxed{5}$ is half of 10, as the answer is correct.", "5", "passed"),
    ],
)
def test_several_declared_answers(response: str, reference: str, status: str) -> None:
    assert VERIFIER.verify(response, reference).status.value == status


def test_a_hedge_without_a_marker_is_no_answer_in_strict_mode() -> None:
    assert VERIFIER.verify("it could be 41 or 42", "42").status.value == "no_answer"
    assert not LENIENT.verify("it could be 41 or 42", "41").passed
