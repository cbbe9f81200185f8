"""Natural deduction: accepted lines are entailed, an independent truth table says so; padding is worth nothing."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.logic.natural_deduction import NaturalDeductionEnv, NaturalDeductionTaskSet
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier
from rlvr_gym.verifiers.logic.formula import FormulaError, atoms_of, parse_formula, write_formula
from rlvr_gym.verifiers.logic.proof import ASSUMPTION, RULES, Line, LineError, Proof, Sub, follows, read_line

examples = settings(max_examples=100, deadline=None, derandomize=True)
VERIFIER = make_verifier("deduction@1")
DERIVED = [rule for rule in RULES if rule not in ("PREMISE", ASSUMPTION)]


def holds(formula: Any, row: Mapping[str, bool]) -> bool:
    """An evaluator of its own: one row, Python's own connectives."""
    if isinstance(formula, str):
        return formula != "F" and row[formula]
    values = [holds(part, row) for part in formula[1:]]
    return {
        "~": lambda a: not a,
        "&": lambda a, b: a and b,
        "v": lambda a, b: a or b,
        "^": lambda a, b: a != b,
        "nand": lambda a, b: not (a and b),
        "->": lambda a, b: b or not a,
        "<->": lambda a, b: a == b,
    }[formula[0]](*values)


def entailed(given_: list[Any], formula: Any) -> bool:
    atoms = sorted(set().union(*map(atoms_of, [*given_, formula])))
    rows = (dict(zip(atoms, bits, strict=True)) for bits in itertools.product((False, True), repeat=len(atoms)))
    return all(holds(formula, row) for row in rows if all(holds(each, row) for each in given_))


def judged(lines: list[str], reference: Any) -> Verdict:
    return VERIFIER.verify("<answer>" + "\n".join(lines) + "</answer>", reference)


def proof_lines(index: int, **knobs: Any) -> tuple[list[str], dict[str, Any]]:
    task = NaturalDeductionTaskSet(**knobs)[index]
    assert task.solution is not None
    return task.solution.split("\n")[1:-1], task.reference


@pytest.mark.parametrize("style", ["question", "compact"])
@pytest.mark.parametrize("steps", [3, 5, 8])
def test_problems_are_entailed_consistent_and_need_every_premise(steps: int, style: str) -> None:
    tasks = NaturalDeductionTaskSet(steps=steps, style=style)
    verifier = NaturalDeductionEnv.judge(style)
    for index in range(40):
        task = tasks[index]
        premises = [parse_formula(text) for text in task.reference["premises"]]
        goal = parse_formula(task.reference["goal"])
        assert entailed(premises, goal)
        assert not entailed(premises, "F")
        assert not any(entailed(premises[:at] + premises[at + 1 :], goal) for at in range(len(premises)))
        assert goal not in premises
        verdict = verifier.verify(str(task.solution), task.reference)
        assert (verdict.passed, verdict.score) == (True, 1.0)
        assert all(part.passed for part in verdict.parts)
        assert len(verdict.parts) >= len(premises) + steps


def test_two_lines_without_an_assumption_never_reach_the_goal() -> None:
    """Every pair of lines over the formulas that occur is tried."""
    for index in range(12):
        _, reference = proof_lines(index, steps=3)
        premises = [parse_formula(text) for text in reference["premises"]]
        goal = parse_formula(reference["goal"])
        parts = {part for formula in (*premises, goal) for part in subformulas(formula)}
        for first in [None, *sorted(parts, key=str)]:
            known = list(premises)
            if first is not None and not reachable(known, first):
                continue
            assert not reachable([*known, *([] if first is None else [first])], goal)


def subformulas(formula: Any) -> list[Any]:
    return [formula] if isinstance(formula, str) else [formula, *itertools.chain(*map(subformulas, formula[1:]))]


def reachable(known: list[Any], goal: Any) -> bool:
    for rule, cited in itertools.product(DERIVED, [*itertools.product(known), *itertools.product(known, known)]):
        proof = Proof(known)
        for number, formula in enumerate(cited, start=1):
            proof.add(Line(number, 0, formula, "PREMISE"))
        try:
            proof.add(Line(len(cited) + 1, 0, goal, rule, tuple(range(1, len(cited) + 1))))
        except LineError:
            continue
        return rule != "R" or goal in known
    return False


POOL = [parse_formula(text) for text in "p q ~p ~~p F p->q q->p p<->q p&q pvq ~q".split()]


