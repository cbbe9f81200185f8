"""`manufactoria@1`: parser, engine, automata, suites and grading, against definitions that are written here again."""

from __future__ import annotations

import doctest
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.manufactoria import (
    END,
    NONE,
    Automaton,
    Node,
    Outcome,
    Pattern,
    PatternError,
    Program,
    ProgramError,
    automaton_of,
    difference,
    explore,
    mutants,
    parse,
    parse_compact,
    run,
    strict_budget,
    to_compact,
    to_text,
    trace,
)
from rlvr_gym.verifiers.manufactoria.program import KINDS, MAX_NODES, PULLERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verifiers" / "manufactoria.md"
HEAD = "START start:\n    NEXT a\n"
ONE_RED = f"{HEAD}PULLER_RB a:\n    [R] end\nEND end"  # the language's own example: exactly one red
examples = settings(max_examples=60, deadline=None, derandomize=True)


def tapes(alphabet: str, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from map("".join, itertools.product(alphabet, repeat=length))


@st.composite
def programs(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS[1:], most: int = 5) -> Program:
    size = draw(st.integers(1, most))
    target = st.integers(NONE, size)
    nodes = [Node("start", "START", (draw(target),))]
    for number in range(1, size + 1):
        kind = draw(st.sampled_from(kinds))
        count = 3 if kind in PULLERS else 1
        nodes.append(Node(f"n{number}", kind, tuple(draw(st.lists(target, min_size=count, max_size=count)))))
    return Program(tuple(nodes))


def accepting(tape: str, accepted: bool) -> dict[str, Any]:
    return {"input": tape, "expected_output": "", "expected_accepted": accepted, "check_output": False}


def becoming(tape: str, output: str, accepted: bool = True) -> dict[str, Any]:
    return {"input": tape, "expected_output": output, "expected_accepted": accepted, "check_output": True}


def judged(program: str, tests: list[dict[str, Any]], **config: str) -> Any:
    return make_verifier("manufactoria@1", **config).verify(program, {"tests": tests})


# --- The language -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, "there is no 'START start:'"),
        ("START start:\n    NEXT end", 0, "there is no 'END end'"),
        ("START begin:\n    NEXT end\nEND end", 1, "'start' is the name of the START node"),
        ("START start\n    NEXT end\nEND end", 1, "a colon is missing"),
        ("START start:\n    NEXT end\nEND end:", 3, "'END end' has no colon"),
        ("START start:\n    NEXT end\nEND end\n    NEXT end", 4, "the END node has no lines"),
        ("START start:\nEND end", 1, "'start' has no line NEXT"),
        ("START start:\n    NEXT end\n    NEXT end\nEND end", 3, "two lines NEXT"),
        ("START start:\n  NEXT end\nEND end", 1, "has no line NEXT"),  # the indented line is the next fault
        ("    NEXT end\nSTART start:", 1, "none has begun"),
        (f"{HEAD}PULLER_RB a:\n   [R] end\nEND end", 4, "indented by four spaces"),
        (f"{HEAD}PULLER_RB a:\n    [Y] end\nEND end", 4, "has no branch [Y]"),
        (f"{HEAD}PULLER_RB a:\n    NEXT end\nEND end", 4, "expected '[R] name'"),
        (f"{HEAD}PULLER_RB a:\n    [R] b\nEND end", 4, "there is no node 'b'"),
        (f"{HEAD}PULLER_RB a:\n    [R] END\nEND end", 4, "the target that accepts is 'end'"),
        (f"{HEAD}PULLER_RB a:\n    [R] end\n    [R] a\nEND end", 5, "two lines R"),
        (f"{HEAD}PULLER_RB a:\nPULLER_YG a:\nEND end", 4, "there are two nodes 'a'"),
        (f"{HEAD}PULLER_RB NONE:\nEND end", 3, "'NONE' cannot be the name"),
        (f"{HEAD}PAINTER_PINK a:\n    NEXT end\nEND end", 3, "expected the first line of a node"),
        (f"{HEAD}PAINTER_RED a:\n    [R] end\nEND end", 4, "expected 'NEXT name'"),
    ],
)
def test_what_is_no_program_is_said_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(ProgramError) as caught:
        parse(text)
    assert caught.value.line == line
    assert reason in str(caught.value)


def test_two_things_that_the_compat_reader_takes() -> None:
    twice = parse(f"{HEAD}PULLER_RB a:\n    [R] end\n    [R] a\nEND end", compat=True)
    assert twice.nodes[1].targets == (END, NONE, NONE)  # the first counts
    upper = parse(f"{HEAD}PULLER_RB a:\n    [R] END\nEND end", compat=True)
    assert upper.nodes[1].targets == (NONE, NONE, NONE)


