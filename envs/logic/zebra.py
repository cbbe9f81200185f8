"""`rlvr/Zebra-v0`: who lives where with what, from a smallest set of clues that leaves one table."""

from __future__ import annotations

from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.logic.shuffling import shuffle
from rlvr_gym.envs.logic.zebra_solver import Clue, holds, tables
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers

# A category: its name, how a value of it names a house, and the values.
_CATEGORIES = (
    ("person", "{}'s house", ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gina", "Hugo")),
    ("colour", "the {} house", ("red", "blue", "green", "white", "black", "yellow", "brown", "grey")),
    ("drink", "the house with {}", ("tea", "milk", "coffee", "water", "juice", "cocoa", "cider", "soup")),
    ("pet", "the house with the {}", ("cat", "dog", "fish", "horse", "parrot", "snake", "rabbit", "zebra")),
    ("job", "the {}'s house", ("baker", "doctor", "farmer", "lawyer", "painter", "pilot", "tailor", "judge")),
    ("game", "the house where they play {}", ("chess", "darts", "golf", "poker", "tennis", "bowls", "rugby", "bridge")),
)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
_KINDS = "at not_at not_at same same same apart left left just_left just_left next next between".split()
_SENTENCES = {
    "at": "{0} is house {1}.",
    "not_at": "{0} is not house {1}.",
    "same": "{0} is {1}.",
    "apart": "{0} is not {1}.",
    "left": "{0} is somewhere to the left of {1}.",
    "just_left": "{0} is directly to the left of {1}.",
    "next": "{0} is next to {1}.",
    "between": "{0} is somewhere between {1} and {2}.",
}
_SIGNS = {
    "at": "{0}@{1}",
    "not_at": "{0}!{1}",
    "same": "{0}={1}",
    "apart": "{0}#{1}",
    "left": "{0}<{1}",
    "just_left": "{0}+{1}",
    "next": "{0}~{1}",
    "between": "{1}({0}){2}",
}


class Street(NamedTuple):
    """The values by category, the clues, and the place of every value."""

    values: list[list[str]]
    clues: list[Clue]
    places: list[int]


class ZebraTaskSet(ProceduralTaskSet[Street]):
    """Streets with one table. Those that differ in names, or are mirrored, fall on the same side of the split.

    Args:
        houses: How many, 3 to 6.
        categories: Of what each house has one, 2 to 6.
        style: See `ProceduralTaskSet`; compact problems look like `abc/def;a@1;b<e;d(f)c=`: `@` at, `!` not at, `=`
            same house, `#` another house, `<` left of, `+` directly left of, `~` next to, `d(f)c` f between d and c.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, houses: int = 4, categories: int = 3, **common: Unpack[Common]) -> None:
        self._houses = check_int("houses", houses, 3, 6)
        self._categories = check_int("categories", categories, 2, len(_CATEGORIES))
        super().__init__("Zebra", **common)
        self._difficulty = {"houses": houses, "categories": categories}

    def draw(self, rng: TaskRandom) -> Street:
        """See `ProceduralTaskSet.draw`."""
        values = []
        for _, _, words in _CATEGORIES[: self._categories]:
            some = list(range(len(words)))
            shuffle(some, rng)
            values.append([words[number] for number in some[: self._houses]])
        places = self._table(rng)
        return Street(values, self._clues(rng, places), places)

    def split_key(self, problem: Street) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return min(self._shape(problem.clues), self._shape(list(map(self._mirrored, problem.clues))))

    def make(self, problem: Street) -> Task:
        """See `ProceduralTaskSet.make`."""
        n = self._houses
        if self.style == "compact":
            names = [list(_LETTERS[at : at + n]) for at in range(0, n * self._categories, n)]
        else:
            names = problem.values
        flat = [value for category in names for value in category]
        clues = [[kind, *self._words(clue, flat)] for clue in problem.clues for kind in (clue.kind,)]
        rows = [[value for value, at in zip(flat, problem.places, strict=True) if at == house] for house in range(n)]
        if self.style == "compact":
            said = [_SIGNS[clue.kind].format(*self._words(clue, flat)) for clue in problem.clues]
            prompt, solution = ";".join(["/".join(map("".join, names)), *said]) + "=", "/".join(map("".join, rows))
        else:
            prompt = self._question(problem, flat)
            table = "\n".join(f"{house}: {', '.join(row)}" for house, row in enumerate(rows, start=1))
            solution = f"<answer>\n{table}\n</answer>"
        reference = {"categories": names, "clues": clues}
        difficulty = {**self._difficulty, "clues": len(clues)}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)

    def _question(self, problem: Street, flat: list[str]) -> str:
        used = _CATEGORIES[: self._categories]
        listed = "\n".join(
            f"- {name}: {', '.join(sorted(values))}" for (name, _, _), values in zip(used, problem.values, strict=True)
        )
        phrases = [used[number // self._houses][1].format(value) for number, value in enumerate(flat)]
        said = (_SENTENCES[clue.kind].format(*self._words(clue, phrases)) for clue in problem.clues)
        clues = "\n".join(f"{number}. {text[0].upper()}{text[1:]}" for number, text in enumerate(said, start=1))
        order = ", ".join(name for name, _, _ in used)
        return (
            f"{self._houses} houses stand in a row, numbered 1 to {self._houses} from left to right. Each has one "
            f"value of each of these, and no two houses share one:\n{listed}\n\n{clues}\n\n"
            f"What belongs to which house? Give a line for each house, `number: {order}`, as <answer>lines</answer>."
        )

    def _words(self, clue: Clue, names: list[str]) -> list[str | int]:
        """The values of a clue by these names; of `at` and `not_at` with a house, counted from 1."""
        if clue.kind in ("at", "not_at"):
            return [names[clue.words[0]], clue.words[1] + 1]
        return [names[value] for value in clue.words]

    def _table(self, rng: TaskRandom) -> list[int]:
        table: list[int] = []
        for _ in range(self._categories):
            places = list(range(self._houses))
            shuffle(places, rng)
            table += places
        return table

    def _clues(self, rng: TaskRandom, places: list[int]) -> list[Clue]:
        """Clues that are true of this table alone, none of which can be left out."""
        others = [other for other in (self._table(rng) for _ in range(2 * self._categories)) if other != places]
        clues: list[Clue] = []
        at = 0
        while True:
            for other in others[at:]:
                if all(_true(clue, other) for clue in clues):
                    clues.append(self._clue(rng, places, other))
            at = len(others)
            found = next((table for table in tables(self._houses, self._categories, clues, 2) if table != places), None)
            if found is None:
                return self._needed(rng, clues, places, others)
            others.append(found)

    def _needed(self, rng: TaskRandom, clues: list[Clue], places: list[int], others: list[list[int]]) -> list[Clue]:
        """Those of the clues without which there would be another table."""
        order = list(range(len(clues)))
        shuffle(order, rng)
        kept = set(order)
        failing = [{number for number in order if not _true(clues[number], other)} for other in others]
        for number in order:
            if any(some & kept == {number} for some in failing):
                continue
            fewer = [clues[other] for other in sorted(kept - {number})]
            found = next((table for table in tables(self._houses, self._categories, fewer, 2) if table != places), None)
            if found is None:
                kept.discard(number)
        shuffle(order, rng)
        return [clues[number] for number in order if number in kept]

    def _clue(self, rng: TaskRandom, places: list[int], other: list[int]) -> Clue:
        """A clue that is true of the one table and false of the other."""
        total = len(places)
        while True:
            kind = rng.choice(_KINDS)
            first = rng.below(total)
            if kind in ("at", "not_at"):
                clue = Clue(kind, (first, rng.below(self._houses)))
            else:
                second = rng.below(total)
                words = (first, second, rng.below(total)) if kind == "between" else (first, second)
                if len(set(words)) < len(words):
                    continue
                if kind in ("same", "apart") and first // self._houses == second // self._houses:
                    continue
                clue = Clue(kind, words)
            if _true(clue, places) and not _true(clue, other):
                return clue

    def _mirrored(self, clue: Clue) -> Clue:
        """What a clue says where the street is seen from behind."""
        kind, words = clue
        if kind in ("at", "not_at"):
            return Clue(kind, (words[0], self._houses - 1 - words[1]))
        return Clue(kind, words[::-1]) if kind in ("left", "just_left") else clue

    def _shape(self, clues: list[Clue]) -> str:
        """The kinds of the clues, how many clues name each of their values, and the places."""
        named: dict[int, int] = {}
        valued = [clue.words[:1] if clue.kind in ("at", "not_at") else clue.words for clue in clues]
        for words in valued:
            for value in words:
                named[value] = named.get(value, 0) + 1
        shapes = []
        for clue, words in zip(clues, valued, strict=True):
            counts = [named[value] for value in words]
            if clue.kind in ("same", "apart", "next"):
                counts.sort()
            elif clue.kind == "between":
                counts[1:] = sorted(counts[1:])
            shapes.append(f"{clue.kind}{counts}{clue.words[len(words) :]}")
        return "".join(sorted(shapes))


class ZebraEnv(ProceduralEnv):
    """Say what belongs to which house; verified by constraint with `zebra@1`. Knobs: those of `ZebraTaskSet`.

    The reward `"dense"` pays `2**-k` for a full table in which k clues do not hold.

    Example:
        >>> env = ZebraEnv(houses=3, categories=2, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        'abc/def;a~e;d~f;c+a;e~f;e<a='
        >>> env.step("ce/af/bd")[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="A row for each house, `1: Ann, red, tea`, in `<answer>` tags or a box; in style=compact "
        "`aei/bfj` with a letter for each value.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="one of 24**3 tables is right, and one for all tasks solves none of 1,000 default ones; with "
        "reward='dense' a random table earns 0.05",
        distinct=4 * 10**9,
        levels=(
            {"houses": 3, "categories": 2},
            {"houses": 3, "categories": 3},
            {"houses": 4, "categories": 3},
            {"houses": 4, "categories": 4},
            {"houses": 5, "categories": 5},
            {"houses": 6, "categories": 5},
        ),
    )

    taskset_class = ZebraTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("zebra@1", **compact_markers(style))


def _true(clue: Clue, places: list[int]) -> bool:
    kind, words = clue
    if kind in ("at", "not_at"):
        return holds(kind, places[words[0]], words[1])
    return holds(kind, *[places[value] for value in words])