@pytest.mark.parametrize("rule", DERIVED)
def test_every_rule_is_sound(rule: str) -> None:
    """All instances over a small pool; a subproof from A to B grants that A entails B, which is what A -> B says."""
    pool = POOL if rule != "VE" else [parse_formula(text) for text in "p q ~p pvq pv~p F".split()]
    taken = 0
    for formula in pool:
        for lines in itertools.product(pool, repeat=RULES[rule].lines):
            for ends in itertools.product(pool, repeat=2 * RULES[rule].subs):
                subs = [Sub(*ends[at : at + 2]) for at in range(0, len(ends), 2)]
                if follows(rule, formula, [*lines, *subs]):
                    assert entailed([*lines, *(("->", sub.assumed, sub.reached) for sub in subs)], formula)
                    taken += 1
    assert taken


def any_line(draw: random.Random, proof: Proof, rule: str) -> Line:
    """A line by this rule from citations of the right kinds, most of them wrong."""
    number = len(proof.lines) + 1
    starts = [at for at, line in enumerate(proof.lines, start=1) if line.rule == ASSUMPTION] or [1]
    subs = [(at, draw.randint(at, number - 1)) for at in draw.choices(starts, k=RULES[rule].subs)]
    singles = draw.choices(range(1, number), k=RULES[rule].lines)
    return Line(number, draw.randrange(3), draw.choice(POOL), rule, (*singles, *subs))


def test_every_line_that_is_accepted_is_entailed_by_what_it_may_use() -> None:
    """Random lines under random assumptions; what the checker takes, a truth table must grant."""
    draw = random.Random(5)
    taken = 0
    for _ in range(30):
        proof = Proof(POOL)
        for depth in (0, 0, 0, 1, draw.choice((1, 2))):
            rule = ASSUMPTION if depth else "PREMISE"
            proof.add(Line(len(proof.lines) + 1, depth, draw.choice(POOL), rule))
        for rule in [*DERIVED, *draw.choices(DERIVED, k=6)]:
            for _ in range(150):
                try:
                    proof.add(any_line(draw, proof, rule))
                except LineError:
                    continue
                number = len(proof.lines)
                given_ = [line.formula for line in proof.lines if line.rule == "PREMISE"]
                assert entailed([*given_, *proof.assumptions(number)], proof.lines[-1].formula), proof.lines
                taken += 1
                break
    assert taken > 50


def test_the_score_grows_along_a_proof_and_stays_below_one() -> None:
    for index in range(30):
        lines, reference = proof_lines(index)
        scores = [judged(lines[:count], reference).score for count in range(1, len(lines) + 1)]
        assert scores == sorted(scores)
        assert scores[-1] == 1.0 > scores[-2]
        assert scores[len(reference["premises"]) - 1] == 0.0


PADS = {
    "repetition": lambda n, p: [f"{n}. {p} : R 1"],
    "a premise again": lambda n, p: [f"{n}. {p} : premise"],
    "a conjunction with itself": lambda n, p: [f"{n}. ({p}) & ({p}) : &I 1 1", f"{n + 1}. {p} : &E {n}"],
    "a disjunction": lambda n, p: [f"{n}. ({p}) v q : vI 1"],
    "an assumption": lambda n, p: [f"{n}. | q : assumption", f"{n + 1}. | q : R {n}"],
    "an idle subproof": lambda n, p: [f"{n}. | q : assumption", f"{n + 1}. q -> q : ->I {n}-{n}"],
}


@pytest.mark.parametrize("pad", PADS)
def test_padding_is_worth_nothing(pad: str) -> None:
    """Idle lines after the premises, hundreds of them or few, and after an unfinished proof."""
    for index in range(8):
        lines, reference = proof_lines(index)
        given_ = len(reference["premises"])
        for length in (given_, given_ + 2, len(lines) - 1):
            bare = lines[:length]
            if any("|" in line for line in bare[-1:]):
                continue
            padded = list(bare)
            while len(padded) < 60:
                padded += PADS[pad](len(padded) + 1, reference["premises"][0])
            assert judged(padded, reference).score == judged(bare, reference).score
            lone = [f"1. {reference['premises'][0]} : premise", *padded[length:]]
            assert sum(part.score for part in judged(padded, reference).parts) == judged(bare, reference).score * (
                len(reference["milestones"]) + 1
            )
            assert judged(lone[:1], reference).score == 0.0


def test_to_assume_the_milestones_is_worth_nothing() -> None:
    for index in range(20):
        _, reference = proof_lines(index)
        texts = [reference["goal"], *(text for _, text in reference["milestones"])]
        assumed = [f"{at}. {'| ' * at}{text} : assumption" for at, text in enumerate(texts, start=1)]
        again = [f"{at + len(texts)}. {'| ' * len(texts)}{text} : R {at}" for at, text in enumerate(texts, start=1)]
        verdict = judged([*assumed, *again], reference)
        assert verdict.score <= 0.5  # a milestone that itself stands under an assumption of the same formula
        assert not verdict.passed