def test_nodes_are_counted() -> None:
    def chain(count: int) -> str:
        nodes = [f"PAINTER_RED p{i}:\n    NEXT {f'p{i + 1}' if i + 1 < count else 'end'}" for i in range(count)]
        return "\n".join(["START start:\n    NEXT p0", *nodes, "END end"])

    assert len(parse(chain(MAX_NODES - 1)).nodes) == MAX_NODES
    with pytest.raises(ProgramError, match="at most 1,000 nodes"):
        parse(chain(MAX_NODES))


@examples
@given(programs())
def test_a_program_survives_both_surfaces(program: Program) -> None:
    assert parse(to_text(program)) == program
    packed = to_compact(program)
    again = parse_compact(packed)
    assert to_compact(again) == packed
    for tape in ("", "R", "BRY", "GBRRB"):
        assert run(again, tape, 300)[:2] == run(program, tape, 300)[:2]


@pytest.mark.parametrize(
    "text",
    ["", ";", "P", "P!--", "P!-;", "P!----;", "X!--;", "P1--;", "P!--;;", "p!-;", "r!;", "R!;!", "!!", "R0", "R!;B9;"],
)
def test_what_is_no_compact_program(text: str) -> None:
    with pytest.raises(ProgramError):
        parse_compact(text)


def test_the_same_pullers_with_their_targets_in_another_order() -> None:
    """`p` names B before R, `q` G before Y; what the empty tape leads to stays last."""
    assert parse_compact("p1!-;P!--;").nodes == parse_compact("P!1-;P!--;").nodes
    assert parse_compact("q-0!;").nodes == parse_compact("Q0-!;").nodes


def test_names_order_comments_and_blanks_do_not_matter() -> None:
    tests = [accepting(tape, tape == "R") for tape in tapes("RB", 3)]
    other = (
        "# first\n\nEND end   # here\nPULLER_RB zz9_:\n\t[B] NONE\n\n\t[R]  x\n   # aside\nPULLER_RB x:\n\t[EMPTY] end"
    )
    other += "\nSTART start:\n          NEXT zz9_\n\n"
    plain = f"{HEAD}PULLER_RB a:\n    [R] b\nPULLER_RB b:\n    [EMPTY] end\nEND end"
    verdicts = [judged(text, tests) for text in (plain, other, f"```\n{other}\n```", f"```manufactoria\n{plain}```")]
    assert verdicts[0].passed
    assert all(verdict.parts == verdicts[0].parts for verdict in verdicts[:3])
    assert not verdicts[3].passed  # its fence is closed on a line of text, that is, never


# --- The engine -------------------------------------------------------------------------------------------------


def test_the_example_of_the_language_accepts_more_than_one_red_unless_the_output_is_checked() -> None:
    program = parse(ONE_RED)
    assert run(program, "R", 1000)[:2] == (Outcome.ACCEPT, "")
    assert run(program, "B", 1000)[:2] == (Outcome.REJECT, "")
    assert run(program, "RR", 1000)[:2] == (Outcome.ACCEPT, "R")
    assert judged(ONE_RED, [becoming("R", "")]).passed
    assert not judged(ONE_RED, [becoming("RR", "")]).passed
    assert judged(ONE_RED, [accepting("RR", True)]).passed


def test_copying_for_ever_is_a_loop_on_every_tape_but_the_empty_one() -> None:
    program = parse_compact("P12!;R0;B0;")  # each symbol to the back, the end on the empty tape
    for tape in tapes("RB", 5):
        assert run(program, tape, 10_000).outcome is (Outcome.LOOP if tape else Outcome.ACCEPT)


def test_empty_means_nothing_to_take() -> None:
    program = parse_compact("P--!;")
    outcomes = {tape: run(program, tape, 10).outcome.value for tape in ("", "Y", "GR", "R")}
    assert outcomes == {"": "accept", "Y": "accept", "GR": "accept", "R": "reject"}


def test_visits_count_the_start_and_the_end() -> None:
    three = parse_compact("R1;B!;")  # start, two painters, end: four visits
    assert run(three, "", 4) == (Outcome.ACCEPT, "RB", 4)
    assert run(three, "", 3) == (Outcome.BUDGET, "RB", 3)
    assert run(parse_compact("R1;B-;"), "", 3).outcome is Outcome.REJECT


def test_growing_for_ever_is_over_the_budget() -> None:
    assert run(parse_compact("R0;"), "", 1000) == (Outcome.BUDGET, "R" * 999, 1000)
    assert strict_budget(parse_compact("R0;"), "RB") == 1000 + 8 * 16 + 2
    assert strict_budget(parse_compact("R0;"), "R" * 256) == 100_000


