"""`rlvr/Manufactoria-v0`: oracles by hand, machines and suites, prompts, splits, drawings."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

import gymnasium as gym
import pytest
from rlvr_gym.envs.manufactoria import (
    FAMILIES,
    ManufactoriaEnv,
    ManufactoriaTaskSet,
    Problem,
    exactly_solves,
    hidden_tests,
    machine_svg,
    problem_of,
    reference_program,
    run_svg,
    wanted_automaton,
)
from rlvr_gym.envs.manufactoria.family import FOUR, TWO, number_of, word
from rlvr_gym.envs.manufactoria.problems import MOST_MUTANTS, alphabet_of, canonical, is_worth_asking
from rlvr_gym.envs.manufactoria.prompts import prompt_of
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.manufactoria import (
    automaton_of,
    difference,
    mutants,
    parse_compact,
    run,
    strict_budget,
    to_compact,
    to_text,
)

COMPACT = make_verifier("manufactoria@1", surface="compact")

# What is wanted, worked out by hand: of acceptance True or False, else the output.
BY_HAND: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("START", ("BR",), {"BR": True, "BRB": True, "RBR": False, "B": False, "": False}),
    ("EXACT", ("RBB",), {"RBB": True, "RBBR": False, "RB": False, "": False}),
    ("ENDS", ("BB",), {"BB": True, "BBB": True, "RBRBB": True, "BBR": False, "B": False}),
    ("HAS", ("substring", "RBR"), {"RBBRBR": True, "RBBR": False, "RRBRR": True, "": False}),
    ("HAS", ("ordered", "RBR"), {"RBBR": True, "BRRBBR": True, "BRRB": False, "RRB": False}),
    ("HAS", ("count", "RRB"), {"BRR": True, "RBBR": True, "RBB": False, "RR": False}),
    ("REGEX", ("(RBR)+(B)?",), {"RBR": True, "RBRB": True, "RBRRBR": True, "RBRBB": False, "": False}),
    ("COMPR", ("at least", 13), {"BBRB": True, "RRBBRB": True, "BBRR": False, "": False, "BRRRR": True}),
    ("COMPR", ("less than", 3), {"BB": False, "RBR": True, "": True, "BRR": False}),
    ("APPEND", ("RBR",), {"": "RBR", "BB": "BBRBR"}),
    ("PREPEND", ("BR",), {"": "BR", "RRB": "BRRRB"}),
    ("MUTATE", ("RB", "BR"), {"RRBB": "RBRB", "RBRB": "BRBR", "BR": "BR", "": ""}),
    ("MUTATE", ("BB", "R"), {"BBB": "RB", "BBBB": "RR", "RBR": "RBR"}),
    ("BIT_OP", ("or", 16), {"B": "BRRRB", "R": "BRRRR", "BBBBBB": "BBBBBB", "BRRRRR": "BBRRRR"}),
    ("BIT_OP", ("and", 5), {"BBB": "BRB", "B": "RRB", "BRRR": "RRRR"}),
    ("BIT_OP", ("xor", 3), {"BR": "RB", "BB": "RR", "BRR": "BBB"}),
    ("FDIV", (4,), {"BBRB": "BB", "BB": "R", "R": "R", "BRR": "B"}),  # 13 // 4 = 3
    ("FDIV", (3,), {"BRBR": "BB", "BR": "R", "BRRB": "BB"}),  # 10 // 3 = 3, 9 // 3 = 3
    ("SYMM", ("R", 1), {"RBB": True, "RRBBB": True, "B": False, "RB": False, "RBRBB": False, "": False}),
    ("SYMM", ("B", 0), {"BR": True, "BBRR": True, "BRR": False, "RB": False}),
    ("MINMAX", ("max", 11), {"BRBR": "BRBB", "BRBB": "BRBB", "BBRR": "BBRR", "R": "BRBB"}),
    ("MINMAX", ("min", 2), {"R": "R", "B": "B", "BR": "BR", "BRRR": "BR"}),
    ("ADD", (8,), {"R": "BRRR", "BRRR": "BRRRR", "BBB": "BBBB", "BBBB": "BRBBB"}),
    ("ADD", (3,), {"B": "BRR", "BRB": "BRRR"}),
]


def drawn(tag: str, length: int, colours: int, count: int) -> list[Problem]:
    """Different problems of a family."""
    family, rng = FAMILIES[tag], TaskRandom(f"test|{tag}|{length}|{colours}".encode())
    alphabet = alphabet_of(family, colours)
    found: dict[str, Problem] = {}
    for _ in range(200):
        problem = Problem(tag, alphabet, family.draw(rng, length, alphabet))
        if is_worth_asking(problem):
            found.setdefault(problem.key, problem)
        if len(found) == count:
            break
    return list(found.values())


def said(problem: Problem, tapes: Iterable[str]) -> dict[str, Any]:
    """What the reference machine says of tapes: whether it accepts, or what it leaves."""
    program, output, answers = reference_program(problem), FAMILIES[problem.tag].output, {}
    for tape in tapes:
        ended = run(program, tape, strict_budget(program, tape))
        assert ended.outcome.value in ("accept", "reject")
        accepted = ended.outcome.value == "accept"
        answers[tape] = accepted if not output else ended.tape if accepted else None
    return answers


def tapes_of(problem: Problem) -> list[str]:
    family, rng = FAMILIES[problem.tag], TaskRandom(b"tapes|" + problem.key.encode())
    if family.form:
        assert family.pool is not None
        return family.pool(problem.values, rng)
    tapes = ["".join(t) for n in range(4) for t in itertools.product(problem.alphabet, repeat=n)]
    tapes += [word(rng, rng.between(4, 12), problem.alphabet) for _ in range(80)]
    return tapes + [tape for tape in (family.pool or (lambda v, r: []))(problem.values, rng) if set(tape) <= set(TWO)]


# --- Oracles and machines -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tag", "values", "cases"), BY_HAND)
def test_oracles_and_machines_say_what_was_worked_out_by_hand(
    tag: str, values: tuple[Any, ...], cases: dict[str, Any]
) -> None:
    problem = Problem(tag, TWO, values)
    assert {tape: FAMILIES[tag].wanted(values, tape) for tape in cases} == cases
    assert said(problem, cases) == cases


def test_all_families_are_there() -> None:
    wanted = "START EXACT APPEND ENDS REGEX HAS COMPR PREPEND MUTATE BIT_OP FDIV SYMM MINMAX ADD".split()
    assert set(FAMILIES) == set(wanted) == {tag for tag, _, _ in BY_HAND}


@pytest.mark.parametrize("tag", FAMILIES)
def test_machines_agree_with_their_oracles(tag: str) -> None:
    family = FAMILIES[tag]
    for length, colours in [(3, 2), (5, 2), *([(3, 4)] if family.four else [])]:
        for problem in drawn(tag, length, colours, 3):
            answers = said(problem, tapes_of(problem))
            assert answers == {tape: family.wanted(problem.values, tape) for tape in answers}, problem


# --- Suites -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [tag for tag, family in FAMILIES.items() if family.automaton])
def test_of_a_regular_language_the_mutants_that_pass_are_right_on_every_tape(tag: str) -> None:
    for colours in (2, 4):
        for problem in drawn(tag, 3, colours, 2):
            program, wanted = reference_program(problem), wanted_automaton(problem)
            assert wanted is not None
            assert difference(automaton_of(program, problem.alphabet), wanted) is None
            reference = {"tests": list(hidden_tests(problem, 24))}
            assert COMPACT.verify(to_compact(program), reference).passed
            for mutant in mutants(program):
                right = difference(automaton_of(mutant, problem.alphabet), wanted) is None
                assert COMPACT.verify(to_compact(mutant), reference).passed is right


@pytest.mark.parametrize("tag", [tag for tag, family in FAMILIES.items() if not family.automaton])
def test_of_others_the_mutants_that_pass_are_right_on_the_whole_pool(tag: str) -> None:
    family, verifier = FAMILIES[tag], make_verifier("manufactoria@1")
    problem = drawn(tag, 3, 2, 1)[0]
    program = reference_program(problem)
    reference = {"tests": list(hidden_tests(problem, 24))}
    assert verifier.verify(to_text(program), reference).passed
    assert family.pool is not None
    pool = family.pool(problem.values, TaskRandom(b"Manufactoria tests|" + problem.key.encode()))
    every = list(mutants(program))
    for mutant in every[:: max(1, -(-len(every) // MOST_MUTANTS))]:
        if verifier.verify(to_text(mutant), reference).passed:
            for tape in pool:
                if set(tape) <= set(problem.alphabet):
                    ended = run(mutant, tape, strict_budget(mutant, tape))
                    accepted = ended.outcome.value == "accept"
                    assert (ended.tape if family.output else accepted) == family.wanted(problem.values, tape)


@pytest.mark.parametrize("tag", FAMILIES)
def test_constants_score_nothing_where_acceptance_is_asked_and_little_elsewhere(tag: str) -> None:
    for problem in drawn(tag, 3, 2, 2):
        reference = {"tests": list(hidden_tests(problem, 24))}
        for constant in ("!", "-", "^", "P00^;", "R0;"):
            score = COMPACT.verify(constant, reference).score
            # Doing nothing is right where a number is the greater one already, or nothing is to be replaced.
            assert score <= (0.6 if FAMILIES[tag].output else 0.0), (problem, constant)


def chain(pattern: str, stays: int) -> str:
    """Symbols in order, where the first `stays` pullers pass over the other colour and the rest reject it."""
    nodes = []
    for at, symbol in enumerate(pattern):
        on = str(at + 1) if at + 1 < len(pattern) else "!"
        off = str(at) if at < stays else "-"
        nodes.append(f"P{on}{off}-;" if symbol == "R" else f"P{off}{on}-;")
    return "".join(nodes)


@pytest.mark.parametrize("length", [2, 3, 4])
def test_every_step_towards_the_solution_is_paid(length: int) -> None:
    for pattern in map("".join, itertools.product(TWO, repeat=length)):
        reference = {"tests": list(hidden_tests(Problem("HAS", TWO, ("ordered", pattern)), 24))}
        ladder = [COMPACT.verify(chain(pattern, stays), reference).score for stays in range(length + 1)]
        assert ladder == sorted(set(ladder)), pattern  # strictly increasing
        assert ladder[-1] == 1.0


def test_suites_are_balanced_where_there_are_tapes() -> None:
    tests = hidden_tests(Problem("HAS", TWO, ("substring", "RBR")), 24)
    assert [sum(test["expected_accepted"] is side for test in tests) for side in (True, False)] == [12, 12]
    assert len({test["input"] for test in tests}) == 24
    alone = hidden_tests(Problem("EXACT", TWO, ("RBR",)), 24)
    assert [test["input"] for test in alone if test["expected_accepted"]] == ["RBR"]


# --- Exact equivalence --------------------------------------------------------------------------------------------


def test_what_passes_a_suite_and_is_wrong_is_found() -> None:
    env = ManufactoriaEnv(families="HAS", style="compact", tests=4)
    tested, gaps = 0, 0
    for index in range(12):
        task = env.taskset[index]
        assert exactly_solves(task, task.solution or "", surface="compact") is True
        # Right on the hidden tests and nowhere else: a tree of all tapes up to the longest of them.
        tests = task.reference["tests"]
        if max(len(test["input"]) for test in tests) <= 4:
            tested += 1
            accepted = {test["input"] for test in tests if test["expected_accepted"]}
            tree, response = list(itertools.chain.from_iterable(map(words, range(5)))), ""
            names = "0123456789abcdefghijklmnopqrstuvwxyz"
            for tape in tree:
                ways = [names[tree.index(tape + s)] if len(tape) < 4 else "!" for s in TWO]
                response += f"P{''.join(ways)}{'!' if tape in accepted else '-'};"
            assert COMPACT.verify(response, task.reference).passed
            gaps += exactly_solves(task, response, surface="compact") is False
    assert tested > 0
    assert gaps == tested


def words(length: int) -> list[str]:
    return ["".join(word) for word in itertools.product(TWO, repeat=length)]


def test_where_nothing_more_is_known_the_answer_is_none() -> None:
    env = ManufactoriaEnv(families=["PREPEND", "HAS"])
    found = {}
    for index in range(10):
        task = env.taskset[index]
        found[problem_of(task).tag] = exactly_solves(task, task.solution or "", surface="language")
        assert exactly_solves(task, "no program", surface="language") is False
    assert found == {"PREPEND": None, "HAS": True}
    task = ManufactoriaTaskSet(families="START", style="compact")[0]
    painted = "G1;" + re.sub("[0-9]", lambda digit: str(int(digit[0]) + 1), str(task.solution))
    assert COMPACT.verify(painted, task.reference).passed  # a symbol behind the tape, which is not read that far
    assert exactly_solves(task, painted, surface="compact") is None


# --- Tasks --------------------------------------------------------------------------------------------------------


def test_train_and_test_share_no_language_and_no_parameters() -> None:
    sides = [
        {canonical(problem_of(tasks[i])) for i in range(60)}
        for tasks in (ManufactoriaTaskSet(split=split, families="easy", tests=4) for split in ("train", "test"))
    ]
    assert all(len(side) > 10 for side in sides)
    assert not sides[0] & sides[1]


def test_two_names_of_a_language_share_their_side() -> None:
    same = [("ENDS", ("RB",)), ("REGEX", ("(R|B)*(RB)",)), ("REGEX", ("((R)|(B))*RB",))]
    assert len({canonical(Problem(tag, TWO, values)) for tag, values in same}) == 1


@pytest.mark.parametrize("length", [3, 5])
def test_no_two_problems_have_one_compact_prompt(length: int) -> None:
    several = [problem for tag in FAMILIES for colours in (2, 4) for problem in drawn(tag, length, colours, 15)]
    keys = {problem.key for problem in several}
    prompts = {prompt_of(Problem(*key), "compact", [], "none") for key in set(several)}
    assert len(prompts) == len(keys) == len(set(several))


@pytest.mark.parametrize("tag", FAMILIES)
def test_both_styles_ask_the_same(tag: str) -> None:
    plain, packed = (
        ManufactoriaTaskSet(families=tag, length=2, tests=4, style=style) for style in ("question", "compact")
    )
    for index in range(3):
        two = packed[index]
        one = plain.make(problem_of(two))
        assert one.reference == two.reference
        assert to_text(parse_compact(str(two.solution))) in str(one.solution)
        assert len(two.prompt) <= 24
        assert two.prompt.endswith(":")


def test_what_is_shown_is_not_hidden_and_nothing_hidden_is_told() -> None:
    env: Any = gym.make(
        "rlvr_gym:rlvr/Manufactoria-v0", families=["HAS", "COMPR"], shown=5, max_turns=3, hint="idea"
    ).unwrapped
    for index in range(6):
        prompt, _ = env.reset(options={"task_index": index})
        hidden = {test["input"] for test in env.task.reference["tests"]}
        shown = {test["input"] for test in env.task.private["shown"]}
        assert shown
        assert not shown & hidden
        assert "Hint: " in prompt
        told, _, _, _, info = env.step("START start:\n    NEXT NONE\nEND end")
        named = set(re.findall(r"^([RBYG]+|\(empty\)) should", told, re.MULTILINE))
        assert named <= {tape or "(empty)" for tape in shown}
        assert "verdict" not in info
        assert set(re.findall(r"[RBYG]{3,}", json.dumps(info))) <= shown


def test_attempts_are_answered() -> None:
    env = ManufactoriaEnv(families="START", shown=3, max_turns=4)
    env.reset(options={"task_index": 0})
    told = [env.step(text)[0] for text in ("nothing", "START start:\n    NEXT NONE\nEND end")]
    assert told[0].startswith("The program cannot be read: line 1: expected the first line of a node")
    assert told[0].endswith("\n3 attempts left. Give the whole program again.")
    assert told[1].startswith("Examples that come out wrong:\n")
    assert "should be accepted, and is rejected" in told[1]
    loops = "START start:\n    NEXT a\nPULLER_YG a:\n    [EMPTY] a\nEND end"
    assert "and makes it run for ever" in env.step(loops)[0]
    _, reward, terminated, _, info = env.step(str(env.task.solution))
    assert (reward, terminated, info["passed"]) == (1.0, True, True)


def test_attempts_of_small_models_are_answered_shortly() -> None:
    env = ManufactoriaEnv(families="APPEND", shown=2, max_turns=4, style="compact")
    prompt, _ = env.reset(options={"task_index": 0})
    example = env.task.private["shown"][0]
    assert f"|{example['input']}>{example['expected_output']}" in prompt
    assert [env.step(text)[0] for text in ("?!", "-")] == ["?:", f"{example['input']}>{example['expected_output']}:"]


def test_hints_of_the_wrapper_show_the_beginning_of_a_program() -> None:
    from rlvr_gym.envs.wrappers.hint import Hint

    env = Hint(gym.make("rlvr_gym:rlvr/Manufactoria-v0", families="HAS"), fraction=0.5)
    observation, info = env.reset(seed=0)
    assert 0 < info["hint"] <= 0.5
    assert "START start:" in observation.rpartition("begins like this:")[2]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"families": "START,HAS"}, "there is no family 'START,HAS'"),
        ({"families": "HASS"}, "did you mean 'HAS'"),
        ({"families": []}, "families must be"),
        ({"families": [3]}, "there is no family 3"),
        ({"colours": 3}, "colours must be 2 or 4"),
        ({"length": 1}, "length must be an integer from 2 to 8"),
        ({"tests": 1}, "tests must be"),
        ({"hint": "all"}, "hint must be one of none, idea"),
        ({"hint": "idea", "style": "compact"}, "no place"),
        ({"mode": "loose"}, "mode must be one of"),
    ],
)
def test_knobs_are_checked(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ManufactoriaEnv(**knobs)


def test_machines_that_do_not_fit_the_compact_surface_are_not_asked_for() -> None:
    tasks = ManufactoriaTaskSet(families=["FDIV", "HAS"], length=8, style="compact", tests=4)
    assert all(tasks[index].solution for index in range(8))
    with pytest.raises(ConfigError, match="no machine of ADD"):
        ManufactoriaTaskSet(families="ADD", length=8, style="compact").draw(_FullRange())


class _FullRange(TaskRandom):
    """Draws the greatest number every time."""

    def __init__(self) -> None:
        super().__init__(b"")

    def below(self, n: int) -> int:
        return n - 1


def test_numbers_are_read_with_the_highest_bit_first() -> None:
    assert [number_of(tape) for tape in ("BRR", "RBR", "BBB", "R", "")] == [4, 2, 7, 0, 0]


# --- Drawings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", FAMILIES)
def test_drawings_are_well_formed_and_show_every_edge(tag: str) -> None:
    problem = drawn(tag, 3, 4, 1)[0]
    program = reference_program(problem)
    drawing = machine_svg(program, "A & B <c>")
    root = ElementTree.fromstring(drawing)
    edges = [path for path in root.iter("{http://www.w3.org/2000/svg}path") if path.get("class") == "edge"]
    assert len(edges) == sum(target != -2 for node in program.nodes for target in node.targets)
    assert "A &amp; B &lt;c&gt;" in drawing
    assert drawing == machine_svg(program, "A & B <c>")
    ElementTree.fromstring(run_svg(program, problem.alphabet * 2))


def test_a_drawn_run_says_how_it_ends() -> None:
    program = parse_compact("P!00;")
    assert "accepted, 4 visits" in run_svg(program, "BR")
    assert "runs for ever" in run_svg(program, "B")
    assert "5 moments are drawn" in run_svg(program, "BBBBBBBB", rows=5)
    assert FOUR == "RBYG"


LOOPS = "```manufactoria\nSTART start:\n    NEXT a\nPAINTER_RED a:\n    NEXT a\nEND end\n```"


@pytest.mark.parametrize(("mode", "said"), [("strict", "runs for ever"), ("compat", "has not halted")])
def test_what_is_told_of_machines_that_do_not_halt_is_what_is_judged(mode: str, said: str) -> None:
    env = ManufactoriaEnv(families="EXACT", mode=mode, shown=4, max_turns=2)
    prompt, _ = env.reset(seed=0)
    assert said in prompt
    assert not any(test["expected_accepted"] for test in env.task.private["shown"])
    observation, *_ = env.step(LOOPS)
    assert ("should be rejected, and does not end" in observation) is (mode == "strict")


def test_lengths_and_kinds_can_be_asked_for() -> None:
    env = ManufactoriaEnv(families="HAS", kind="ordered", shortest=4, length=5, style="compact")
    prompts = [env.taskset.task(index).prompt for index in range(40)]
    assert {prompt[0] for prompt in prompts} == {"o"}
    assert {len(prompt) - 2 for prompt in prompts} == {4, 5}
    with pytest.raises(ConfigError, match="kind must be one of"):
        ManufactoriaEnv(kind="sorted")
    with pytest.raises(ConfigError, match="shortest must"):
        ManufactoriaEnv(shortest=5, length=4)