def test_nothing_after_the_first_bad_line_counts() -> None:
    for index in range(20):
        lines, reference = proof_lines(index)
        at = len(reference["premises"])
        rest = [f"{number}. {line.partition('. ')[2]}" for number, line in enumerate(lines[at:], start=at + 2)]
        broken = [*lines[:at], f"{at + 1}. F : FE 1", *rest]
        verdict = judged(broken, reference)
        assert (verdict.score, verdict.reason.code) == (0.0, "wrong_line")
        assert [part.passed for part in verdict.parts] == [True] * at + [False] * (len(broken) - at)


def test_needed_lines_alone_score_in_a_right_proof() -> None:
    reference = {"premises": ["p", "p -> q"], "goal": "q"}
    verdict = judged(["1. p : premise", "2. p & p : &I 1 1", "3. p -> q : premise", "4. q : ->E 1 3"], reference)
    assert verdict.passed
    assert [part.score for part in verdict.parts] == [1.0, 0.0, 1.0, 1.0]


def test_blind_spots_are_as_stated() -> None:
    reference = {"premises": ["p -> q", "~q"], "goal": "~p", "milestones": [[["p"], "q"], [["p"], "F"]]}
    lines = ["1. p -> q : premise", "2. ~q : premise"]
    proof = [*lines, "3. | p : assumption", "4. | q : ->E 1 3", "5. | F : ~E 4 2", "6. ~p : ~I 3-5"]
    assert judged(proof, reference).passed
    around = [*proof, *(f"{at}. ~p : R {at - 1}" for at in range(7, 100))]
    assert judged(around, reference).passed  # length is not judged
    assert not judged([*lines, "3. ~p : MT 1 2"], reference).passed  # a derived rule
    other = [*lines, "3. | ~~p : assumption", "4. | p : DNE 3", "5. | q : ->E 1 4", "6. | F : ~E 2 5"]
    assert judged(other, reference).score == 0.0  # another way, not yet at its end
    assert judged([*other, "7. ~p : RAA 3-6"], reference).passed


FORMULAS = st.recursive(
    st.sampled_from("pqrF"),
    lambda inner: st.one_of(
        st.tuples(st.just("~"), inner),
        st.tuples(st.sampled_from(["&", "v", "^", "nand", "->", "<->"]), inner, inner),
    ),
    max_leaves=12,
)


@examples
@given(FORMULAS, st.sampled_from([" ", ""]))
def test_formulas_are_read_as_they_were_written(formula: Any, space: str) -> None:
    assert parse_formula(write_formula(formula, space)) == formula


@examples
@given(st.text(st.sampled_from("pqv&~->()F|1.: 2nad^"), max_size=30))
def test_any_text_is_a_line_or_is_refused(text: str) -> None:
    for read, refusal in ((read_line, LineError), (parse_formula, FormulaError)):
        try:
            read(text)
        except refusal:
            continue


@pytest.mark.parametrize("text", ["", "p q", "p &", "(p", "p)", "P", "v", "p nand q nand r", "p & q nand r", "~" * 300])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        parse_formula(text)


def test_renamed_and_reordered_problems_share_a_side_of_the_split() -> None:
    tasks = NaturalDeductionTaskSet(style="compact")
    problem = tasks._problem(3)
    swapped = {"p": "q", "q": "p", "r": "r", "s": "s", "t": "t"}

    def renamed(formula: Any) -> Any:
        if isinstance(formula, str):
            return swapped.get(formula, formula)
        return (formula[0], *map(renamed, formula[1:]))

    other = problem._replace(premises=tuple(map(renamed, problem.premises[::-1])), goal=renamed(problem.goal))
    assert tasks.split_key(other) == tasks.split_key(problem)


def test_refused_knobs() -> None:
    for knobs in ({"steps": 2}, {"steps": 13}, {"atoms": 2}, {"atoms": 8}, {"steps": "5"}):
        with pytest.raises(ConfigError):
            NaturalDeductionTaskSet(**knobs)  # type: ignore[arg-type]


def test_default_problems_differ() -> None:
    """600 draws without a repeat: with fewer than 20,000 tasks that would happen once in 8,000 times."""
    tasks = NaturalDeductionTaskSet()
    assert len({tasks[index].id for index in range(600)}) >= 598
