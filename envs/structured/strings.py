"""`rlvr/StringTransform-v0`: steps that are applied to a string or to a row of words, one after the other."""

from __future__ import annotations

from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.string_steps import KINDS, Step, applied, short_of, words_of
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown

UNITS = ("mixed", "letters", "words")
_MOST_CHARS = 200
_LETTERS = "aaabcdeeefghiijklmnoopqrstuuvwxyz"
_VOCABULARY = """amber anchor apple arrow autumn basket beacon birch bottle bridge candle canyon castle cedar cherry
circle clover cobalt copper coral cotton crystal desert dragon eagle echo ember engine falcon feather fern forest fossil
garden ginger glacier granite harbor hazel honey island ivory jacket jungle kettle kiwi ladder lagoon lantern lemon lily
magnet maple marble meadow mirror moon morning mountain needle nickel oasis ocean olive onion orchid otter paper pebble
pepper piano pigeon planet pocket puzzle quartz rabbit raven ribbon river rocket saddle salmon shadow silver spider
spring stone summer sunset table temple thunder tiger timber tulip tunnel turtle valley velvet violet walnut water
willow window winter yellow zebra zinc""".split()


class Problem(NamedTuple):
    """A text, what is done to it, and what comes of it.

    Args:
        unit: `"letters"` or `"words"`.
        text: Before the steps.
        steps: In their order.
        result: After them.
    """

    unit: str
    text: str
    steps: list[Step]
    result: str


class StringTransformTaskSet(ProceduralTaskSet[Problem]):
    """Texts and steps. Each step changes the text that it is applied to.

    Args:
        steps: How many steps, 1 to 12.
        length: Letters of a string, 4 to 40.
        words: Words of a row of words, 3 to 20.
        unit: `"letters"`, `"words"`, or `"mixed"`, where each is drawn as often as the other.
        **common: See `ProceduralTaskSet`; compact problems look like `qwerty:rev,rot2=`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        steps: int = 3,
        length: int = 8,
        words: int = 5,
        unit: str = "mixed",
        **common: Unpack[Common],
    ) -> None:
        self._steps = check_int("steps", steps, 1, 12)
        self._length = check_int("length", length, 4, 40)
        self._words = check_int("words", words, 3, 20)
        if unit not in UNITS:
            raise ConfigError(f"unit must be one of {', '.join(UNITS)}; got {shown(unit)}")
        super().__init__("StringTransform", **common)
        self._unit = unit

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        unit = self._unit if self._unit != "mixed" else rng.choice(UNITS[1:])
        for _ in range(self._MAX_DRAWS):
            if unit == "letters":
                text = "".join([rng.choice(_LETTERS) for _ in range(self._length)])
            else:
                text = " ".join([rng.choice(_VOCABULARY) for _ in range(self._words)])
            problem = _chained(rng, unit, text, self._steps)
            if problem is not None:
                return problem
        raise ConfigError(f"StringTransform: no {self._steps} steps for {unit} in {self._MAX_DRAWS:,} draws")

    def split_key(self, problem: Problem) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{problem.text}|{','.join([short_of(problem.unit, step) for step in problem.steps])}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        if self.style == "compact":
            steps = ",".join([short_of(problem.unit, step) for step in problem.steps])
            prompt, solution = f"{problem.text}:{steps}=", problem.result
        else:
            steps = "\n".join(
                [f"{place}. {words_of(problem.unit, step)}" for place, step in enumerate(problem.steps, start=1)]
            )
            what = "string" if problem.unit == "letters" else "words"
            prompt = (
                f"Start with the {what} `{problem.text}` and apply these steps, each to the result of the one before:\n"
                f"{steps}\nGive the result, with upper and lower case as it is, as <answer>result</answer>."
            )
            solution = f"<answer>{problem.result}</answer>"
        difficulty = {"steps": self._steps, "unit": problem.unit, "length": len(problem.text)}
        return Task.create(prompt, {"reference": problem.result, "solution": solution}, difficulty=difficulty)


class StringTransformEnv(ProceduralEnv):
    """Apply steps to a text; verified letter by letter with `string@1`. Knobs: those of `StringTransformTaskSet`.

    Example:
        >>> env = StringTransformEnv(steps=2, style="compact", unit="letters")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        'geuaswvq:pairs,rot4='
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="The text in `<answer>` tags, a box or after `####`, in quotation marks or without; the text "
        "alone in style=compact.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="results are as good as all different: of 6,000 default tasks no two have the same; the text "
        "as it is given and what one step alone makes of it are never right",
        distinct=10**9,
        levels=(
            {"steps": 1, "length": 6, "words": 3},
            {"steps": 2, "length": 6, "words": 4},
            {"steps": 3, "length": 8, "words": 5},
            {"steps": 4, "length": 12, "words": 6},
            {"steps": 6, "length": 16, "words": 8},
            {"steps": 9, "length": 24, "words": 10},
        ),
    )

    taskset_class = StringTransformTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("string@1", **compact_markers(style))


def _chained(rng: TaskRandom, unit: str, text: str, count: int) -> Problem | None:
    """Steps that each change the text, not twice of one kind in a row, none giving the result alone; else None."""
    kinds, now = KINDS[unit], text
    names = list(kinds)
    steps: list[Step] = []
    for _ in range(20 * count):
        name = rng.choice(names)
        step = Step(name, kinds[name].draw(rng, now))
        again = bool(steps) and steps[-1].kind == name
        if again or (kinds[name].last and len(steps) < count - 1):
            continue
        after = applied(unit, now, step)
        if after == now or not _is_fit(unit, now, after):
            continue
        steps.append(step)
        now = after
        if len(steps) == count:
            shorter = now == text or (count > 1 and any(applied(unit, text, one) == now for one in steps))
            return None if shorter else Problem(unit, text, steps, now)
    return None


def _is_fit(unit: str, before: str, after: str) -> bool:
    """Neither too little left nor too much, and no word without letters."""
    if unit == "words" and (len(after.split()) < 2 or len(after.split(" ")) != len(after.split())):
        return False
    return 3 <= len(after) <= _MOST_CHARS
