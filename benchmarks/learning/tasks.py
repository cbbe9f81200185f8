"""The small tasks that the learning studies are made of, and what models imitate before they learn them.

Each is an ordinary text environment. `Practice` versions have experts that know the form of a response and nothing of
the answer: what a model learns from them is a base that answers in the right form by chance.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition
from rlvr_gym.envs.corridor import CorridorEnv
from rlvr_gym.verifiers import Status, Verdict, Verifier
from rlvr_gym.verifiers.verdict import Reason

DIGITS = "0123456789"


@dataclass(frozen=True)
class Table(Verifier):
    """Looks a response up in a table of scores; a score of 1 passes, and what is not in it has the score of `""`."""

    name = "table"
    version = 1

    def parse_reference(self, reference: Any) -> Any:
        """The table."""
        return reference

    def judge(self, response: str, gold: Any, context: Any) -> Verdict:
        """The score of the response, or of its beginning where the table asks for no more."""
        said = response[: gold["length"]] if gold.get("length") else response
        score = gold["scores"].get(said, gold["scores"].get("", 0.0))
        status = Status.PASSED if score == 1 else Status.FAILED
        return Verdict(status, score, Reason("looked_up", "in the table"), self.id)


class TableEnv(TextEnv):
    """One question, one answer, a table of what answers are worth.

    Args:
        tables: Prompt to its table.
        practice: Letters and lengths of responses that its expert draws from, as `(letters, shortest, longest)`, and
            weights of the first letter; None for no expert.
    """

    def __init__(
        self,
        tables: dict[str, dict[str, Any]],
        practice: tuple[str, int, int] | None = None,
        weights: dict[str, float] | None = None,
    ) -> None:
        rows = [
            Task.create(prompt, {"reference": table, "solution": table.get("solution")})
            for prompt, table in tables.items()
        ]
        super().__init__(ListTaskSet(rows), Table(), reward="dense")
        self._practice, self._weights = practice, weights

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        return Transition(verdict=self.verifier.verify(action, self.task.reference))

    def expert(self, task: Task) -> list[str]:
        """A response of the right form, by chance."""
        assert self._practice is not None
        letters, shortest, longest = self._practice
        rng = self.np_random
        length = int(rng.integers(shortest, longest + 1))
        said = [letters[int(rng.integers(len(letters)))] for _ in range(length)]
        if self._weights:
            names = list(self._weights)
            total = sum(self._weights.values())
            said[0] = names[int(rng.choice(len(names), p=[self._weights[name] / total for name in names]))]
        return ["".join(said)]


class Wanderer(CorridorEnv):
    """Corridors of which an expert knows all but the first: there it opens doors by chance, and stops before the exit.

    What is learnt from it is to look at the number of corridor and room, and nothing of the ways of the first corridor.
    """

    def expert(self, task: Task) -> list[str]:
        """The way of a corridor that is known, else as many moves by chance as there are rooms."""
        if not task.prompt.startswith("0|"):
            return list(task.private["expert"])
        ways, place, walked = task.reference["moves"], task.reference["start"], []
        for _ in range(len(ways)):
            move = sorted(ways[place])[int(self.np_random.integers(len(ways[place])))]
            if ways[place][move] == task.reference["goal"]:
                break
            walked.append(move)
            place = ways[place][move]
        return walked


def password(letters: str, length: int, tasks: int, seed: int, practice: bool = False) -> TableEnv:
    """A password for each prompt; only all of it is worth anything."""
    tables = {}
    state = seed
    for number in range(tasks):
        word = ""
        for _ in range(length):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            word += letters[(state >> 33) % len(letters)]
        tables[f"{number}:"] = {"scores": {word: 1.0}, "solution": word}
    return TableEnv(tables, (letters, length, length) if practice else None)


def two_modes(practice: bool = False) -> TableEnv:
    """Sixteen answers: `a` is worth 0.6 and what a base says nearly always, `b` is worth 1 and rare."""
    letters = "abcdefghijklmnop"
    scores = {"a": 0.6, "b": 1.0, "": 0.0}
    weights = {letter: 40.0 if letter == "a" else 1.0 for letter in letters}
    return TableEnv({"?": {"scores": scores}}, (letters, 1, 1) if practice else None, weights if practice else None)


def many_modes(practice: bool = False) -> TableEnv:
    """Sixteen answers, four of them right."""
    letters = "abcdefghijklmnop"
    scores = dict.fromkeys("adgj", 1.0)
    return TableEnv({"?": {"scores": scores}}, (letters, 1, 1) if practice else None)


def classes(practice: bool = False) -> TableEnv:
    """One of four letters, by the sum of the prompt's two digits."""
    tables = {}
    for first, second in itertools.product(DIGITS, DIGITS):
        letter = "abcd"[(int(first) + int(second)) // 5]
        tables[f"{first}{second}:"] = {"scores": {letter: 1.0}, "solution": f"Hint: {letter}"}
    return TableEnv(tables, ("abcd", 1, 1) if practice else None)


def ramble(longest: int, practice: bool = False) -> TableEnv:
    """The first letter decides, `a` or `b` by the prompt; what follows is free and worth nothing."""
    tables = {
        f"{first}{second}:": {"scores": {"ab"[(int(first) + int(second)) % 2]: 1.0}, "length": 1}
        for first, second in itertools.product(DIGITS, DIGITS)
    }
    return TableEnv(tables, ("ab", 2, longest) if practice else None)


class Relay(TextEnv):
    """A planner sees two digits and tells an executor one letter, who sees nothing else and must say a class.

    The class is that of `classes`. Which letter stands for which class is for the two to find out.
    """

    _told = ""

    def __init__(self) -> None:
        rows = [
            Task.create(f"{first}{second}:", {"reference": {"scores": {"abcd"[(int(first) + int(second)) // 5]: 1.0}}})
            for first, second in itertools.product(DIGITS, DIGITS)
        ]
        super().__init__(ListTaskSet(rows), Table(), max_turns=2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """See `TextEnv.reset`; the planner begins."""
        observation, info = super().reset(seed=seed, options=options)
        return observation, {**info, "thread": "planner"}

    def transition(self, action: str) -> Transition:
        """The first response goes to the executor, as far as it is one of four letters; the second is judged."""
        info = {"thread": "executor"}
        if self._turn == 1:
            self._told = action[:1] if action[:1] in ("a", "b", "c", "d") else "?"
            return Transition(f"{self._told}>", info=info)
        return Transition(verdict=self.verifier.verify(action, self.task.reference), info=info)

    def get_state(self) -> Any:
        """What the executor was told."""
        return self._told

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        self._told = state

    def expert(self, task: Task) -> list[str]:
        """Two letters by chance."""
        return ["abcd"[int(self.np_random.integers(4))] for _ in range(2)]
