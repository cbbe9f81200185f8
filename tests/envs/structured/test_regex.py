"""`rlvr/Regex-v0`: the gold expressions say what the words say, by predicates that know nothing of automata."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.structured.regex import Language, RegexEnv, RegexTaskSet
from rlvr_gym.envs.structured.regex_conditions import KINDS, Condition, automaton_of, words_of
from rlvr_gym.envs.structured.regex_writing import expression_of
from rlvr_gym.verifiers import ConfigError, make_verifier


def compared(relation: str, number: int, bound: int) -> bool:
    return {"exactly": number == bound, "at least": number >= bound, "at most": number <= bound}[relation]


ORACLES: dict[str, Callable[..., bool]] = {
    "starts": lambda word, text: word.startswith(text),
    "ends": lambda word, text: word.endswith(text),
    "contains": lambda word, text: text in word,
    "lacks": lambda word, text: text not in word,
    "count": lambda word, symbol, relation, bound: compared(relation, word.count(symbol), bound),
    "multiple": lambda word, symbol, divisor, rest: word.count(symbol) % divisor == rest,
    "length": lambda word, relation, bound: compared(relation, len(word), bound),
    "followed": lambda word, one, other: all(
        word[place + 1 : place + 2] == other for place, symbol in enumerate(word) if symbol == one
    ),
    "place": lambda word, place, symbol: word[place - 1 : place] == symbol,
    "from_end": lambda word, place, symbol: len(word) >= place and word[-place] == symbol,
    "alike": lambda word, how: word != "" and (word[0] == word[-1]) == (how == "the same"),
}


def words(alphabet: str, longest: int) -> list[str]:
    return ["".join(word) for length in range(longest + 1) for word in itertools.product(alphabet, repeat=length)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_is_what_its_words_say(kind: str) -> None:
    rng = TaskRandom(kind.encode())
    for alphabet, longest in (("ab", 7), ("xyz", 5)):
        for values in {KINDS[kind].draw(rng, alphabet) for _ in range(6)}:
            automaton = automaton_of([Condition(kind, values)], alphabet)
            regex = expression_of(automaton)
            assert regex is not None
            for word in words(alphabet, longest):
                expected = ORACLES[kind](word, *values)
                assert automaton.accepts(word) == expected, (values, word)
                assert (re.fullmatch(regex, word) is not None) == expected, (values, word, regex)


def test_several_conditions_hold_at_once() -> None:
    rng = TaskRandom(b"several")
    for _ in range(12):
        chosen = [Condition(kind, KINDS[kind].draw(rng, "ab")) for kind in {rng.choice(list(KINDS)) for _ in range(3)}]
        regex = expression_of(automaton_of(chosen, "ab"))
        for word in words("ab", 7):
            expected = all(ORACLES[kind](word, *values) for kind, values in chosen)
            assert (regex is not None and re.fullmatch(regex, word) is not None) == expected


def problem(index: int = 0, **knobs: Any) -> Language:
    return RegexTaskSet(**knobs)._problem(index)


def renamed(clause: str, alphabet: str) -> str:
    """A clause with its letters replaced by a and b."""
    letters = str.maketrans(alphabet, "ab")
    return re.sub("`(.*?)`", lambda match: match[0].translate(letters), clause)


def test_conditions_in_a_prompt_are_those_of_the_gold() -> None:
    """The clauses are read back by their words."""
    clauses = {
        words_of(Condition(kind, values)): (kind, values)
        for kind, known in KINDS.items()
        for values in {known.draw(TaskRandom(b"%d" % i), "ab") for i in range(60)}
    }
    for index in range(25):
        found = problem(index, form="conditions")
        asked = [clauses[renamed(clause, found.alphabet)] for clause in found.clauses]
        for word in words("ab", 6):
            expected = all(ORACLES[kind](word, *values) for kind, values in asked)
            there = word.translate(str.maketrans("ab", found.alphabet))
            assert (re.fullmatch(found.regex, there) is not None) == expected, (found, there)


PARTS = re.compile(r"(.*?)(?:, (.*?))?(?: \(chosen anew each time\))?")


def part_of(clause: str) -> str:
    """An expression for a part, from its words alone."""
    match = PARTS.fullmatch(clause)
    assert match is not None
    what, times = match[1], match[2] or ""
    text = "." if what == "any symbol" else "|".join(re.findall("`(.*?)`", what))
    counts = re.findall(r"\d+", times)
    known = {"": "", "zero or more times": "*", "one or more times": "+", "or nothing in its place": "?"}
    return f"(?:{text})" + ("{" + ",".join(counts) + "}" if counts else known[times])


def test_parts_in_a_prompt_are_those_of_the_gold() -> None:
    for index in range(40):
        found = problem(index, form="parts", conditions=1 + index % 3)
        read = "".join(part_of(clause) for clause in found.clauses)
        for word in words(found.alphabet, 6):
            assert bool(re.fullmatch(read, word)) == bool(re.fullmatch(found.regex, word)), (found, word)


def test_the_words_shown_are_right() -> None:
    for index in range(60):
        found = problem(index, symbols=2 + index % 3)
        assert found.examples[0]
        assert all(re.fullmatch(found.regex, word) for word in found.examples[0])
        assert not any(re.fullmatch(found.regex, word) for word in found.examples[1])


def test_no_condition_follows_from_the_others() -> None:
    """On words up to length 9: each condition rules out a word that the other one admits."""
    for index in range(20):
        found = problem(index, form="conditions")
        single = [problem_of(clause, found.alphabet) for clause in found.clauses]
        whole = {word for word in words(found.alphabet, 9) if re.fullmatch(found.regex, word)}
        assert all(len(whole) < len({w for w in words(found.alphabet, 9) if oracle(w)}) for oracle in single)


def problem_of(clause: str, alphabet: str) -> Callable[[str], bool]:
    for kind, known in KINDS.items():
        for i in range(150):
            values = known.draw(TaskRandom(b"%d" % i), alphabet)
            if words_of(Condition(kind, values)) == clause:
                return lambda word, kind=kind, values=values: ORACLES[kind](word, *values)  # type: ignore[misc]
    raise AssertionError(clause)


def test_renamed_letters_share_a_side_of_the_split() -> None:
    tasks = RegexTaskSet()
    one = Language("ab", ["x"], "parts", "a+b", ([], []))
    same = [one._replace(alphabet=a, regex=r) for a, r in (("ab", "b+a"), ("xy", "xx*y"), ("xy", "y*yx"))]
    assert {tasks.split_key(one)} == {tasks.split_key(other) for other in same}
    assert tasks.split_key(one) != tasks.split_key(one._replace(regex="a*b"))


@pytest.mark.parametrize("level", range(6))
def test_every_level_is_solved_by_its_solutions(level: int) -> None:
    for style in ("question", "compact"):
        env = RegexEnv(level=level, style=style)
        for index in range(8):
            env.reset(options={"task_index": index})
            assert env.step(str(env.task.solution))[4]["passed"]


def test_two_hundred_tasks_are_solved_by_their_solutions() -> None:
    env = RegexEnv()
    for index in range(200):
        env.reset(options={"task_index": index})
        assert env.step(str(env.task.solution))[4]["passed"]


@pytest.mark.parametrize(
    "knobs", [{"conditions": 0}, {"conditions": 5}, {"symbols": 1}, {"form": "x"}, {"examples": 11}, {"symbols": True}]
)
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        RegexTaskSet(**knobs)


def test_blind_answers_earn_next_to_nothing() -> None:
    """What looks at the length alone has no dense score, and the words shown are not the language."""
    tasks, verifier = RegexTaskSet(), make_verifier("regex@1")
    passed = 0
    for index in range(150):
        reference = tasks[index].reference
        assert verifier.verify("<answer>.*</answer>", reference).score == 0
        passed += verifier.verify("<answer>.+</answer>", reference).passed
        passed += verifier.verify(f"<answer>{'|'.join(problem(index).examples[0])}</answer>", reference).passed
    assert passed <= 6  # measured: 0.8 % and 0.3 % of 1,000
