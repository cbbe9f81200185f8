"""`rlvr/Wordle-v0`: find a hidden word in six guesses; each letter of a guess is marked.

The words are common English ones, or made up by a rule that the prompt tells: then there are as many as one likes, and
none can be known before. Two ways to the same knowledge have the same anchor.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.one_guess import judged_once
from rlvr_gym.envs.games.word_finding import CONSONANTS, VOWELS, way_to
from rlvr_gym.envs.games.words import WORDS
from rlvr_gym.envs.procedural import Common, ProceduralGame, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown

KINDS = ("common", "invented")
_LEGEND = "G: it stands in its place. Y: it is in the word, but elsewhere. '.': the word has no (more) such letter."


class Hint(NamedTuple):
    """What hard mode misses in a guess: how many times a letter, and in which place from 0 on, or anywhere (-1)."""

    letter: str
    times: int
    place: int


class WordleTaskSet(ProceduralTaskSet[str]):
    """Words to be found.

    Args:
        length: Letters of a word: 4 to 6, of invented words 4 to 8.
        words: `"common"` English words, or `"invented"` ones: consonants and vowels in turn, the first a consonant.
        hard: Whether each guess must use what was told: letters in place stay there, the others that are in the word
            are used again. For common words alone.
        style: See `ProceduralTaskSet`; compact prompts look like `5:`, answers to a guess like `.YG..:`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        length: int = 5,
        words: str = "common",
        hard: bool = False,
        **common: Unpack[Common],
    ) -> None:
        if words not in KINDS:
            raise ConfigError(f"words must be one of {', '.join(KINDS)}; got {shown(words)}")
        if not isinstance(hard, bool):
            raise ConfigError(f"hard must be True or False, got {shown(hard)}")
        if hard and words == "invented":
            raise ConfigError("hard=True goes with words='common': of invented words letters must be asked for first")
        self._length = check_int("length", length, 4, 6 if words == "common" else 8)
        self._letters = [CONSONANTS if place % 2 == 0 else VOWELS for place in range(length)]
        super().__init__("Wordle", **common)
        self._words, self._hard = words, hard

    def draw(self, rng: TaskRandom) -> str:
        """See `ProceduralTaskSet.draw`."""
        if self._words == "common":
            return rng.choice(WORDS[self._length])
        return "".join(map(rng.choice, self._letters))

    def split_key(self, problem: str) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return problem

    def make(self, problem: str) -> Task:
        """See `ProceduralTaskSet.make`."""
        bare = f"{self._length}!:" if self._hard else f"{self._length}:"
        prompt = bare if self.style == "compact" else self._question()
        difficulty = {"length": self._length, "words": self._words, "hard": self._hard}
        return Task.create(prompt, {"reference": {"answer": problem}}, difficulty=difficulty)

    def _question(self) -> str:
        if self._words == "common":
            what = f"Find a hidden English word of {self._length} letters."
        else:
            what = (
                f"Find a hidden word of {self._length} letters. It is made up: consonants (y is one of them, q is "
                "not used) and vowels (a, e, i, o, u) take turns, and it begins with a consonant."
            )
        strict = (
            " Each guess must use what you were told: letters marked G stay in their place, those marked Y are used "
            "again."
            if self._hard
            else ""
        )
        return (
            f"{what} Each letter of a guess is marked:\n{_LEGEND}\nAny letters may be guessed.{strict} "
            "Give one guess as <answer>word</answer>."
        )


