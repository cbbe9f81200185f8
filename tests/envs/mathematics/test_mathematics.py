"""Eight families of mathematics: what is asked, read from the prompt, is solved again by other means."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
import sympy
from rlvr_gym.envs.knobs import entry_point
from rlvr_gym.verifiers import ConfigError, make_verifier
from sympy.parsing.sympy_parser import (
    convert_xor,
    implicit_multiplication_application,
    parse_expr,
    standard_transformations,
)

TOPICS = (
    "Algebra", "Calculus", "Combinatorics", "Geometry", "LinearAlgebra", "NumberTheory", "Probability", "WordProblems",
)  # fmt: skip
X = sympy.Symbol("x")
RULES = (*standard_transformations, convert_xor, implicit_multiplication_application)


def env_of(topic: str, **knobs: Any) -> Any:
    return entry_point(f"rlvr/{topic}-v0")(**knobs)


def asked(topic: str, kind: str, scale: int, count: int = 6) -> list[tuple[str, Fraction]]:
    """Compact problems without the colon at their end, and the answers of this project."""
    tasks = env_of(topic, kinds=[kind], scale=scale, style="compact").taskset
    return [(tasks.task(i).prompt[:-1], Fraction(tasks.task(i).solution)) for i in range(count)]


def numbers(text: str) -> list[int]:
    return [int(one) for one in re.findall(r"-?\d+", text)]


def poly(text: str) -> Any:
    return parse_expr(text, local_dict={"x": X}, transformations=RULES)


@pytest.mark.parametrize("scale", [1, 3, 5])
def test_algebra(scale: int) -> None:
    for text, answer in asked("Algebra", "linear", scale):
        left, right = map(poly, text.split("="))
        assert sympy.solve(left - right, X) == [sympy.Rational(answer)]
    for text, answer in asked("Algebra", "quadratic", scale):
        assert max(sympy.solve(poly(text.removeprefix("max").removesuffix("=0")), X)) == sympy.Rational(answer)
    for text, answer in asked("Algebra", "system", scale):
        first, second, wanted = text.split(",")
        x, y = sympy.symbols("x y")
        read = [parse_expr(one, transformations=RULES) for side in (first, second) for one in side.split("=")]
        found = sympy.solve([read[0] - read[1], read[2] - read[3]], [x, y])
        assert parse_expr(wanted, transformations=RULES).subs(found) == sympy.Rational(answer)
    for text, answer in asked("Algebra", "coefficient", scale):
        name, _, product = text.partition("in(")
        power = int(name.partition("^")[2] or 1)
        left, right = product.removesuffix(")").split(")(")
        assert sympy.Poly(poly(left) * poly(right), X).coeff_monomial(X**power) == answer
    for text, answer in asked("Algebra", "value", scale):
        expression, _, at = text.partition(",x=")
        assert poly(expression).subs(X, int(at)) == answer


def test_sequences_go_on_as_they_began() -> None:
    for scale in (1, 3, 5):
        for text, answer in asked("Algebra", "sequence", scale):
            n, *shown = numbers(text)
            line = sympy.interpolate(list(enumerate(shown, start=1)), X)
            assert sympy.Poly(line, X).degree() <= 2
            assert line.subs(X, n) == answer


@pytest.mark.parametrize("scale", [1, 3, 5])
def test_number_theory(scale: int) -> None:
    def found(kind: str) -> list[tuple[list[int], Fraction]]:
        return [(numbers(text), answer) for text, answer in asked("NumberTheory", kind, scale)]

    assert all(answer == math.gcd(*given) for given, answer in found("divisor"))
    assert all(answer == math.lcm(*given) for given, answer in found("multiple"))
    assert all(answer == pow(a, b, m) for (a, b, m), answer in found("power"))
    assert all(answer == pow(a, -1, m) for (_, a, m), answer in found("inverse"))
    assert all(answer == sum(p * k for p, k in sympy.factorint(n).items()) for (n,), answer in found("factors"))
    assert all(answer == sympy.divisor_sigma(n) for (n,), answer in found("divisors"))
    for text, answer in asked("NumberTheory", "base", scale):
        written, _, base = text.partition("b")
        assert answer == int(written, int(base))
    for given, answer in found("remainders"):
        pairs = list(zip(given[::2], given[1::2], strict=True))
        assert all(answer % m == left for left, m in pairs)
        assert 0 <= answer < math.prod(m for _, m in pairs)


def test_combinatorics_counted_one_by_one() -> None:
    for text, answer in asked("Combinatorics", "word", 1):
        letters = text[len("perm(") : -1]
        assert answer == len(set(itertools.permutations(letters)))
    for text, answer in asked("Combinatorics", "paths", 1):
        width, height, x, y = numbers(text.replace(")-(", ","))
        ways = {(0, 0): 1}
        for i, j in itertools.product(range(width + 1), range(height + 1)):
            if (i, j) != (0, 0):
                ways[i, j] = 0 if (i, j) == (x, y) else ways.get((i - 1, j), 0) + ways.get((i, j - 1), 0)
        if (x, y) != (0, 0):
            assert answer == ways[width, height]
    for text, answer in asked("Combinatorics", "shares", 1):
        things, *least = numbers(text)
        lots = itertools.product(*(range(low, things + 1) for low in least))
        assert answer == sum(sum(lot) == things for lot in lots)
    for text, answer in asked("Combinatorics", "numbers", 2):
        bound, *divisors = numbers(text)
        assert answer == sum(any(n % d == 0 for d in divisors) for n in range(1, bound + 1))
    for text, answer in asked("Combinatorics", "codes", 1):
        signs, special, length = numbers(text)
        assert answer == sum(min(code) < special for code in itertools.product(range(signs), repeat=length))
    for text, answer in asked("Combinatorics", "committee", 1):
        n, k, m, j = numbers(text)
        choices = [sum(1 for _ in itertools.combinations(range(a), b)) for a, b in ((n, k), (m, j))]
        assert answer == math.prod(choices)


@pytest.mark.parametrize("scale", [1, 3, 5])
def test_linear_algebra(scale: int) -> None:
    def matrices(text: str) -> list[Any]:
        return [sympy.Matrix(sympy.sympify(found)) for found in re.findall(r"\[\[[-\d,\[\]]*?\]\]", text)]

    for text, answer in asked("LinearAlgebra", "product", scale):
        left, right = matrices(text)
        row, column = numbers(text[text.rindex("[") :])
        assert (left * right)[row - 1, column - 1] == answer
    for text, answer in asked("LinearAlgebra", "determinant", scale):
        assert matrices(text)[0].det() == answer
    for text, answer in asked("LinearAlgebra", "trace", scale):
        assert (matrices(text)[0] ** 2).trace() == answer
    for text, answer in asked("LinearAlgebra", "solved", scale):
        right = sympy.Matrix(numbers(text.partition("v=")[2]))
        assert sum(matrices(text)[0].LUsolve(right)) == answer
    for text, answer in asked("LinearAlgebra", "inner", scale):
        vectors = [numbers(found) for found in re.findall(r"\[[-\d,]*\]", text)]
        a, b = (int(found) for found in re.findall(r"[(+](-?\d+)\[", text))
        u, v, w = vectors
        assert answer == sum((a * x + b * y) * z for x, y, z in zip(u, v, w, strict=True))


def test_probability_counted_one_by_one() -> None:
    for text, answer in asked("Probability", "urn", 1):
        red, blue, drawn, wanted = numbers(text)
        draws = (
            list(itertools.combinations([1] * red + [0] * blue, drawn)) if math.comb(red + blue, drawn) < 60_000 else []
        )
        if draws:
            assert answer == Fraction(sum(sum(one) == wanted for one in draws), len(draws))
    for text, answer in asked("Probability", "dice", 3):
        *sides, total = numbers(text.replace("+", ",").replace("=", ","))
        throws = Counter(map(sum, itertools.product(*(range(1, one + 1) for one in sides))))
        assert answer == Fraction(throws[total], math.prod(sides))
    for text, answer in asked("Probability", "test", 2):
        prior, right, wrong = map(Fraction, text[len("bayes(") : -1].split(","))
        assert answer == prior * right / (prior * right + (1 - prior) * wrong)
    for text, answer in asked("Probability", "expected", 2):
        pairs = [one.split(":") for one in text[2:-1].split(",")]
        assert sum(Fraction(weight) for weight, _ in pairs) == 1
        assert answer == sum(Fraction(weight) * int(prize) for weight, prize in pairs)
    for text, answer in asked("Probability", "trials", 2):
        n, p, k = text[len("bin(") : -1].split(",")
        outcomes = itertools.product([True, False], repeat=int(n))
        chance = Fraction(p)
        assert answer == sum(
            math.prod(chance if hit else 1 - chance for hit in one) for one in outcomes if sum(one) == int(k)
        )


@pytest.mark.parametrize("scale", [1, 3, 5])
def test_geometry(scale: int) -> None:
    for text, answer in asked("Geometry", "area", scale):
        given = numbers(text)
        polygon = sympy.Polygon(*zip(given[::2], given[1::2], strict=True))
        assert abs(polygon.area) == sympy.Rational(answer)
        assert polygon.is_convex()
    for text, answer in asked("Geometry", "distance", scale):
        x, y, u, v = numbers(text.replace(")-(", ","))
        assert answer == math.dist((x, y), (u, v))
    for text, answer in asked("Geometry", "angle", scale):
        *shares, one = numbers(text.replace(";", ":"))
        assert answer * sum(shares) == 180 * (len(shares) - 2) * one
    for text, answer in asked("Geometry", "line", scale):
        x, y, u, v, at = numbers(text)
        assert sympy.interpolate([(x, y), (u, v)], X).subs(X, at) == sympy.Rational(answer)
    for text, answer in asked("Geometry", "circle", scale):
        radius, other = numbers(text)
        volume = {
            "sector": lambda r, w: sympy.integrate(r**2 / 2, (X, 0, w * sympy.pi / 180)),
            "cone": lambda r, h: sympy.integrate(sympy.pi * (r * X / h) ** 2, (X, 0, h)),
            "cylinder": lambda r, h: 2 * sympy.pi * r**2 + sympy.integrate(2 * sympy.pi * r, (X, 0, h)),
        }[text.partition("(")[0]]
        assert volume(sympy.Integer(radius), sympy.Integer(other)) == sympy.Rational(answer) * sympy.pi


def test_a_box_counted_cube_by_cube() -> None:
    for text, answer in asked("Geometry", "box", 1, 12):
        *sides, a, b, c = numbers(text)
        cut = (a, b, c)
        left = {
            cube
            for cube in itertools.product(*map(range, sides))
            if not all(one < low for one, low in zip(cube, cut, strict=True))
        }
        steps = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
        faces = sum(tuple(map(sum, zip(cube, step, strict=True))) not in left for cube in left for step in steps)
        assert answer == (len(left) if text.startswith("vol") else faces)


def test_word_problems() -> None:
    for scale in (1, 3, 5):
        for text, answer in asked("WordProblems", "story", scale):
            assert sympy.Rational(answer) == parse_expr(text, transformations=standard_transformations)
        for text, answer in asked("WordProblems", "travel", scale):
            apart, fast, slow = numbers(text.replace("-", "+"))
            slow = slow if "+" in text else -slow
            assert answer * (fast + slow) == fast * apart
        for text, answer in asked("WordProblems", "work", scale):
            assert 1 / sympy.Rational(answer) == parse_expr(text.removeprefix("1/"))
        for text, answer in asked("WordProblems", "ages", scale):
            total, years, times, _ = numbers(re.sub(r"[ab]-", "", text))
            young = total - answer - years
            assert answer - years == times * young


def test_what_a_story_says_is_what_is_computed() -> None:
    """All numbers of the calculation stand in the story; the others are somebody else's."""
    tasks = env_of("WordProblems", kinds=["story"], scale=4)
    compact = env_of("WordProblems", kinds=["story"], scale=4, style="compact")
    for index in range(20):
        words, short = tasks.taskset.task(index).prompt, compact.taskset.task(index).prompt
        computed = Counter(numbers(short.replace("-", "+")))
        computed.subtract({1: short.count("*(1")})
        told = Counter(numbers(words.split(" Work step")[0]))
        assert not computed - told, (words, short)


