"""The question is no answer, in whatever dress; right answers beside it pass."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.math.answer import read
from rlvr_gym.verifiers.math.collected import shape

VERIFIER = make_verifier("math@1")
# `<>` stands for the formula of the question
DRESSES = (
    "<>", "(<>)", "<>+0", "<>+1-1", "2(<>)/2", "-(-(<>))", "(<>)^1", "x=<>", "<>=<>", "\\frac{<>}{1}", "1\\cdot(<>)",
    "3(<>)-2(<>)", "<>+y-y", "\\frac{y(<>)}{y}", "(<>)(\\sqrt2)^2/2", "<>+\\sqrt4-2", "\\sqrt{4}(<>)/2",
    "\\frac{1}{1/(<>)}", "(<>)^{3-2}", "200\\%(<>)/2", "<>\\text{ cm}",
)  # fmt: skip
# question, its formula, reference
QUESTIONS = [
    ("Compute $14+40$.", "14+40", "54"),
    ("What is 17 + 42?", "17+42", "59"),
    ("What is 17 + 42 - 3? End with '#### <number>'.", "17 + 42 - 3", "56"),
    (r"Compute \frac{1}{2}+\frac{1}{3}.", r"\frac{1}{2}+\frac{1}{3}", r"\frac56"),
    ("Simplify 3x + 2 + 5.", "3x+2+5", "3x+7"),
    ("Factor $x^2-1$.", "x^2-1", "(x-1)(x+1)"),
    ("Expand $2(x+y+z)$.", "2(x+y+z)", "2x+2y+2z"),
    (r"He tried $\frac{-3+4i}{1+2i}$ and found $1+2i$. Was he right?", r"\frac{-3+4i}{1+2i}", "1+2i"),
    (r"Simplify \[\sqrt{72}.\]", r"\sqrt{72}", r"6\sqrt2"),
    (r"\begin{align*} x(x+1)-x^2+3 \end{align*} Simplify.", "x(x+1)-x^2+3", "x+3"),
    (r"Find $x=\frac{10}{2}$.", r"\frac{10}{2}", "x=5"),
    (r"Write $\frac{57}{160}$ as a decimal.", r"\frac{57}{160}", "0.35625"),
]
# question, reference, answer
REFUSED = [
    ("What is 17 + 42?", "59", "42+17"),
    ("What is 17 + 42?", "59", "60-1"),
    ("What is 17 + 42?", "59", r"\frac{118}{2}"),
    ("Simplify 3x+2+5.", "3x+7", "3x+3+4"),
    (r"Simplify $\sqrt{72}$", r"6\sqrt2", r"\sqrt{71+1}"),
    (r"Convert $135^\circ$ to radians", r"\frac{3\pi}{4}", r"270^\circ/2"),
    ("Write 0.75 as a fraction", r"\frac34", ".750"),
    ("Write 0.75 as a fraction", r"\frac34", "x=0.75"),
    ("Write 0.75 as a fraction", r"\frac34", r"\frac{0.75}{1}"),
    (r"Express $0.\overline{27}$", r"\frac{3}{11}", r"0.\overline{2727}"),
    (r"Write 35\% as a fraction", r"\frac{7}{20}", r"70\%/2"),
    ("Name the point $(1+1,3)$", "(2,3)", "(3-1,3)"),
    ("The roots are $1+1$ and $3$", "2,3", "3,1+1"),
    ("Write $2x-y+3=0$ as $y=$", "y=2x+3", "2x-y+3+1-1=0"),
    ("A. x^2-1 B. (x-1)(x+1) Which is factored?", "(x-1)(x+1)", "x^2-1+0"),
]
TAKEN = [
    ("What is 17 + 42?", "59", "59.0"),
    ("What is 17 + 42?", "59", "17+42=59"),
    ("What is 17 + 42?", "59", r"59\text{ apples}"),
    ("What is 17 + 42 + 1?", "60", r"6\cdot10"),
    (r"Compute $\frac{1}{2}+\frac{1}{3}$.", r"\frac56", r"\frac{10}{12}"),
    ("Simplify 3x+2+5.", "3x+7", "7+3x"),
    ("Factor $x^2-1$.", "(x-1)(x+1)", "(x+1)(x-1)"),
    ("Expand $2(x+y+z)$.", "2x+2y+2z", "2z+2x+2y"),
    (r"Simplify $\sqrt{72}$", r"6\sqrt2", r"3\sqrt8"),
    (r"Simplify $\frac{3}{\sqrt{27}}$", r"\frac{\sqrt3}{3}", r"\frac{1}{\sqrt3}"),
    (r"Write $\frac{4+6a}{5}-\frac{1+3a}{4}$ as one", r"\frac{11+9a}{20}", r"\frac{11}{20}+\frac{9a}{20}"),
    (r"The chance is $\frac12$. And of the opposite?", r"\frac12", r"1-\frac12"),
    ("Tom has 14 apples and Ann 40. How many?", "54", "14+40"),
    ("The roots are $1+1$ and $3$", "2,3", r"x=2 \text{ or } x=3"),
    ("Find $x=3+2$.", "x=5", "x=10/2=5"),
    ("Write $2x-y+3=0$ as $y=$", "y=2x+3", "y=3+2x"),
]
_FORMULA = re.compile(r"\$\$([^$]+)\$\$|\$([^$]+)\$|\\\[(.+?)\\\]|\\begin\{align\*\}(.+?)\\end\{align\*\}", re.DOTALL)
_SIDES = re.compile(r"=|&|\\\\|\\[lg]e(?![a-z])|[<>,]")


def verify(prompt: str, reference: str, answer: str) -> str:
    return VERIFIER.verify(rf"so \boxed{{{answer}}}", reference, context={"prompt": prompt}).reason.code


@pytest.mark.parametrize(("prompt", "formula", "reference"), QUESTIONS)
def test_the_formula_of_the_question_does_not_pay(prompt: str, formula: str, reference: str) -> None:
    found = [dress for dress in DRESSES if verify(prompt, reference, dress.replace("<>", formula)) == "equal"]
    assert found == []


@pytest.mark.parametrize(("prompt", "formula", "reference"), QUESTIONS)
def test_the_reference_pays(prompt: str, formula: str, reference: str) -> None:
    assert verify(prompt, reference, reference) == "equal"
    assert verify(prompt, reference, f"{formula}={reference.removeprefix('x=')}") == "equal" or "x" in reference


@pytest.mark.parametrize(("prompt", "reference", "answer"), REFUSED)
def test_what_is_no_simpler_than_the_question_is_an_echo(prompt: str, reference: str, answer: str) -> None:
    assert verify(prompt, reference, answer) == "echo"


@pytest.mark.parametrize(("prompt", "reference", "answer"), TAKEN)
def test_what_is_simpler_or_written_as_the_reference_passes(prompt: str, reference: str, answer: str) -> None:
    assert verify(prompt, reference, answer) == "equal"


def test_the_examples_of_the_page_are_true(root: Path) -> None:
    text = (root / "docs" / "verifiers" / "math.md").read_text(encoding="utf-8")
    table = text.partition("| question | reference | answer | reason |\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    found = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert len(found) == 15
    for prompt, reference, answer, reason in found:
        assert verify(prompt, reference.strip("`"), answer.strip("`")) == reason, answer


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 99), min_size=2, max_size=4), st.data())
def test_no_sum_of_as_many_terms_is_an_answer(terms: list[int], data: st.DataObject) -> None:
    prompt, total = f"What is {' + '.join(map(str, terms))}?", sum(terms)
    assert verify(prompt, str(total), "+".join(map(str, data.draw(st.permutations(terms))))) == "echo"
    some = data.draw(st.lists(st.integers(1, 99), min_size=len(terms) - 1, max_size=5))
    other = "+".join(f"({part})" for part in [*some, total - sum(some)])
    assert verify(prompt, str(total), other) == ("equal" if total in some and len(some) == 1 else "echo")
    assert verify(prompt, str(total), str(total)) == "equal"


MATHEMATICS = st.lists(
    st.sampled_from([*"0127xyk+-=(),[]^_{}!", r"\frac12", r"\sqrt", r"\approx", r"\sim", r"\doteq", r"\pi", r"\pm",
                     r"\text{cm}", r"45^\circ", r"\%", "x=", "(3,4)", r"\le"]), max_size=7,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(["5", "(3,4)", "x=5", "2k", r"\sqrt2", "1,2", "[1,2)", r"45^\circ"]), MATHEMATICS, MATHEMATICS)
def test_approximations_and_questions_are_judged(gold: str, answer: str, question: str) -> None:
    for text in (answer, rf"{gold}\approx {answer}", rf"x={gold}\approx {answer}"):
        verdict = VERIFIER.verify(rf"\boxed{{{text}}}", gold, context={"prompt": f"{question} ${answer}$ 3+2"})
        assert verdict.gradable


def formulas(problem: str, reference: str) -> list[str]:
    """The formulas of a problem and their sides that are no finished value and not the reference."""
    found: list[str] = []
    for match in _FORMULA.finditer(problem):
        text = next(group for group in match.groups() if group is not None).strip()
        found += [text, *(side.strip(" .;?\n") for side in _SIDES.split(text))]
    trees = {text: shape(read(text).node) for text in dict.fromkeys(found) if text}
    gold = shape(read(reference).node)
    return [text for text, tree in trees.items() if tree.args and tree != gold]


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_no_copy_of_a_question_of_math500_pays(data_dir: Path) -> None:
    problems = rows(data_dir / "math500" / "test.jsonl")
    assert len(problems) == 500
    paid, tried = [], 0
    for row in problems:
        prompt, gold = row["problem"], row["expected_answer"]
        answers = [dress.replace("<>", text) for text in formulas(prompt, gold) for dress in DRESSES]
        paid += [(answer, gold) for answer in answers if verify(prompt, gold, answer) == "equal"]
        tried += len(answers)
    assert paid == []
    assert tried > 10_000


def test_the_recorded_solutions_are_judged_the_same_with_their_question(data_dir: Path) -> None:
    other = []
    for row in rows(data_dir / "recorded" / "math_100x8.jsonl"):
        alone = VERIFIER.verify(row["response"], row["answer"])
        asked = VERIFIER.verify(row["response"], row["answer"], context={"prompt": row["problem"]})
        other += [row["problem_id"]] if alone.passed != asked.passed else []
    assert other == []
