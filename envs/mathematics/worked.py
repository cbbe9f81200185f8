"""What the families of mathematics share: kinds of problems, each with its solution step by step.

A kind is a function of a source of randomness and a scale from 1 to 5, which says how large numbers are and how many
steps there are. Answers are numbers wherever the question allows: they are judged exactly by `number@1`, and nothing
that only puts off the answer is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Unpack

from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown, suggestion

SCALES = 5
LEVELS = tuple({"scale": scale} for scale in range(1, SCALES + 1))
EFFORT = ("work",)  # digits in the steps of the solution
FORMAT = "The number in a box, `<answer>` tags or after `####`; the bare number in style=compact."


class Worked(NamedTuple):
    """One problem.

    Args:
        question: As a sentence.
        short: As a few characters of ASCII.
        steps: The way to the answer, one calculation a line.
        answer: As it is to be written.
        key: The same for problems that teach each other's answer; the short form where empty.
        reference: Of the verifier; the answer where None.
    """

    question: str
    short: str
    steps: tuple[str, ...]
    answer: str
    key: str = ""
    reference: Any = None


Kind = Callable[[TaskRandom, int], Worked]


class Asked(NamedTuple):
    """A problem and its kind."""

    kind: str
    worked: Worked


class WorkedTaskSet(ProceduralTaskSet[Asked]):
    """Problems of some kinds of one topic, all alike often.

    Args:
        kinds: Names of kinds; None for all of the topic.
        scale: How large numbers are and how many steps there are, 1 to 5.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    topic: ClassVar[str]
    table: ClassVar[Mapping[str, Kind]]

    def __init__(self, *, kinds: Sequence[str] | None = None, scale: int = 2, **common: Unpack[Common]) -> None:
        names = tuple(self.table) if kinds is None else kinds
        if not isinstance(names, list | tuple) or not names:
            raise ConfigError(f"kinds must be a list of {', '.join(self.table)}; got {shown(kinds)}")
        for name in names:
            if name not in self.table:
                raise ConfigError(f"{self.topic} has no kind {shown(name)}{suggestion(str(name), self.table)}")
        super().__init__(self.topic, **common)
        self._kinds, self._scale = tuple(names), check_int("scale", scale, 1, SCALES)

    def draw(self, rng: TaskRandom) -> Asked:
        """See `ProceduralTaskSet.draw`."""
        kind = rng.choice(self._kinds)
        return Asked(kind, self.table[kind](rng, self._scale))

    def split_key(self, problem: Asked) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{problem.kind}|{problem.worked.key or problem.worked.short}"

    def make(self, problem: Asked) -> Task:
        """See `ProceduralTaskSet.make`."""
        worked = problem.worked
        if self.style == "compact":
            prompt, solution = f"{worked.short}:", worked.answer
        else:
            prompt = f"{worked.question} Work step by step and give the answer in \\boxed{{}}."
            solution = "\n".join([*worked.steps, f"\\boxed{{{worked.answer}}}"])
        reference = worked.answer if worked.reference is None else worked.reference
        difficulty = {"kind": problem.kind, "scale": self._scale, "work": _digits(worked.steps)}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)


class WorkedEnv(ProceduralEnv):
    """An environment of one topic, judged exactly by `number@1`."""

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        markers = {"markers": ["boxed", "answer_tag", "####"]} | compact_markers(style)
        return make_verifier("number@1", **markers)


def top(scale: int) -> int:
    """Numbers of a scale go up to this: 20, 60, 200, 600, 2000."""
    return (20, 60, 200, 600, 2000)[scale - 1]


def signed(rng: TaskRandom, high: int) -> int:
    """A number from -high to high without 0."""
    value = rng.between(1, high)
    return value if rng.below(2) else -value


def term(coefficient: int, name: str, first: bool = False) -> str:
    """A term of a sum with its sign.

    Example:
        >>> term(3, "x", first=True) + term(-1, "y") + term(1, "z") + term(4, "")
        '3x - y + z + 4'
    """
    size = abs(coefficient)
    text = f"{size}" if not name or size != 1 else ""
    if first:
        return f"{'-' if coefficient < 0 else ''}{text}{name}"
    return f" {'-' if coefficient < 0 else '+'} {text}{name}"


def packed(text: str) -> str:
    """Without spaces."""
    return text.replace(" ", "")


def _digits(steps: Sequence[str]) -> int:
    return sum(character.isdigit() for step in steps for character in step)