@pytest.mark.parametrize("kind", ["slope", "antiderivative", "substitution", "integral", "limit"])
def test_calculus_against_sympy(kind: str) -> None:
    tasks = env_of("Calculus", kinds=[kind], scale=2).taskset
    for index in range(8):
        task = tasks.task(index)
        reference, answer = task.reference, task.solution.rpartition("\\boxed{")[2][:-1]
        if "value" not in reference:
            given = parse_latex(reference.get("antiderivative_of") or reference["derivative_of"])
            found = parse_latex(answer)
            slope = sympy.diff(found, X) - given if kind != "slope" else found - sympy.diff(given, X)
            assert all(abs(complex(slope.subs(X, at).evalf())) < 1e-9 for at in (0.3, 0.7)), task.prompt
        elif kind == "integral":
            expression = poly(re.search(r"integral of (.*) from", task.prompt)[1])  # type: ignore[index]
            low, high = numbers(task.prompt.partition(" from ")[2])[:2]
            assert sympy.integrate(expression, (X, low, high)) == sympy.Rational(answer)
        else:
            above, below = re.search(r"limit of \((.*)\)/\((.*)\) as x goes to", task.prompt).groups()  # type: ignore[union-attr]
            at = numbers(task.prompt.partition("goes to ")[2])[0]
            assert sympy.limit(poly(above) / poly(below), X, at) == sympy.Rational(answer)


