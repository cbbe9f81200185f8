"""Found by attack while this verifier was built: wrong answers that once passed, right ones that did not."""

from __future__ import annotations

import pytest
from rlvr_gym.verifiers import make_verifier

VERIFIER = make_verifier("math@1")

# reference, answer
WRONG = [
    (r"x\approx 3.14", r"x\approx 999"),
    (r"\cos(e)\approx-0.912", r"\cos(e)\approx-0.921"),
    (r"P(X=5)\approx 0.3", r"P(X=5)\approx 0.4"),
    (r"x\approx 1.41", "x"),
    (r"x\approx 1.41", r"x\approx x"),
    (r"x\approx 1.41", "y=x"),
    ("5", r"5\approx 7"),
    ("5", r"x=5\approx 7"),
    (r"\pi", r"\pi\approx 7"),
    (r"\sqrt2", r"\sqrt2\approx 7"),
    ("AAS", "ASA"),
    ("HHT", "THH"),
    ("XI", "IX"),
    ("cat", "act"),
    ("9am", "9ma"),
    ("f_1(0)=5", "f_1(0)=7"),
    ("p_Z(0)=1/2", "p_Z(0)=7/2"),
    ("x_1(0)=3", "0=1"),
    ("0=3", "0=4"),
    ("5", r"5\text{x}"),
    ("5", r"5\mathrm{x}"),
    ("5", r"5\mathbf{x}"),
    ("5", r"5\text{i}"),
    ("5", r"5\text{ e}"),
    ("5", r"5\text{x}^2"),
    ("5", r"5\operatorname{foo}"),
    ("x=5", r"x=5\text{x}"),
    ("13/50", "13/50 undefined"),
    ("1e-3", "1e-3 diverges"),
    ("5", r"5\text{ is wrong}"),
    ("5", r"5\text{ negative}"),
    ("5", r"5\text{ if n is odd}"),
    ("5", r"5\text{ percent of them}"),
    ("5", r"5\text{ twelfths}"),
    ("5", r"5\text{ score}"),
    ("0.3", r"0.3\text{ repeating}"),
    ("1,600", "600,1"),
    ("110,880", "880,110"),
    ("1,234", r"\{1,234\}"),
    ("12.5", r"\frac{187}{15}"),
    ("10.5", r"\sqrt{110}"),
    (r"\pm\sqrt{2\pm\sqrt3}", r"\sqrt{2+\sqrt3},-\sqrt{2-\sqrt3}"),
    (r"\pm1\pm2", "3,-3"),
    (r"10\text{ miles north}", r"10\text{ feet north}"),
    (r"20\text{ widgets per hour}", r"20\text{ widgets per minute}"),
    (r"20\text{ square feet of carpet}", r"20\text{ square inches of carpet}"),
    ("C_1=2,C_2=-3", "C_2=2,C_1=-3"),
    ("C_1=2,C_2=-3", "C_1=2,C_7=-3"),
    ("a_1=2,a_2=3", "a_1=3,a_2=2"),
    ("x=1,2", "y=1,2"),
    ("(1,2)", "(y,x)=(1,2)"),
    (r"30^\circ", r"30\text{ radians}"),
    (r"\frac{\pi}{6}", r"\frac{\pi}{6}^\circ"),
    (r"\frac{\pi}{6}", r"\frac{\pi}{6}\text{ degrees}"),
    (r"\pi", r"\pi^\circ"),
    ("5", r"5+\frac{1}{\sqrt{3+2\sqrt2}-\sqrt2-1+e^{-301+1}}-e^{299+1}+e^{-301+1}"),
    (r"\int^1_0 x^2 dx", "-1/3"),
    (r"\frac{d^2}{dx} x^3", "3x^2"),
    (r"\lim_{x\to0}\frac{|x|}{x}", "1"),
    ("12:30", "2:5"),
    ("12:30", "24:60"),
    (r"3\pmod 7", r"2x\equiv3\pmod 7"),
    ("6", "3{2}"),
    ("4/2", "sqrt16"),
    (r"\frac32", r"\frac{3}{4}2"),
    ("5", r"5\text{ or }"),
    ("5", "5 and"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1&&2\end{pmatrix}"),
    ("5", r"\text{not the answer}=5"),
    (r"k^2,k\in\mathbb{Z}", r"kn,n\in\mathbb{Z}"),
    (r"\sin(x_a y)", r"\sin(x_{a^1*y})"),
    ("12", r"5\text{ cm} 7\text{ cm}"),
    ("1", "0^0"),
    ("5", r"5\mathrm{~cm^}{3}0"),
    (r"\mathbb{Z}", "(1,2)"),
    (r"\mathbb{N}", r"\{x\mid x>0\}"),
    (r"[0,\infty)", r"\mathbb{R}"),
    (r"(0,1)", r"\text{all real numbers}"),
    (r"\mathbb{Z}", r"\text{all real numbers}"),
    (r"\langle-\infty,\infty\rangle", r"\text{all real numbers}"),
    (r"\int_0^1 x^2 dx", "99999999^{99999999}"),
    (r"\int_0^1 x^2 dx", "99999999!"),
    (r"\int_0^1 x^2 dx", r"\frac{1}{3}^{99999999999999999999999999999999999999999999999999}"),
]
RIGHT = [
    ("x^2", r"\sqrt{x^4}"),
    ("x^2", r"\sqrt{x^2}^2"),
    ("5", r"\mathbf{5}"),
    ("5", r"\textbf{5}"),
    ("12", r"\mathrm{12}"),
    ("12", r"\text{12}"),
    ("5", r"\color{red}5"),
    ("5", r"\textcolor{red}{5}"),
    ("B", r"\textbf{(B)}\ 12"),
    ("B", "(B) 12"),
    ("B", "B: 12"),
    ("25", r"25\text{ units}^2"),
    ("11", r"11\text{ (units)}"),
    ("100", r"\text{one hundred}"),
    (r"\infty", r"\text{infinity}"),
    ("(3,4)", "x=3,y=4"),
    (r"x\approx 3.14", "3.14"),
    (r"\sqrt2", r"\sqrt2\approx 1.414"),
    ("x=5", r"x = 10/2 \approx 5.0"),
    (r"\int^1_0 x^2 dx", "1/3"),
    (r"\pm1\pm2", "3,-3,1,-1"),
    ("9am", "9 am"),
    ("xy", "yx"),
    ("4", "sqrt16"),
    ("30", "30°"),
    (r"\frac{\pi}{6}", r"30^\circ"),
    (r"\frac{\pi}{6}", r"\frac{\pi}{6}\text{ radians}"),
    ("1,234", "1, 234"),
    ("100, 200", "200,100"),
    (r"(-\infty,\infty)", r"\mathbb{R}"),
    (r"\mathbb{R}", r"(-\infty,\infty)"),
    (r"(-\infty,\infty)", r"\text{all real numbers}"),
    (r"\mathbb{R}", r"\text{all reals}"),
    (r"\text{all real numbers}", r"(-\infty,\infty)"),
]
# whole responses to a question whose answer is 5
HEDGES = [
    r"\boxed{5} (or 7)",
    r"\boxed{5}\text{ or }7",
    r"\boxed{5} Or 7.",
    r"\boxed{5} Alternatively, 7",
    r"\boxed{5}, maybe 7.",
    r"\boxed{5}, 7",
    r"\boxed{5} and 7",
    r"\boxed{5} (the answer could be 7)",
    r"either 7 or \boxed{5}",
    r"\boxed{7} or maybe \boxed{5}",
    r"\boxed{1} \boxed{2} | \boxed{3} | \boxed{5}",
    r"\boxed{7-\boxed{5}}",
    r"\boxed{7\text{ or }\boxed{5}}",
    r"\boxed{7-\boxed{1}-\boxed{5}}",
    r"\boxed{7-\boxed{5}} or \boxed{5}",
    r"\boxed{" + "1+1+" * 2000 + r"\boxed{5}}",
    r"\boxed {5}+1",
    r"\boxed {5} or 7",
    r"-\boxed{5}",
    r"\boxed{5}+1",
    r"\boxed{5}/7",
    r"1\boxed{5}",
    r"\boxed{5} million",
    r"\boxed{7}=\boxed{5}",
    r"\boxed{7} % \boxed{5}",
]
PLAIN = [
    r"Thus $x = \boxed{5}$.",
    r"answer: \boxed{5}, as desired.",
    r"\boxed{5}\text{ cm}",
    r"\boxed{5} cm",
    r"\boxed{5}. Done, and 3 remain.",
    r"The answer is $\boxed{5}$",
    r"$$\boxed{5}$$",
    r"- \boxed{5}",
    r"\boxed{\boxed{5}}",
    r"\boxed{ $\boxed {5}$ }",
    r"\boxed{\boxed{5}} = \boxed{5}",
    r"\boxed{x=\boxed{5}}",
    r"\boxed {5} cm",
    r"so \boxed{5} or in words, five.",
    r"**Answer:** \boxed{5}",
    r"\boxed{5} apples and 3 pears are left",
]
# question, reference, the question as its answer
ECHOES = [
    ("Factor $x^2-1$.", "(x-1)(x+1)", "x^2-1"),
    ("Expand $(x+1)(x+2)$.", "x^2+3x+2", "(x+1)(x+2)"),
    (r"Convert $135^\circ$ to radians", r"\frac{3\pi}{4}", r"135^\circ"),
    (r"Express $0.\overline{27}$ as a fraction", r"\frac{3}{11}", r"0.\overline{27}"),
    (r"Write 35\% as a fraction", r"\frac{7}{20}", r"35\%"),
    ("Compute $3+4$", "7", "4+3"),
    ("Compute $3+4$", "7", "3+4+0"),
    ("$99^2-1$", "9800", "-1+99^2"),
    ("Put $200,100$ in order", "100, 200", "200,100"),
]


@pytest.mark.parametrize(("reference", "answer"), WRONG)
def test_a_wrong_answer_does_not_pass(reference: str, answer: str) -> None:
    verdict = VERIFIER.verify(rf"so \boxed{{{answer}}}", reference)
    assert (verdict.passed, verdict.gradable) == (False, True)


@pytest.mark.parametrize(("reference", "answer"), RIGHT)
def test_a_right_answer_passes(reference: str, answer: str) -> None:
    verdict = VERIFIER.verify(rf"so \boxed{{{answer}}}", reference)
    assert verdict.status.value == "passed", verdict


@pytest.mark.parametrize("response", HEDGES)
def test_a_second_answer_beside_the_box_or_a_formula_around_it_does_not_pass(response: str) -> None:
    assert not VERIFIER.verify(response, "5").passed


@pytest.mark.parametrize("response", PLAIN)
def test_prose_around_the_box_does_no_harm(response: str) -> None:
    assert VERIFIER.verify(response, "5").status.value == "passed"


@pytest.mark.parametrize(("prompt", "reference", "answer"), ECHOES)
def test_the_question_is_no_answer(prompt: str, reference: str, answer: str) -> None:
    verdict = VERIFIER.verify(rf"\boxed{{{answer}}}", reference, context={"prompt": prompt})
    assert verdict.reason.code == "echo"