class WordleEnv(ProceduralGame):
    """Find a hidden word, each guess at it marked letter by letter; judged by `wordle@1`.

    The episode ends when the word is found, or with the verdict on the last guess, for which the reward is given. What
    is no guess costs a turn; so do several in one response, and one that hard mode does not let pass. The anchor is
    what has been learned: which guesses were made and how they were marked, in any order. `max_turns` is 6, for
    invented words 10.

    Example:
        >>> env = WordleEnv(style="compact")
        >>> _ = env.reset(options={"task_index": 0})
        >>> env.step("crane")[0], env.step("tumor")[0]
        ('.G...:', 'G..YY:')
        >>> env.step("troll")[4]["passed"]
        True
    """

    card = Card(
        family="game",
        answer_format="One guess a turn: a word in `<answer>` tags, a box, or after `####`; alone in style=compact.",
        licence=GENERATED,
        chance=0.01,
        chance_reason=f"6 blind guesses at one of {len(WORDS[5]):,} words find it in 0.4 % of episodes; twice that is "
        "allowed",
        told="The number of letters, how marks are read and the number of guesses; after each guess its marks and the "
        "guesses that are left.",
        distinct=len(WORDS[5]),
        levels=(
            {"length": 6, "max_turns": 12},
            {"length": 5, "max_turns": 8},
            {"length": 5},
            {"length": 4, "hard": True},
            {"length": 6, "words": "invented"},
            {"length": 5, "words": "invented", "max_turns": 8},
        ),
    )

    taskset_class = WordleTaskSet
    turns = 6

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("wordle@1", **compact_markers(style))

    def _turns(self, given: dict[str, Any]) -> int:
        given.setdefault("max_turns", 10 if given.get("words") == "invented" else self.turns)
        return super()._turns(given)

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._told: list[list[str]] = []
        return task.prompt if self.style == "compact" else f"{task.prompt} You have {_guesses(self.max_turns)}."

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        verdict = judged_once(self.verifier, str(action), self.task.reference)
        left = self.max_turns - self._turn
        if verdict.passed or not verdict.gradable or left == 0:
            return Transition(verdict=verdict)
        if not verdict.parts:
            return Transition(self._refused(verdict.reason.text, left))
        guess = str(verdict.extracted)
        if self.task.difficulty.get("hard") and (hint := missed(guess, self._told)):
            return Transition(self._refused(_asked(hint), left))
        told = verdict.parts[0].detail
        self._told.append([guess, told])
        if self.style == "compact":
            return Transition(f"{told}:")
        return Transition(f"{' '.join(guess)}\n{' '.join(told)}\n{_guesses(left)} left.")

    def expert(self, task: Task) -> list[str]:
        """Guesses of a player who knows the list of words, or the rule, and guesses what agrees with all marks."""
        way = way_to(task.reference["answer"], invented=task.difficulty.get("words") == "invented")
        return list(way) if self.style == "compact" else [f"<answer>{guess}</answer>" for guess in way]

    def get_state(self) -> Any:
        """Every guess with its marks, in the order they were made."""
        return self._told

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        if not isinstance(state, list):
            raise SnapshotError(f"expected a list of guesses, got {shown(state)}")
        self._told = state

    def anchor_state(self) -> Any:
        """What is known: the different guesses and their marks; None before the first."""
        return sorted(map(list, {tuple(told) for told in self._told})) or None

    def _refused(self, why: str, left: int) -> str:
        return "?:" if self.style == "compact" else f"Not taken: {why}. {_guesses(left)} left."


def missed(guess: str, told: list[list[str]]) -> Hint | None:
    """The first hint of earlier guesses that a guess leaves out; None where it uses them all.

    Example:
        >>> missed("crimp", [["crane", "GG..Y"]]), missed("trace", [["crane", "GG..Y"]])
        (Hint(letter='e', times=1, place=-1), Hint(letter='c', times=1, place=0))
        >>> missed("creep", [["crane", "GG..Y"]])
    """
    for earlier, marked in told:
        known: dict[str, int] = {}
        for place, (letter, mark) in enumerate(zip(earlier, marked, strict=True)):
            if mark == "G" and guess[place] != letter:
                return Hint(letter, 1, place)
            if mark != ".":
                known[letter] = known.get(letter, 0) + 1
        for letter, count in known.items():
            if guess.count(letter) < count:
                return Hint(letter, count, -1)
    return None


def _asked(hint: Hint) -> str:
    if hint.place >= 0:
        return f"letter {hint.place + 1} must be {hint.letter}, as you were told"
    times = "" if hint.times == 1 else f" {hint.times} times"
    return f"the guess must have the letter {hint.letter}{times}, as you were told"


def _guesses(number: int) -> str:
    return "1 guess" if number == 1 else f"{number} guesses"