def parse_latex(text: str) -> Any:
    """What this project's generators write, for sympy."""
    text = text.replace("\\ln|x|", "log(x)").replace("\\", "")
    text = re.sub(r"frac\{(\d+)\}\{(\w+)\}", r"(\1/\2)", text)
    text = re.sub(r"e\^\{", "exp({", text)
    text = re.sub(r"exp\(\{([^}]*)\}", r"exp(\1)", text)
    return parse_expr(text.replace("{", "(").replace("}", ")"), local_dict={"x": X}, transformations=RULES)


# --- What they share ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", TOPICS)
def test_every_kind_comes_and_can_be_asked_for(topic: str) -> None:
    env = env_of(topic)
    kinds = list(env.taskset.table)
    assert {env.taskset.task(i).difficulty["kind"] for i in range(80)} == set(kinds)
    one = env_of(topic, kinds=[kinds[-1]])
    assert {one.taskset.task(i).difficulty["kind"] for i in range(10)} == {kinds[-1]}
    for knobs, words in (
        ({"kinds": []}, "must be a list"),
        ({"kinds": ["nothing"]}, "has no kind"),
        ({"scale": 6}, "scale"),
    ):
        with pytest.raises(ConfigError, match=words):
            env_of(topic, **knobs)


@pytest.mark.parametrize("topic", TOPICS)
def test_solutions_are_worked_out_and_end_with_the_answer(topic: str) -> None:
    env = env_of(topic)
    for index in range(30):
        task = env.taskset.task(index)
        *steps, last = task.solution.split("\n")
        assert steps
        assert last.startswith("\\boxed{")
        assert task.difficulty["work"] >= 1