@examples
@given(programs(), st.text("RBYG", max_size=6))
def test_the_engine_agrees_with_the_definition(program: Program, tape: str) -> None:
    budget = 400
    ended = run(program, tape, budget)
    moments = list(itertools.islice(trace(program, tape), budget + 1))
    if ended.outcome in (Outcome.ACCEPT, Outcome.REJECT):
        assert moments[-1] == (END if ended.outcome is Outcome.ACCEPT else NONE, ended.tape)
        assert ended.visits == len(moments) - (ended.outcome is Outcome.REJECT)
    elif ended.outcome is Outcome.LOOP:
        assert len(set(moments)) < len(moments)
        assert moments[-1].node >= 0
    else:
        assert len(moments) == budget + 1


# --- Automata and patterns ---------------------------------------------------------------------------------------


@examples
@given(programs(("PULLER_RB", "PULLER_YG")), st.sampled_from(("RB", "RBYG")))
def test_a_program_without_painters_is_its_automaton(program: Program, alphabet: str) -> None:
    automaton = automaton_of(program, alphabet)
    for tape in tapes(alphabet, 4):
        wanted = run(program, tape, 10_000).outcome
        assert automaton.outcome(tape) is wanted
        assert automaton.minimal.outcome(tape) is wanted


@examples
@given(programs(("PULLER_RB",)), programs(("PULLER_RB",)))
def test_a_difference_is_a_shortest_one(one: Program, two: Program) -> None:
    left, right = automaton_of(one, "RB"), automaton_of(two, "RB")
    found = difference(left, right)
    differing = [tape for tape in tapes("RB", 7) if left.outcome(tape) is not right.outcome(tape)]
    if found is None:
        assert not differing
        assert left.minimal == right.minimal
    elif len(found) <= 7:
        assert len(found) == len(differing[0])
        assert found in differing


def test_a_program_with_painters_has_no_automaton() -> None:
    with pytest.raises(ConfigError, match="painters"):
        automaton_of(parse_compact("R!;"), "RB")


PATTERNS = st.recursive(
    st.sampled_from(["R", "B", "."]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+*?")).map(lambda pair: f"({pair[0]}){pair[1]}"),
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
    ),
    max_leaves=6,
)


@examples
@given(PATTERNS)
def test_patterns_match_as_python_says(text: str) -> None:
    assume(len(text) <= 200)
    pattern = Pattern(text)
    automaton = pattern.automaton("RB")
    for tape in tapes("RB", 5):
        assert pattern.matches(tape) is automaton.accepts(tape) is (re.fullmatch(text, tape) is not None)


@pytest.mark.parametrize("text", ["(", ")", "R)", "*", "R**", "x", "[RB]", "R{2}", "^R", "\\R", "R" * 201, "(" * 50])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(PatternError):
        Pattern(text)


# --- Grading ----------------------------------------------------------------------------------------------------

ACCEPTS, REJECTS, LOOPS, PAINTS = "!", "-", "P00^;", "R!;"  # LOOPS takes all, then goes round for ever


@pytest.mark.parametrize(
    ("program", "test", "strict", "compat"),
    [
        (ACCEPTS, accepting("RB", True), True, True),
        (ACCEPTS, accepting("RB", False), False, False),
        (REJECTS, accepting("RB", False), True, True),
        (LOOPS, accepting("RB", True), False, False),
        (LOOPS, accepting("RB", False), False, True),
        (LOOPS, becoming("RB", "", False), False, True),
        (PAINTS, becoming("B", "BR"), True, True),
        (PAINTS, becoming("B", "B"), False, False),
        (PAINTS, becoming("B", "BR", False), False, False),
        (PAINTS, becoming("B", "B", False), False, True),  # finished with another output counts as rejected
        (REJECTS, becoming("B", "B", False), True, True),
    ],
)
def test_one_test_in_both_modes(program: str, test: dict[str, Any], strict: bool, compat: bool) -> None:
    for mode, passed in (("strict", strict), ("compat", compat)):
        assert judged(program, [test], surface="compact", mode=mode).passed is passed, mode


def test_outputs_of_the_compat_mode_may_be_patterns() -> None:
    test = [becoming("BB", "B+R")]
    assert judged(PAINTS, test, surface="compact", mode="compat").passed
    assert judged(PAINTS, test, surface="compact").status.value == "reference_error"
    assert judged(PAINTS, [becoming("BB", "(B")], surface="compact", mode="compat").status.value == "reference_error"


def test_the_compat_mode_gives_a_thousand_visits() -> None:
    def chain(painters: int) -> str:
        nodes = [f"PAINTER_RED p{i}:\n    NEXT {f'p{i + 1}' if i + 1 < painters else 'end'}" for i in range(painters)]
        return "\n".join(["START start:\n    NEXT p0", *nodes, "END end"])

    test = [accepting("", True)]
    assert judged(chain(998), test, mode="compat").passed
    assert not judged(chain(999), test, mode="compat").passed
    assert judged(chain(999), test).passed


