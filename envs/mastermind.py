"""`rlvr/Mastermind-v0`: find a hidden code in a few guesses; each is answered by how near it was.

A small game with a hidden state: what a player knows after some guesses. It is the multi-turn environment to try
branching and step-level credit on, since two ways to the same knowledge have the same anchor.
"""

from __future__ import annotations

from typing import Any, Unpack

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.card import Card
from rlvr_gym.envs.procedural import Common, ProceduralGame, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import Verdict, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown


class MastermindTaskSet(ProceduralTaskSet[str]):
    """Codes of digits; there are `symbols ** length` of them.

    Args:
        length: Digits of a code, 1 to 12.
        symbols: Different digits, from 1 on; 2 to 9.
        style: See `ProceduralTaskSet`; compact prompts look like `4x6:`, answers to a guess like `2,1:`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        length: int = 4,
        symbols: int = 6,
        **common: Unpack[Common],
    ) -> None:
        self._length = check_int("length", length, 1, 12)
        self._symbols = check_int("symbols", symbols, 2, 9)
        super().__init__("Mastermind", **common)

    def draw(self, rng: TaskRandom) -> str:
        """See `ProceduralTaskSet.draw`."""
        return "".join(str(rng.between(1, self._symbols)) for _ in range(self._length))

    def split_key(self, problem: str) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{problem}/{self._symbols}"

    def make(self, problem: str) -> Task:
        """See `ProceduralTaskSet.make`."""
        if self.style == "compact":
            prompt, solution = f"{self._length}x{self._symbols}:", problem
        else:
            prompt = (
                f"Find a code of {self._length} digits, each from 1 to {self._symbols}. After each guess you are told "
                "how many digits stand in their place, and how many more are in the code elsewhere. "
                "Give one guess as <answer>digits</answer>."
            )
            solution = f"<answer>{problem}</answer>"
        reference = {"code": problem, "symbols": self._symbols}
        difficulty = {"length": self._length, "symbols": self._symbols}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)


class MastermindEnv(ProceduralGame):
    """Find a hidden code in a few guesses, each answered by how near it was; judged by `mastermind@1`.

    The episode ends when the code is found, or with the verdict on the last guess, for which the reward is given. What
    is no guess costs a turn. The anchor is what has been learned: which guesses were made and what they were told, in
    any order.

    Example:
        >>> env = MastermindEnv(style="compact", length=3)
        >>> _ = env.reset(options={"task_index": 0})
        >>> env.step("216")[0], env.step("132")[0]
        ('0,3:', '2,0:')
        >>> env.step("162")[4]["passed"]
        True
    """

    card = Card(
        family="game",
        answer_format="One guess a turn: digits in `<answer>` tags, a box, or after `####`; alone in style=compact.",
        licence="Apache-2.0, as this project: tasks are generated.",
        chance=0.02,
        chance_reason="10 blind guesses at one of 6**4 codes find it in 0.8 % of episodes; twice that is allowed",
        told="The length of the code, the digits and the number of guesses; after each guess how many digits stand "
        "in their place, how many more are in the code elsewhere, and the guesses that are left.",
        distinct=6**4,
        levels=(
            {"length": 2, "symbols": 4},
            {"length": 3, "symbols": 5},
            {"length": 4, "symbols": 6},
            {"length": 5, "symbols": 7},
            {"length": 6, "symbols": 9},
        ),
    )

    taskset_class = MastermindTaskSet
    turns = 10

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("mastermind@1", **compact_markers(style))

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._told: list[list[str]] = []
        if self.style == "compact":
            return task.prompt
        guesses = "1 guess" if self.max_turns == 1 else f"{self.max_turns} guesses"
        return f"{task.prompt} You have {guesses}."

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        verdict = self.verifier.verify(str(action), self.task.reference)
        left = self.max_turns - self._turn
        if verdict.passed or not verdict.gradable or left == 0:
            return Transition(verdict=verdict)
        marks = [part.detail for part in verdict.parts]
        if marks:
            self._told.append([str(verdict.extracted), *marks])
        return Transition(",".join(marks or ["?"]) + ":" if self.style == "compact" else _sentence(verdict, left))

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


def _sentence(verdict: Verdict, left: int) -> str:
    guesses = "1 guess" if left == 1 else f"{left} guesses"
    told = verdict.reason.text if verdict.parts else f"No guess: {verdict.reason.text}"
    return f"{told[0].upper()}{told[1:]}. {guesses} left."