@pytest.mark.parametrize("topic", TOPICS)
def test_the_most_frequent_answer_earns_no_more_than_the_card_says(topic: str) -> None:
    env = env_of(topic)
    answers = Counter(env.taskset.task(index).solution.rpartition("\n")[2] for index in range(1500))
    most = answers.most_common(1)[0][1] / 1500
    chance = env.card.chance
    assert most <= chance + 3 * math.sqrt(chance * (1 - chance) / 1500)


def test_what_only_puts_off_the_answer_is_none() -> None:
    env = env_of("Algebra", kinds=["value"])
    env.reset(options={"task_index": 0})
    right = env.task.reference
    for response in (
        f"\\boxed{{{int(right) - 1} + 1}}",
        f"\\boxed{{{right} or 3}}",
        "\\boxed{x}",
        "",
        "\x00",
        "9" * 10_000,
    ):
        env.reset(options={"task_index": 0})
        assert env.step(response)[1] == 0.0
    verifier = make_verifier("calculus@1")
    task = env_of("Calculus", kinds=["antiderivative"]).taskset.task(0)
    asked_for = task.reference["antiderivative_of"]
    for answer in (f"\\int {asked_for} dx", asked_for, "F(x)", "x", "C", ""):
        assert not verifier.verify(f"\\boxed{{{answer}}}", task.reference).passed
