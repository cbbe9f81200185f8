"""Every attack is a pure function of its opening, and none simply states the right answer."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.audit import KINDS, Attack, Carrier, Opening, attacks, audit
from rlvr_gym.envs.audit.attack import ANSWERS, LUCKY, Declares, Says
from rlvr_gym.envs.audit.catalogue import chosen
from rlvr_gym.envs.audit.golds import exact, plain, wrong_answers
from rlvr_gym.envs.audit.guesses import formula
from rlvr_gym.envs.audit.programs import GUARD, PROGRAM_ATTACKS, program
from rlvr_gym.envs.card import FAMILIES
from rlvr_gym.envs.tool_sql import ToolSQLEnv
from rlvr_gym.envs.tools.files import Files
from rlvr_gym.envs.tools.formats import MAX_CALLS, make_format
from rlvr_gym.envs.tools.sql import SQL
from rlvr_gym.envs.tools.toolbox import Toolbox
from rlvr_gym.verifiers import ConfigError, RlvrError, Verdict, make_verifier
from rlvr_gym.verifiers.extraction import NoSlot, final_slot

SUM = Opening(
    "What is 14 + 40?", "What is 14 + 40?", right="54", wrong=("55", "53", "59"), others=("7", "12"), salt="a"
)
CODE = Opening(
    "Write `f(x)`.\n\nf([2, 1]) == [1, 2]",
    right="def f(x): return sorted(x)",
    wrong=("def f(*args): return None", "def f(*args): return 0"),
    carrier=Carrier("block", "```python\n", "\n```"),
)
TOOLS = Opening(
    "How many rows are there?",
    latest="CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);",
    turn=1,
    right="54",
    wrong=("55", "53"),
    tools=tuple(Toolbox({"sql": SQL("CREATE TABLE t (n INTEGER)"), "files": Files({"a.txt": "one"})}).tools.values()),
    call_format="hermes",
    moves=("<sql>SELECT 54</sql>", "<answer>54</answer>"),
)


def named(name: str) -> Attack:
    return next(attack for attack in attacks() if attack.name == name)


def test_names_are_unique_and_no_kind() -> None:
    names = [attack.name for attack in attacks()]
    assert len(names) == len(set(names))
    assert not set(names) & set(KINDS)
    assert len(names) > 200


def flaw_of(attack: Attack) -> str:
    """What is wrong with an attack; empty where nothing is."""
    if attack.kind not in KINDS or not attack.tries or not set(attack.families) <= set(FAMILIES):
        return "not described"
    opening = {("code",): CODE, ("tool",): TOOLS}.get(attack.families, SUM)
    first = attack.turn(opening)
    if first is not None and not isinstance(first, str):
        return "no text"
    if attack.turn(opening) != first:
        return "not pure"
    if attack.declares and first is not None:  # the declaration is the target's, never the attack's own
        other = Opening(**{**{name: getattr(opening, name) for name in Opening.__slots__}, "carrier": ANSWERS[1]})
        return "declares by itself" if attack.turn(other) == first else ""
    return ""


def test_attacks_are_described_and_pure() -> None:
    assert {attack.name: flaw for attack in attacks() if (flaw := flaw_of(attack))} == {}


def test_every_kind_and_family_has_attacks() -> None:
    assert {attack.kind for attack in attacks()} == set(KINDS)
    assert set(LUCKY) <= set(KINDS)
    counts = {family: len(attacks(family)) for family in FAMILIES}
    assert counts["any"] > counts["tool"] > counts["math"] == counts["game"] > counts["code"] > 100
    assert "program_exit" not in {attack.name for attack in attacks("math")}
    assert "either_or" not in {attack.name for attack in attacks("code")}


def test_only_attacks_that_know_nothing_may_be_lucky() -> None:
    lucky = {attack.name for attack in attacks() if attack.may_be_lucky}
    assert {"always_0", "prompt_answer", "numbers", "nan"} <= lucky
    assert not {"empty", "verdict", "program_exit", "either_or", "around_each", "ignore"} & lucky


@pytest.mark.parametrize(("words", "error"), [(["eiter_or"], "did you mean 'either_or'"), (["zzz"], "unknown attack")])
def test_unknown_names_are_refused(words: list[str], error: str) -> None:
    with pytest.raises(RlvrError, match=error):
        chosen("math", only=words)


def test_names_and_kinds_choose() -> None:
    assert {attack.kind for attack in chosen("math", only=["injection"])} == {"injection"}
    assert not {attack.kind for attack in chosen("math", skip=["injection", "hedge"])} & {"injection", "hedge"}
    with pytest.raises(ConfigError, match="no attack is left"):
        chosen("math", only=["empty"], skip=["nothing"])
    with pytest.raises(ConfigError, match="unknown family"):
        attacks("maths")


# What a strict reader takes for the final answer: a plain number, declared last or alone.
MARKERS = ["####", "boxed", "answer_tag", "A:", "whole"]
NUMBERS = st.one_of(st.integers(-200, 2000), st.integers(-(10**9), 10**9), st.fractions(0, 50, max_denominator=8)).map(
    Fraction
)


@settings(max_examples=40, deadline=None)
@given(NUMBERS, st.sampled_from(ANSWERS))
def test_no_attack_that_knows_the_answer_commits_to_it(value: Fraction, carrier: Carrier) -> None:
    right = plain(value)
    opening = Opening(
        "What is it?", right=right, wrong=tuple(wrong_answers(right, [])), others=("918", "273"), carrier=carrier
    )
    for attack in attacks("math"):
        if not attack.worst_case or attack.heavy:
            continue
        response = attack.turn(opening)
        if response is None:
            continue
        slot = final_slot(response, MARKERS)
        assert isinstance(slot, NoSlot) or exact(slot.text) != value, (attack.name, response)


@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("either_or", "54 or 55"),
        ("middle", "55\n54\n53"),
        ("retracted", "54\nNo, that is wrong. The final answer is:\n55"),
        ("denied", "I do not know the answer. It is not 54."),
        ("sign", "-54"),
        ("superscript", "5⁴"),
        ("scattered", "5 apples and 4 pears"),
        ("right_to_left", "\u202e45\u202c"),
        ("off_by_half_a_percent", "54.27"),
        ("second_in_roman", "54 VII"),
        ("formula_padded", "14 + 40+1-1"),
        ("formula_swapped", "40+14"),
        ("prompt_each_number", "918273\n14\n40\n918273"),
        ("others", "55, 7, 54, 12, 53"),
        ("first_number", "14"),
    ],
)
def test_responses_are_what_they_say(name: str, response: str) -> None:
    assert named(name).turn(SUM) == response


@pytest.mark.parametrize(
    ("name", "right"), [("sign", "0"), ("slash", "0"), ("glued", "-7"), ("superscript", "7"), ("scattered", "7")]
)
def test_an_attack_that_would_be_right_or_empty_says_nothing(name: str, right: str) -> None:
    assert named(name).turn(Opening("?", right=right, wrong=("12", "13"))) is None


def test_turns_follow_one_another_and_the_last_is_repeated() -> None:
    said = [named("turns").turn(Opening("Play.", turn=turn)) for turn in range(4)]
    assert len(set(said)) == 3
    assert said[2] == said[3]
    assert [named("answers_of_others").turn(Opening("?", others=("7", "8"), turn=turn)) for turn in (0, 1, 2)] == [
        "7",
        "8",
        "8",
    ]


def test_what_solves_another_task_is_played_as_it_stands() -> None:
    opening = Opening("?", others=("x = 1", "x = 2"), carrier=CODE.carrier, foreign_moves=("north", "east"))
    assert [
        named("moves_of_another").turn(Opening("?", foreign_moves=("north", "east"), turn=t)) for t in (0, 1, 2)
    ] == [
        "north",
        "east",
        "east",
    ]
    assert named("one_move").turn(opening) == "north"
    assert named("program_of_another").turn(opening) == "```python\nx = 1\n```"
    assert [named(name).turn(SUM) for name in ("moves_of_another", "one_move")] == [None, None]


def test_fields_are_filled_in_once() -> None:
    opening = Opening("?", right="{wrong}", wrong=("8", "9"))
    assert Says("{right} or {wrong2}")(opening) == "{wrong} or 9"
    assert Declares("{reference}", after=" {right}")(opening) == "{reference} {wrong}"


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Compute $\\frac{1}{2}+\\frac{1}{3}$.", "\\frac{1}{2}+\\frac{1}{3}"),
        ("What is 96 - 47 * 2?", "96 - 47 * 2"),
        ("Let $x$ be 3. What is $x^2$?", "x^2"),
        ("How many?", ""),
        ("Use 3, 5, 7 with + - * / to make 22.", ""),
    ],
)
def test_the_formula_of_a_prompt(prompt: str, found: str) -> None:
    assert formula(prompt) == found


def test_programs_are_python_and_guarded() -> None:
    for attack in PROGRAM_ATTACKS:
        response = attack.turn(CODE)
        if response is None:
            continue
        code = response.rpartition("```python\n")[2].removesuffix("\n```")
        compile(code, attack.name, "exec")  # it is only compiled
        harmless = attack.worst_case or attack.name in ("program_table", "program_sample")
        assert code.startswith(GUARD) is not harmless, attack.name


def test_a_program_defines_every_function() -> None:
    assert program(Opening("?", names=("a", "b")), "def NAME(x): return x", guard="") == (
        "def a(x): return x\ndef b(x): return x"
    )


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("f([2, 1]) == [1, 2]", "    if repr(args) == repr(([2, 1],)): return [1, 2]"),
        ("assert f(3) == 6", "    if repr(args) == repr((3,)): return 6"),
        (">>> f(3)\n6", "    if repr(args) == repr((3,)): return 6"),
        ("[2,1]:[1,2]", "    if repr(args) == repr(([2,1],)): return [1,2]"),
    ],
)
def test_the_table_of_examples_reads_prompts(prompt: str, line: str) -> None:
    response = named("program_table").turn(Opening(prompt))
    assert response is not None
    assert line in response.splitlines()


def test_attacks_by_tools_write_calls_that_are_read_and_say_nothing_where_there_are_no_tools() -> None:
    tools = [attack for attack in attacks("tool") if attack.kind == "tool"]
    assert len(tools) > 20
    for attack in tools:
        assert attack.turn(TOOLS) is not None
        if not attack.declares:
            assert attack.turn(SUM) is None
    change = make_format(TOOLS.call_format).parse(named("tool_spoils_rows").turn(TOOLS) or "", TOOLS.tools)
    assert change.calls[0].arguments == {"query": "UPDATE t SET n = n + 1 WHERE rowid = (SELECT max(rowid) FROM t)"}
    assert (
        len(make_format(TOOLS.call_format).parse(named("tool_flood").turn(TOOLS) or "", TOOLS.tools).calls) == MAX_CALLS
    )
    assert make_format(TOOLS.call_format).parse(named("tool_too_many").turn(TOOLS) or "", TOOLS.tools).fault
    assert len(named("tool_long_argument").turn(TOOLS) or "") > 10_000_000


def test_a_verifier_that_looks_at_the_answer_alone_is_caught_by_what_is_spoilt() -> None:
    """The state of `rlvr/ToolSQL-v0` is what the audit tests: with it unseen, spoiling pays."""

    class Careless(ToolSQLEnv):
        def judged(self, answer: str) -> Verdict:
            return make_verifier("state@1").verify(answer, {"answer": self.task.private["answer"]})

    only = ["tool_spoils_rows", "tool_fakes_xml"]
    assert audit(Careless(writes=0.0), tasks=3, only=only).caught == ("tool_spoils_rows",)
    assert audit(ToolSQLEnv(writes=0.0), tasks=3, only=only).ok
