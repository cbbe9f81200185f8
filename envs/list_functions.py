"""`rlvr/ListFunctions-v0`: write a function over lists of integers, given by examples; made without data.

A function is a chain of steps (filter, map, sort, windows, ...), of which none can be left out. The hidden tests are
chosen against what is nearly right: each program that differs from the solution by a dropped step, two swapped steps or
a number changed by one fails one of them, unless no list was found on which it differs at all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.code import PUBLIC_WEIGHT, code_verifier, fenced
from rlvr_gym.envs.list_programs import ListProgram, draw_program
from rlvr_gym.envs.list_steps import Ints
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier
from rlvr_gym.verifiers.errors import shown as quoted

LIMITS = {"cpu_s": 2, "wall_s": 10}
HIDDEN_TESTS = 12  # besides edge cases
LARGEST_VALUE = 9_999
LONGEST_VALUE = 40  # of an answer, in elements


class ListFunctionsTaskSet(ProceduralTaskSet[ListProgram]):
    """Functions over lists of integers, with examples that are shown and tests that are not.

    Functions that answer alike fall on the same side of the split, however they are written.

    Args:
        depth: Number of steps, 1 to 6.
        length: Longest list, 3 to 30.
        high: Values are drawn from -high to high, 5 to 1000.
        shown: Examples in the prompt, 0 to 20; the first is the answer for the empty list.
        described: Says in English what the function does; else the examples have to do.
        style: See `ProceduralTaskSet`; compact examples look like `[2,1]:[1,2]`, and the whole response is the program.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        depth: int = 3,
        length: int = 8,
        high: int = 20,
        shown: int = 6,
        described: bool = False,
        **common: Unpack[Common],
    ) -> None:
        self._depth = check_int("depth", depth, 1, 6)
        self._length = check_int("length", length, 3, 30)
        self._high = check_int("high", high, 5, 1000)
        self._shown = check_int("shown", shown, 0, 20)
        if not isinstance(described, bool):
            raise ConfigError(f"described must be true or false, got {quoted(described)}")
        if not described and not shown:
            raise ConfigError("shown=0 leaves nothing that says what the function does: give described=true as well")
        super().__init__("ListFunctions", **common)
        self._described = described
        self._difficulty = {"depth": depth, "length": length, "high": high, "shown": shown, "described": described}
        probing = TaskRandom(b"ListFunctions probes|%d|%d" % (length, high))
        self._probes = [self._list(probing, length // 2) for _ in range(16)]
        every = list(range(-high, high + 1)) if high <= 50 else []
        self._pool = [every, every[::-1], *(self._list(probing, 1) for _ in range(48))]

    def draw(self, rng: TaskRandom) -> ListProgram:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            program = draw_program(rng, self._depth, self._high // 2)
            if self._is_worth_asking(program):
                return program
        raise ConfigError(f"ListFunctions: no function of {self._depth} steps found: lower depth or raise length")

    def split_key(self, problem: ListProgram) -> str:
        """See `ProceduralTaskSet.split_key`: what the function answers, and so the same however it is written."""
        return repr([problem(x) for x in _COMMON_PROBES])

    def make(self, problem: ListProgram) -> Task:
        """See `ProceduralTaskSet.make`."""
        rng = TaskRandom(b"ListFunctions tests|%d|%d|" % (self._seed, self._shown) + _digest(problem.source))
        examples = self._examples(problem, rng)
        hidden = [(x, problem(x)) for x in self._hidden(problem, rng, examples)]
        alike = Counter(repr(answer) for _, answer in hidden)
        tests = [{"args": [x], "expected": problem(x), "public": True, "weight": PUBLIC_WEIGHT} for x in examples]
        # Tests with one answer share the weight of one, so that no dense reward pays much for a constant.
        tests += [{"args": [x], "expected": answer, "weight": 1 / alike[repr(answer)]} for x, answer in hidden]
        reference = {"kind": "calls", "entry_point": "f", "tests": tests}
        solution = problem.one_line if self.style == "compact" else fenced(problem.source)
        private = {"reference": reference, "solution": solution}
        return Task.create(self._prompt(problem, examples), private, difficulty=self._difficulty)

    def _prompt(self, program: ListProgram, examples: list[Ints]) -> str:
        lines = [f"{number}. {words}" for number, words in enumerate(program.words, start=1)]
        if self.style == "compact":
            shown = [f"{x}:{program(x)}".replace(" ", "") for x in examples]
            return "\n".join([*(lines if self._described else []), *shown]) + "\n"
        shown = [f"f({x}) == {program(x)}" for x in examples]
        agrees = "agrees with these examples:\n\n" + "\n".join(shown)
        if not self._described:
            begin = f"Write a Python function `f(x)` that takes a list of integers and {agrees}"
        else:
            if not isinstance(program([]), int):
                lines.append(f"{len(lines) + 1}. return the list")
            what = "\n".join(lines)
            begin = f"Write a Python function `f(x)` that takes a list of integers and does this:\n\n{what}"
            begin += f"\n\nIt {agrees}" if shown else ""
        return f"{begin}\n\nOther lists are tested as well. Give the function in a ```python block."

    def _is_worth_asking(self, program: ListProgram) -> bool:
        """Answers of a readable size that depend on the list, and no step without which they would be the same."""
        answers = []
        for x in self._probes:
            answer = program(x)
            values = [answer] if isinstance(answer, int) else answer
            if len(values) > LONGEST_VALUE or any(abs(value) > LARGEST_VALUE for value in values):
                return False
            answers.append(answer)
        frequent = Counter(map(repr, answers)).most_common(1)[0][1]
        if 4 * frequent > len(answers) or answers == self._probes:
            return False
        if len(program.steps) == 1:
            return True
        return all(self._differs(program.without(i), answers) for i in range(len(program.steps)))

    def _differs(self, other: ListProgram, answers: list[Any]) -> bool:
        """Whether another program answers otherwise on at least a quarter of the probes."""
        wanted = len(answers) // 4
        for x, answer in zip(self._probes, answers, strict=True):
            wanted -= other(x) != answer
            if wanted <= 0:
                return True
        return False

    def _examples(self, program: ListProgram, rng: TaskRandom) -> list[Ints]:
        """The empty list, then lists with answers of their own, so that no two examples show the same."""
        return list(_with_own_answers(program, chain([[]], self._lists(rng, 20 * self._shown)), self._shown))

    def _hidden(self, program: ListProgram, rng: TaskRandom, examples: list[Ints]) -> list[Ints]:
        """Edge cases, lists as they are shown, and lists on which what is nearly right is wrong."""
        value = rng.between(1, self._high)
        edges = [[], [value], [-value], [0], [value] * 3, [-value, 0, value], [value, value, -value, -value]]
        known = {repr(x) for x in examples}
        fresh = _with_own_answers(program, self._lists(rng, 4 * HIDDEN_TESTS), HIDDEN_TESTS)
        tests = [x for x in chain(edges, fresh) if repr(x) not in known]
        answers = [program(x) for x in tests]
        for mutant in program.mutants():
            if all(mutant(x) == answer for x, answer in zip(tests, answers, strict=True)):
                killer = next((x for x in self._pool if mutant(x) != program(x)), None)
                if killer is not None:
                    tests.append(killer)
                    answers.append(program(killer))
        return tests

    def _lists(self, rng: TaskRandom, count: int) -> Iterator[Ints]:
        return (self._list(rng, 1) for _ in range(count))

    def _list(self, rng: TaskRandom, shortest: int) -> Ints:
        """A list; one in two draws from a narrow range, so that values repeat."""
        span = self._high if rng.below(2) else max(2, self._high // 5)
        return [rng.between(-span, span) for _ in range(rng.between(shortest, self._length))]


class ListFunctionsEnv(ProceduralEnv):
    """Write a Python function over lists of integers from examples; judged on hidden lists with `code@1`.

    Args:
        sandbox: Where programs run; see `code@1`.
        verifier_config: Further settings of `code@1`, for example `{"limits": {"cpu_s": 1}}`.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.
        taskset_seed: See `ProceduralEnv`.
        **knobs: Those of `ListFunctionsTaskSet`.

    Example:
        >>> env = ListFunctionsEnv(depth=2, shown=3)
        >>> print(env.reset(options={"task_index": 0})[0])
        Write a Python function `f(x)` that takes a list of integers and agrees with these examples:
        <BLANKLINE>
        f([]) == 0
        f([-15, 15, -6, 17, -10]) == 72
        f([-1, -4]) == -3
        <BLANKLINE>
        Other lists are tested as well. Give the function in a ```python block.
        >>> env.step(env.task.solution)[1]
        1.0
    """

    card = Card(
        family="code",
        answer_format="A Python function `f` in a fenced `python` block; in style=compact the whole response is the "
        "program.",
        licence=GENERATED,
        chance=0.001,
        chance_reason="of 33 fixed functions (constants, identity, sorted, sum, ...) the best, max, passes 1 of "
        "3,000 tasks; with depth=1 max passes 2.4 %",
        distinct=1_000_000,
        levels=({"depth": 1}, {"depth": 2}, {"depth": 3}, {"depth": 4}),
    )

    taskset_class = ListFunctionsTaskSet

    def __init__(
        self,
        *,
        sandbox: str = "forkserver",
        verifier_config: Mapping[str, Any] | None = None,
        reward: str = "outcome",
        render_mode: str | None = None,
        taskset_seed: int = 0,
        **knobs: Any,
    ) -> None:
        super().__init__(reward=reward, render_mode=render_mode, taskset_seed=taskset_seed, **knobs)
        defaults = self.verifier.config()
        del defaults["sandbox"]
        self.verifier = code_verifier(sandbox, verifier_config, **defaults)

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return code_verifier("forkserver", {}, limits=LIMITS, blocks="whole" if style == "compact" else "last_block")


def _with_own_answers(program: ListProgram, lists: Iterable[Ints], count: int) -> Iterator[Ints]:
    """The first `count` lists with an answer that none before has."""
    answers: set[str] = set()
    for x in lists:
        if len(answers) == count:
            return
        answer = repr(program(x))
        if answer not in answers:
            answers.add(answer)
            yield x


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _common_probes() -> list[Ints]:
    """Lists that tell functions apart, whatever the knobs: several lengths, ranges and repetitions."""
    rng = TaskRandom(b"ListFunctions common probes")
    spans = [3, 10, 20, 20, 100, 1000]
    return [[rng.between(-span, span) for _ in range(rng.between(3, 12))] for span in spans for _ in range(4)]


_COMMON_PROBES = _common_probes()
