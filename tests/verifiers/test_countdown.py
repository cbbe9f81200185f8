"""`countdown@1` judges by constraint; its parser agrees with an independent evaluator."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.countdown import ExpressionError, parse_expression

examples = settings(max_examples=150, deadline=None, derandomize=True)


VERIFIER = make_verifier("countdown@1")
REFERENCE = {"numbers": [3, 5, 7], "target": 22}

ACCEPTED = [
    "3 * 5 + 7",
    "7 + 5 * 3",
    "(3 * 5) + 7",
    "((3)) * (5) + 7",
    "3×5+7",
    "3 · 5 + 7",
    r"3 \times 5 + 7",
    r"\left(3 \cdot 5\right) + 7",
    "3*5+7 = 22",
    "03 * 5 + 7",
    "3\n* 5 + 7",
]
ATTACKS = {
    "the target alone": ("22", "wrong_numbers"),
    "a number twice": ("3 * 5 + 7 + 3 - 3", "wrong_numbers"),
    "a number left out": ("3 * 7 + 1", "wrong_numbers"),
    "another number, times zero": ("3 * 5 + 7 + 9 * 0", "wrong_numbers"),
    "joined digits": ("35 - 13", "wrong_numbers"),
    "joined digits by a space": ("3 5 - 13", "not_an_expression"),
    "all numbers, another value": ("3 + 5 + 7", "wrong_value"),
    "off by a hair": ("3 * 5 + 7 / 1", "wrong_numbers"),
    "another claimed value": ("3 * 5 + 7 = 23", "wrong_claim"),
    "the target claimed for another value": ("3 + 5 + 7 = 22", "wrong_value"),
    "the target first": ("22 = 3 * 5 + 7", "not_an_expression"),
    "a chain": ("3 * 5 = 15 + 7 = 22", "not_an_expression"),
    "a hedge": ("3 + 5 + 7 or 3 * 5 + 7", "not_an_expression"),
    "two expressions": ("3 + 5 + 7, 3 * 5 + 7", "not_an_expression"),
    "two lines": ("3 + 5 + 7\n3 * 5 + 7", "not_an_expression"),
    "power": ("3 ** 5 + 7", "not_an_expression"),
    "tower": ("9**9**9**9", "not_an_expression"),
    "caret": ("3 ^ 5 + 7", "not_an_expression"),
    "floor division": ("7 // 3 + 5", "not_an_expression"),
    "modulo": ("7 % 3 + 5", "not_an_expression"),
    "factorial": ("3! + 5 + 7", "not_an_expression"),
    "unary minus": ("-3 + 5 * 5", "not_an_expression"),
    "unary minus in brackets": ("7 * 5 - (-3)", "not_an_expression"),
    "implicit product": ("(3)(5) + 7", "not_an_expression"),
    "decimal point": ("3.5 + 7", "not_an_expression"),
    "exponent": ("3e5 + 7", "not_an_expression"),
    "underscore": ("3_5 + 7", "not_an_expression"),
    "hexadecimal": ("0x16", "not_an_expression"),
    "other digits": ("३ * 5 + 7", "not_an_expression"),
    "superscript": ("3² + 5 + 7", "not_an_expression"),
    "full-width digits": ("３ * 5 + 7", "not_an_expression"),
    "boolean logic": ("True or 3*5+7", "not_an_expression"),
    "call": ("__import__('os').system('true')", "not_an_expression"),
    "comment": ("22 # 3 * 5 + 7", "not_an_expression"),
    "empty": ("", "not_an_expression"),
    "only an operator": ("+", "not_an_expression"),
    "unclosed bracket": ("(3 * 5 + 7", "not_an_expression"),
    "closed too often": ("3 * 5 + 7)", "not_an_expression"),
    "empty brackets": ("()", "not_an_expression"),
    "a long number": ("1" * 16, "not_an_expression"),
    "deep brackets": ("(" * 51 + "1" + ")" * 51, "not_an_expression"),
    "a long expression": ("1+" * 500 + "1", "not_an_expression"),
    "prose": ("the answer is 3 * 5 + 7", "not_an_expression"),
}


@pytest.mark.parametrize("expression", ACCEPTED)
def test_every_right_expression_passes(expression: str) -> None:
    verdict = VERIFIER.verify(f"<answer>{expression}</answer>", REFERENCE)
    assert (verdict.status.value, verdict.score) == ("passed", 1.0)


@pytest.mark.parametrize(("expression", "code"), ATTACKS.values(), ids=ATTACKS)
def test_no_attack_passes(expression: str, code: str) -> None:
    verdict = VERIFIER.verify(f"<answer>{expression}</answer>", REFERENCE)
    assert not verdict.passed
    assert verdict.reason.code == code


@pytest.mark.parametrize(
    ("expression", "score", "parts"),
    [
        ("3 * 5 + 7", 1.0, [True, True, True]),
        ("3 + 5 + 7", 2 / 3, [True, True, False]),
        ("22", 1 / 3, [True, False, False]),
        ("??", 0.0, [False, False, False]),
    ],
)
def test_the_score_climbs_three_steps(expression: str, score: float, parts: list[bool]) -> None:
    verdict = VERIFIER.verify(f"<answer>{expression}</answer>", REFERENCE)
    assert verdict.score == pytest.approx(score)
    assert [part.name for part in verdict.parts] == ["format", "numbers", "value"]
    assert [part.passed for part in verdict.parts] == parts


def test_a_division_by_zero_has_no_value() -> None:
    verdict = VERIFIER.verify("7 / (3 - 3)", {"numbers": [3, 3, 7], "target": 0})
    assert verdict.reason.code == "division_by_zero"
    assert VERIFIER.verify("0 * (1 / (3 - 3))", {"numbers": [0, 1, 3, 3], "target": 0}).passed is False


def test_fractions_on_the_way_are_exact() -> None:
    # 8 / (3 - 8/3) = 8 / (1/3) = 24
    assert VERIFIER.verify("8 / (3 - 8 / 3)", {"numbers": [3, 3, 8, 8], "target": 24}).passed


def test_only_the_last_answer_counts() -> None:
    right, wrong = "<answer>3*5+7</answer>", "<answer>3+5+7</answer>"
    assert VERIFIER.verify(f"{wrong} no: {right}", REFERENCE).passed
    assert not VERIFIER.verify(f"{right} no: {wrong}", REFERENCE).passed
    assert VERIFIER.verify(r"so \boxed{3 \times 5 + 7}", REFERENCE).passed


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        (None, "not_a_countdown"),
        ("3 5 7", "not_a_countdown"),
        ([3, 5, 7], "not_a_countdown"),
        ({}, "not_a_countdown"),
        ({"numbers": [3]}, "not_a_countdown"),
        ({"numbers": [], "target": 22}, "no_numbers"),
        ({"numbers": None, "target": 22}, "no_numbers"),
        ({"numbers": "357", "target": 22}, "no_numbers"),
        ({"numbers": {3: 1}, "target": 22}, "no_numbers"),
        ({"numbers": [3, None], "target": 22}, "not_an_integer"),
        ({"numbers": [3, True], "target": 22}, "not_an_integer"),
        ({"numbers": [3, 5.0], "target": 22}, "not_an_integer"),
        ({"numbers": [3, "5"], "target": 22}, "not_an_integer"),
        ({"numbers": [3, 5], "target": 22.0}, "not_an_integer"),
        ({"numbers": [3, 5], "target": None}, "not_an_integer"),
        ({"numbers": [3, float("nan")], "target": 1}, "not_an_integer"),
        ({"numbers": [3, -5], "target": 22}, "negative_number"),
        ({"numbers": [-(10**5000)], "target": 22}, "negative_number"),
        ({"numbers": [10**15], "target": 22}, "number_too_large"),
        ({"numbers": [3], "target": 10**5000}, "number_too_large"),
        ({"numbers": [3], "target": -(10**5000)}, "number_too_large"),
        ({"numbers": [[10**5000]], "target": 1}, "not_an_integer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_reference_that_cannot_be_used_is_ungradable(reference: Any, code: str) -> None:
    verdict = VERIFIER.verify("3 * 5 + 7", reference)
    assert (verdict.status.value, verdict.reason.code, verdict.gradable) == ("reference_error", code, False)
    assert VERIFIER.check_reference(reference).reason.code == code


# --- The parser against an independent evaluator ---------------------------------------------------------------------

Node = int | tuple[str, "Node", "Node"]
trees = st.recursive(st.integers(0, 99), lambda child: st.tuples(st.sampled_from("+-*/"), child, child), max_leaves=8)


def value_of(node: Node) -> Fraction | None:
    """The value of a tree, computed on the tree; None where it divides by zero."""
    if isinstance(node, int):
        return Fraction(node)
    left, right = value_of(node[1]), value_of(node[2])
    if left is None or right is None or (node[0] == "/" and right == 0):
        return None
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
    }[node[0]]()


def leaves(node: Node) -> list[int]:
    return [node] if isinstance(node, int) else leaves(node[1]) + leaves(node[2])


RANK = {"+": 1, "-": 1, "*": 2, "/": 2}


def written(node: Node, minimal: bool) -> str:
    """The tree as text, with all brackets or only those that precedence and left association need."""
    if isinstance(node, int):
        return str(node)
    operator, left, right = node
    texts = []
    for side, child in (("left", left), ("right", right)):
        text = written(child, minimal)
        if isinstance(child, tuple):
            lower = RANK[child[0]] < RANK[operator] or (side == "right" and RANK[child[0]] == RANK[operator])
            text = f"({text})" if lower or not minimal else text
        texts.append(text)
    return f"{texts[0]} {operator} {texts[1]}"


@examples
@given(trees, st.booleans())
def test_the_parser_agrees_with_the_tree(tree: Node, minimal: bool) -> None:
    parsed = parse_expression(written(tree, minimal))
    assert parsed.value == value_of(tree)
    assert list(parsed.numbers) == leaves(tree)


@examples
@given(trees, st.integers(-3, 3))
def test_a_tree_passes_exactly_when_its_value_is_the_target(tree: Node, offset: int) -> None:
    value = value_of(tree)
    target = int(value) + offset if value is not None else offset
    verdict = VERIFIER.verify(f"<answer>{written(tree, True)}</answer>", {"numbers": leaves(tree), "target": target})
    assert verdict.passed is (value == target)


@examples
@given(st.text("0123456789+-*/() =.e_", max_size=40))
def test_what_parses_is_made_of_numbers_operators_and_brackets(text: str) -> None:
    try:
        parsed = parse_expression(text)
    except ExpressionError:
        return
    # The numbers read are the digit runs of the text, in order: nothing is joined, split or made up.
    left = text.partition("=")[0]
    runs = "".join(char if char.isdigit() else " " for char in left).split()
    assert list(parsed.numbers) == [int(run) for run in runs]
