"""`rlvr/TwentyQuestions-v0`: find out by questions of yes and no which creature of a table is meant, and name it.

Every task has creatures of its own. The number of turns is what halving needs and a few more: to name one creature
after the other is no way to win, since the first name is the guess that ends the game.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, Unpack, cast

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.one_guess import declares_several
from rlvr_gym.envs.procedural import Common, ProceduralGame, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verdict, Verifier, make_verifier
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import UnreadableError, compact_markers
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import NoSlot, final_slot
from rlvr_gym.verifiers.games.questions import Question, Questions, World, agreeing, read_step

WORDS: Mapping[str, Sequence[str]] = {
    "colour": ("red", "blue", "green", "white", "black", "brown", "yellow", "purple"),
    "home": ("forest", "desert", "river", "cave", "meadow", "swamp", "island", "mountain"),
    "food": ("grass", "fish", "seeds", "honey", "insects", "fruit", "moss", "mushrooms"),
    "skin": ("fur", "scales", "feathers", "shell", "bristles", "wool", "spines", "leather"),
}
NUMBERS = ("legs", "eyes", "horns", "spots")
CHOICES, DIGITS = 4, 10  # values that an attribute of words and one of numbers can have
_KINDS = tuple(kind for pair in zip(WORDS, NUMBERS, strict=True) for kind in pair)
_RESERVED = {*_KINDS, *(word for words in WORDS.values() for word in words)}
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


class Table(NamedTuple):
    """A table of creatures, each value as its place among those of its attribute, and the place of what is meant."""

    attributes: list[str]
    values: list[list[str | int]]
    names: list[str]
    rows: list[tuple[int, ...]]
    meant: int
    way: list[str]


class TwentyQuestionsTaskSet(ProceduralTaskSet[Table]):
    """Tables of creatures, no two alike; one of them is meant.

    Args:
        objects: How many creatures, 4 to 64.
        attributes: How many attributes, 2 to 8; every second one is a number.
        spare: How many turns there are besides those of perfect halving and the guess, 1 to 20.
        style: See `ProceduralTaskSet`; compact prompts look like `ba1352,ke2207:`, where the digits are the
            attributes `a` to `d`; questions look like `b>2`, answers like `y:`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused, or there are not twice as many different creatures as are wanted.
    """

    def __init__(
        self,
        *,
        objects: int = 24,
        attributes: int = 4,
        spare: int = 2,
        **common: Unpack[Common],
    ) -> None:
        self._objects = check_int("objects", objects, 4, 64)
        self._attributes = check_int("attributes", attributes, 2, 8)
        self._sizes = [DIGITS if number % 2 else CHOICES for number in range(attributes)]
        self._most = prod(self._sizes)
        if 2 * objects > self._most:
            raise ConfigError(
                f"{attributes} attributes tell {self._most} creatures apart: objects may be {self._most // 2}, not "
                f"{objects}"
            )
        check_int("spare", spare, 1, 20)
        super().__init__("TwentyQuestions", **common)
        self.turns = (objects - 1).bit_length() + 1 + spare
        self._difficulty = {"objects": objects, "attributes": attributes, "spare": spare}

    def draw(self, rng: TaskRandom) -> Table:
        """See `ProceduralTaskSet.draw`."""
        bare = self.style == "compact"
        kinds = _KINDS[: self._attributes]
        attributes = list("abcdefgh"[: self._attributes] if bare else kinds)
        for _ in range(self._MAX_DRAWS):
            values = [_values(rng, kind, bare) for kind in kinds]
            rows = [_decoded(number, self._sizes) for number in _different(rng, self._most, self._objects)]
            meant = rng.below(self._objects)
            names = _names(rng, self._objects, bare)
            way = [*halving(attributes, values, rows, meant), names[meant]]
            if len(way) <= self.turns:
                return Table(attributes, values, names, rows, meant, way)
        raise ConfigError(f"no table of {self._objects} creatures can be asked out in {self.turns} turns: raise spare")

    def split_key(self, problem: Table) -> str:
        """See `ProceduralTaskSet.split_key`: names and words may be others."""
        return f"{sorted(problem.rows)}:{problem.rows[problem.meant]}"

    def make(self, problem: Table) -> Task:
        """See `ProceduralTaskSet.make`."""
        attributes, values, names = problem.attributes, problem.values, problem.names
        rows = [[column[place] for column, place in zip(values, row, strict=True)] for row in problem.rows]
        objects = dict(zip(names, rows, strict=True))
        reference = {"answer": names[problem.meant], "attributes": attributes, "objects": objects}
        if self.style == "compact":
            way = problem.way
            prompt = ",".join(name + "".join(map(str, row)) for name, row in objects.items()) + ":"
        else:
            way = [f"<answer>{step}</answer>" for step in problem.way]
            prompt = _question(attributes, objects)
        return Task.create(prompt, {"reference": reference, "expert": way}, difficulty=self._difficulty)


class TwentyQuestionsEnv(ProceduralGame):
    """Find out by questions which creature is meant, and name it; judged by `questions@1`.

    A turn is a question, or the one guess, which ends the game. What is neither costs a turn. When the turns are over
    the episode ends with the verdict on a record without a guess. The reward `"dense"` pays for a wrong guess that
    agrees with all answers, the more the fewer others do. The anchor is what is known: which creatures it can still be.
    `max_turns` is what halving needs, one for the guess, and `spare`.

    Example:
        >>> env = TwentyQuestionsEnv(objects=4, attributes=2, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'fa10,pi33,zu32,na21:'
        >>> [(step, env.step(step)[0]) for step in env.task.private["expert"]]
        [('a > 2', 'y:'), ('b > 2', 'y:'), ('pi', '')]
    """

    card = Card(
        family="game",
        answer_format="One question or the guess a turn in `<answer>` tags, a box, or after `####`; alone in "
        "style=compact.",
        licence=GENERATED,
        chance=0.05,
        chance_reason="a name of the table is right in 1 of 24 tasks (4.2 %) without a question; the best of 24 places "
        "in 4.7 % of 3,000 tasks",
        told="The table of creatures, the form of questions and the number of turns; after each question yes or no, "
        "and the turns that are left.",
        distinct=10**12,
        levels=(
            {"objects": 6, "attributes": 2, "spare": 4},
            {"objects": 12, "attributes": 3, "spare": 3},
            {"objects": 24},
            {"objects": 32, "attributes": 6},
            {"objects": 48, "attributes": 6, "spare": 1},
            {"objects": 64, "attributes": 8, "spare": 1},
        ),
    )

    taskset_class = TwentyQuestionsTaskSet
    turns = 1  # the task set says how many
    _gold: World | None

    def __init__(self, *, max_turns: int | None = None, **settings: Any) -> None:
        super().__init__(max_turns=max_turns, **settings)
        if not self._limited:
            self.max_turns = cast("TwentyQuestionsTaskSet", self.taskset).turns

    def _turns(self, given: dict[str, Any]) -> int:
        self._limited = "max_turns" in given
        return super()._turns(given)

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("questions@1", **compact_markers(style))

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._asked: list[str] = []
        self._parse(task)
        if self.style == "compact":
            return task.prompt
        return f"{task.prompt}\nYou have {_turns(self.max_turns)}, the guess included."

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        if self._gold is None:
            return Transition(verdict=self._judged(""))
        step = self._read(str(action), self._gold)
        if isinstance(step, Question):
            self._asked.append(step.text)
            yes = self._gold.answer in step.yes
            said, bare = f"{'Yes' if yes else 'No'} ({step.text}).", "y" if yes else "n"
        elif isinstance(step, str):
            return Transition(verdict=self._judged(step))
        else:
            said, bare = f"That is no question: {step.reason.text}. {_FORMS}", "?"
        left = self.max_turns - self._turn
        if left == 0:
            return Transition(verdict=self._judged(""))
        return Transition(f"{bare}:" if self.style == "compact" else f"{said} {_turns(left)} left.")

    def get_state(self) -> Any:
        """The questions that were asked."""
        return self._asked

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        if not isinstance(state, list) or not all(isinstance(asked, str) for asked in state):
            raise SnapshotError(f"expected a list of questions, got {shown(state)}")
        self._asked = state
        self._parse(self.task)
        if self._gold is not None:
            self._left(self._gold)  # refuses what is no question of this world

    def anchor_state(self) -> Any:
        """The creatures that agree with all answers; None where all do."""
        if self._gold is None or len(left := self._left(self._gold)) == len(self._gold.things):
            return None
        return left

    def _left(self, gold: World) -> list[str]:
        try:
            steps = [read_step(asked, gold) for asked in self._asked]
        except UnreadableError as error:
            raise SnapshotError(f"a question of the snapshot cannot be asked here: {error}") from error
        return agreeing([step for step in steps if isinstance(step, Question)], gold)

    def _parse(self, task: Task) -> None:
        try:
            self._gold = cast("Questions", self.verifier).parse_reference(task.reference)
        except ReferenceFault:
            self._gold = None  # which the verdict then says

    def _read(self, action: str, gold: World) -> Question | str | UnreadableError:
        verifier = cast("Questions", self.verifier)
        slot = final_slot(action, verifier.markers)
        if isinstance(slot, NoSlot):
            return UnreadableError(*slot.reason)
        if declares_several(action, verifier.markers):
            return UnreadableError("several", "one question a turn")
        try:
            if len(slot.text) > verifier.max_answer_chars:
                raise UnreadableError("too_long", "that is too long")
            return read_step(slot.text, gold)
        except UnreadableError as error:
            return error

    def _judged(self, guess: str) -> Verdict:
        record = "; ".join(filter(None, (*self._asked, guess)))
        return self.verifier.verify(
            record if self.style == "compact" else f"<answer>{record}</answer>", self.task.reference
        )


_FORMS = "Ask like 'is it red?', 'is it red or blue?' or 'legs > 4?', or name your guess."


def halving(
    attributes: Sequence[str], values: Sequence[Sequence[str | int]], rows: Sequence[Sequence[int]], meant: int
) -> list[str]:
    """Questions that single out one row, each of which parts those that are left as evenly as any.

    Args:
        attributes: Names of the columns.
        values: What each column can hold.
        rows: Places in `values`; no two are equal.
        meant: Number of the row to be found.

    Example:
        >>> halving(["legs"], [[0, 1, 2, 3]], [(0,), (1,), (2,), (3,)], 2)
        ['legs > 1', 'legs > 2']
    """
    masks = _masks(attributes, values, rows)
    left, asked = (1 << len(rows)) - 1, []
    while left.bit_count() > 1:
        count = left.bit_count()
        text, mask = min(masks, key=lambda each: abs(2 * (each[1] & left).bit_count() - count))
        asked.append(text)
        left &= mask if mask >> meant & 1 else ~mask
    return asked


def _masks(
    attributes: Sequence[str], values: Sequence[Sequence[str | int]], rows: Sequence[Sequence[int]]
) -> list[tuple[str, int]]:
    """Questions with the rows for which the answer is yes, as bits."""
    found = []
    for number, (attribute, column) in enumerate(zip(attributes, values, strict=True)):
        bits = [0] * len(column)
        for place, row in enumerate(rows):
            bits[row[number]] |= 1 << place
        if isinstance(column[0], str):
            found += [(f"is it {column[i]}", bits[i]) for i in range(len(column))]
            pairs = ((i, j) for i in range(len(column)) for j in range(i))
            found += [(f"is it {column[i]} or {column[j]}", bits[i] | bits[j]) for i, j in pairs]
        else:
            above = 0
            for i in range(len(column) - 1, 0, -1):
                above |= bits[i]
                found.append((f"{attribute} > {column[i - 1]}", above))
    return found


def _values(rng: TaskRandom, kind: str, bare: bool) -> list[str | int]:
    if kind not in WORDS:
        return list(range(DIGITS))
    if bare:
        return list(range(1, CHOICES + 1))
    words = list(WORDS[kind])
    return [words.pop(rng.below(len(words))) for _ in range(CHOICES)]


def _names(rng: TaskRandom, count: int, bare: bool) -> list[str]:
    letters = (_CONSONANTS, _VOWELS) if bare else (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _CONSONANTS)
    sizes = list(map(len, letters))
    names: dict[str, None] = {}
    while len(names) < count:
        places = _decoded(rng.below(prod(sizes)), sizes)
        name = "".join(kind[place] for kind, place in zip(letters, places, strict=True))
        if name not in _RESERVED:
            names[name] = None
    return list(names)


def _different(rng: TaskRandom, below: int, count: int) -> list[int]:
    found: dict[int, None] = {}
    while len(found) < count:
        found[rng.below(below)] = None
    return list(found)


def _decoded(number: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """The digits of a number, each to its own base.

    Example:
        >>> _decoded(23, [4, 10])
        (3, 5)
    """
    digits = []
    for size in sizes:
        number, digit = divmod(number, size)
        digits.append(digit)
    return tuple(digits)


def _question(attributes: Sequence[str], objects: Mapping[str, Sequence[str | int]]) -> str:
    lines = [["name", *attributes], *([name, *map(str, row)] for name, row in objects.items())]
    table = "\n".join(" | ".join(line) for line in lines)
    return (
        f"I think of one of these creatures. Find out which.\n{table}\n"
        "A turn is a question of yes or no, in one of these forms, or your guess: 'is it red?' and 'is it red or "
        "blue?' ask for values of one attribute; 'legs > 4?' compares a number (>, <, >=, <=, =). You have one guess: "
        "to name a creature ends the game. Give one question or the name as <answer>...</answer>."
    )


def _turns(number: int) -> str:
    return "1 turn" if number == 1 else f"{number} turns"