def test_parts_are_named_by_what_is_wanted_and_hold_no_tape() -> None:
    tests = [accepting("RBBRRB", True), accepting("BRRBBR", False), becoming("RRRB", "RRRBG"), accepting("B", False)]
    verdict = judged("P!--;", tests, surface="compact", dense="fraction")
    assert [(part.name, part.passed, part.detail) for part in verdict.parts] == [
        ("accept/0", True, "accept"),
        ("reject/1", True, "reject"),
        ("accept/2", False, "output"),
        ("reject/3", True, "reject"),
    ]
    assert verdict.score == 0.75
    text = json.dumps(verdict.to_dict())
    assert all(test["input"] not in text for test in tests[:3])


def test_the_balanced_score_is_by_hand() -> None:
    tests = [accepting(tape, "R" in tape) for tape in ("R", "RB", "BR", "BBR", "", "B")]
    # The first symbol alone: 2 of 4 are accepted rightly, 2 of 2 rejected: 1/2 + 1 - 1.
    assert judged("P!--;", tests, surface="compact").score == 0.5
    assert judged("P!--;", tests, surface="compact", dense="fraction").score == 4 / 6
    # Accepts RB and BR too, and the empty tape: 4 of 4 and 1 of 2.
    assert judged("P!0!;", tests, surface="compact").score == 0.0  # accepts "" and "B": 4 of 4 and 0 of 2


# --- Attacks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [ACCEPTS, REJECTS, "^", LOOPS, "R0;", "P000;"])
def test_constants_and_loops_gain_nothing(constant: str) -> None:
    lopsided = [accepting(tape, True) for tape in tapes("RB", 3)] + [accepting("RRRR", False)]
    assert judged(constant, lopsided, surface="compact").score == 0.0
    assert judged(constant, lopsided[::-1][:4], surface="compact").score == 0.0


def test_a_program_that_runs_for_ever_where_it_should_reject_is_worth_less_than_one_that_rejects() -> None:
    tests = [accepting(tape, "R" in tape) for tape in tapes("RB", 3)]
    assert judged("P!0-;", tests, surface="compact").passed
    verdict = judged("P!00;", tests, surface="compact")
    assert (verdict.score, {part.detail for part in verdict.parts}) == (0.0, {"accept", "loop"})
    assert judged("P!00;", tests, surface="compact", mode="compat").passed  # which is why that mode is not the default


def test_two_guesses_are_one() -> None:
    tests = [becoming("", "R"), becoming("B", "BR")]
    right = f"{HEAD}PAINTER_RED a:\n    NEXT end\nEND end"
    wrong = right.replace("RED", "BLUE")
    fenced = [f"```manufactoria\n{text}\n```\n" for text in (right, wrong)]
    statuses = {
        "right": fenced[0],
        "wrong, right": fenced[1] + fenced[0],
        "right, wrong": fenced[0] + fenced[1],
        "right, open": fenced[0] + "```\n" + right,
        "right, broken": fenced[0] + "```\nSTART\n```",
        "both in one": f"```\n{right}\n{wrong}\n```",
        "another tag": f"```python\n{right}\n```",
    }
    assert {name: judged(text, tests).status.value for name, text in statuses.items()} == {
        "right": "passed",
        "wrong, right": "passed",
        "right, wrong": "failed",
        "right, open": "malformed",
        "right, broken": "malformed",
        "both in one": "malformed",
        "another tag": "no_answer",
    }


def test_mutants_differ_in_one_place() -> None:
    program = parse_compact("P12-;R0;B!;")
    seen = list(mutants(program))
    assert program not in seen
    # 4 nodes, targets end, NONE and three nodes: the start has 4 other targets, the puller 3 times 4, the painters 4
    # each; each painter has 3 other colours and may be left out.
    assert len(seen) == 4 + 12 + 4 + 4 + 2 * (3 + 1)
    assert len(set(seen)) == len(seen) - 2  # one edge leads to each painter: without it is that edge led on


def test_an_automaton_is_minimal_and_canonical() -> None:
    twice: Automaton = explore("RB", 0, lambda state, symbol: (state + 1) % 6, lambda state: state % 2 == 0)
    assert (len(twice.moves), twice.moves) == (2, ((1, 1), (0, 0)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"mode": "lax"}, "mode must be one of strict, compat"),
        ({"surface": ["compact"]}, "surface must be one of"),
        ({"dense": 1}, "dense must be one of"),
    ],
)
def test_settings_are_checked(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_verifier("manufactoria@1", **config)


def test_the_page_is_true() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0
