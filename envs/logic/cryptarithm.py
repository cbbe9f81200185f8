"""`rlvr/Cryptarithm-v0`: find the digits that letters stand for in a sum of words, as in SEND + MORE = MONEY.

Sums are drawn, written in letters, and kept where a search by columns finds that no other digits fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Puzzle(NamedTuple):
    """The words, the last of which is the sum, the digits of their letters, and the letters that are given."""

    words: list[str]
    digits: dict[str, int]
    given: str


class Search:
    """Solves a sum of words, column by column from the right.

    Args:
        words: The addends, and the sum as the last.
        given: Digits that are known.
        limit: After so many solutions it stops.

    Example:
        >>> found = Search(["SEND", "MORE", "MONEY"], {}, limit=2).run()
        >>> len(found), "".join(str(found[0][letter]) for letter in "SENDMORY")
        (1, '95671082')
    """

    def __init__(self, words: Sequence[str], given: Mapping[str, int], limit: int) -> None:
        *addends, total = words
        self.leading = {word[0] for word in words if len(word) > 1}
        self.columns = [[word[-1 - at] for word in addends if at < len(word)] for at in range(len(total))]
        self.total = total[::-1]
        self.value = dict(given)
        if len(addends) == 2 and len(total) > max(map(len, addends)):
            self.value.setdefault(total[0], 1)  # of two numbers no more than 1 is carried
        self.free = [digit not in self.value.values() for digit in range(10)]
        self.limit = limit
        self.found: list[dict[str, int]] = []

    def run(self) -> list[dict[str, int]]:
        """The solutions, as many as the limit says at most."""
        if len(set(self.value.values())) == len(self.value):
            self._add(0, 0, 0)
        return self.found

    def _add(self, at: int, row: int, carried: int) -> None:
        """Go on with one letter of a column of the addends; `carried` is the sum of what stands above it."""
        column, value = self.columns[at], self.value
        while row < len(column) and column[row] in value:
            carried += value[column[row]]
            row += 1
        if row == len(column):
            self._close(at, carried)
            return
        letter = column[row]
        for digit in range(letter in self.leading, 10):
            if self.free[digit]:
                self.free[digit] = False
                value[letter] = digit
                self._add(at, row + 1, carried + digit)
                del value[letter]
                self.free[digit] = True
                if len(self.found) >= self.limit:
                    return

    def _close(self, at: int, carried: int) -> None:
        """Compare with the sum below the column, and go on to the left."""
        carried, digit = divmod(carried, 10)
        letter = self.total[at]
        known = self.value.get(letter)
        if known is None and self.free[digit] and not (digit == 0 and letter in self.leading):
            self.free[digit] = False
            self.value[letter] = digit
            self._next(at + 1, carried)
            del self.value[letter]
            self.free[digit] = True
        elif known == digit:
            self._next(at + 1, carried)

    def _next(self, at: int, carried: int) -> None:
        if at < len(self.total):
            self._add(at, 0, carried)
        elif carried == 0:
            self.found.append(dict(self.value))


class CryptarithmTaskSet(ProceduralTaskSet[Puzzle]):
    """Sums of words with exactly one solution.

    Args:
        digits: Digits of each addend, 3 to 8.
        addends: How many words are added, 2 or 3.
        given: Letters whose digits are told, 0 to 5.
        style: See `ProceduralTaskSet`; compact problems look like `SEND+MORE=MONEY;M=1:`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused, or no problem is found with these knobs.
    """

    def __init__(self, *, digits: int = 5, addends: int = 2, given: int = 2, **common: Unpack[Common]) -> None:
        self._digits = check_int("digits", digits, 3, 8)
        self._addends = check_int("addends", addends, 2, 3)
        self._given = check_int("given", given, 0, 5)
        super().__init__("Cryptarithm", **common)
        self._difficulty = {"digits": digits, "addends": addends, "given": given}

    def draw(self, rng: TaskRandom) -> Puzzle:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            puzzle = self._attempt(rng)
            if puzzle is not None:
                return puzzle
        raise ConfigError(f"Cryptarithm: no sum with one solution in {self._MAX_DRAWS:,} draws; raise digits or given")

    def split_key(self, problem: Puzzle) -> str:
        """The words with their letters named in order, for the order of addends that comes first; what is given too."""
        *addends, total = problem.words
        return min(_renamed((*order, total), problem) for order in permutations(addends))

    def make(self, problem: Puzzle) -> Task:
        """See `ProceduralTaskSet.make`."""
        *addends, total = problem.words
        given = {letter: problem.digits[letter] for letter in problem.given}
        compact = self.style == "compact"
        gap, equals = (",", "=") if compact else (", ", " = ")
        told = gap.join(f"{letter}{equals}{digit}" for letter, digit in given.items())
        answer = gap.join(f"{letter}={problem.digits[letter]}" for letter in dict.fromkeys("".join(problem.words)))
        if compact:
            prompt, solution = f"{'+'.join(addends)}={total}{';' if told else ''}{told}:", answer
        else:
            prompt = (
                f"In {' + '.join(addends)} = {total} every letter stands for a digit, different letters for different "
                f"digits, and no word begins with 0. {f'Here {told}. ' if told else ''}Which digits make the sum "
                "right? Give all letters as <answer>A=1, B=2, ...</answer>."
            )
            solution = f"<answer>{answer}</answer>"
        reference = {"addends": addends, "sum": total, "given": given}
        difficulty = {**self._difficulty, "letters": len(problem.digits)}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)

    def _attempt(self, rng: TaskRandom) -> Puzzle | None:
        low = 10 ** (self._digits - 1)
        numbers = [low + rng.below(9 * low) for _ in range(self._addends)]
        pool = list(_ALPHABET)
        letters = [pool.pop(rng.below(len(pool))) for _ in range(10)]
        words = ["".join(letters[int(digit)] for digit in str(number)) for number in (*numbers, sum(numbers))]
        digits = {letter: digit for digit, letter in enumerate(letters) if letter in "".join(words)}
        if len(digits) < self._given + 4 or len(set(words)) < len(words):
            return None
        hidden = sorted(digits)
        given = "".join(sorted(hidden.pop(rng.below(len(hidden))) for _ in range(self._given)))
        known = {letter: digits[letter] for letter in given}
        return Puzzle(words, digits, given) if len(Search(words, known, limit=2).run()) == 1 else None


class CryptarithmEnv(ProceduralEnv):
    """Find the digits of letters in a sum of words; checked by adding up with `cryptarithm@1`.

    Knobs: those of `CryptarithmTaskSet`. The reward `"dense"` pays for columns that are right, from the right.

    Example:
        >>> env = CryptarithmEnv(digits=4, given=2, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="A digit for every letter, as `A=1, B=2`, in `<answer>` tags, a box or after `####`; alone in "
        "style=compact.",
        licence=GENERATED,
        chance=0.001,
        chance_reason="digits in rising order, in falling order and at random, with what is given kept and the "
        "carried 1 in its place, solve at most 1 of 2,000 default tasks",
        distinct=1_000_000,
        levels=(
            {"digits": 4, "given": 4},
            {"digits": 4, "given": 3},
            {"digits": 5, "given": 2},
            {"digits": 5, "given": 1},
            {"digits": 6, "given": 0},
            {"digits": 6, "given": 0, "addends": 3},
        ),
    )

    taskset_class = CryptarithmTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("cryptarithm@1", **compact_markers(style))


def _renamed(words: Sequence[str], problem: Puzzle) -> str:
    names: dict[str, str] = {}
    for letter in "".join(words):
        names.setdefault(letter, _ALPHABET[len(names)])
    known = sorted(f"{names[letter]}{problem.digits[letter]}" for letter in problem.given)
    return f"{'+'.join(''.join(names[letter] for letter in word) for word in words)};{known}"
