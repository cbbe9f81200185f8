"""`rlvr/Instructions-v0`: a topic and instructions that do not contradict each other, made without data.

Every task is made with a text that keeps to all of its instructions. Any other such text passes.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.instructions.drafts import KINDS, Draft, request
from rlvr_gym.envs.instructions.topics import TOPICS, WITH_WORD, Topic
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.instructions.catalogue import asked
from rlvr_gym.verifiers.instructions.parameters import Sentence

_LEAST, _LEAST_COMPACT = 3, 1  # sentences of a solution where nothing asks for more
_POOLS = {hardness: tuple(name for name, kind in KINDS.items() if kind.hardness <= hardness) for hardness in (1, 2, 3)}
_TELLING = {hardness: tuple(name for name in pool if KINDS[name].telling) for hardness, pool in _POOLS.items()}
_SUITS = {
    name: frozenset(other for other in KINDS if other != name and kind.takes.isdisjoint(KINDS[other].takes))
    for name, kind in KINDS.items()
}
_SHORT = {name: Sentence(kind.short) for name, kind in KINDS.items()}


class Composition(NamedTuple):
    """A topic, the instructions and a text that keeps to them."""

    topic: Topic
    instructions: list[dict[str, Any]]
    text: str


class InstructionsTaskSet(ProceduralTaskSet[Composition]):
    """Instructions on a text about a topic. Tasks with one topic and the same kinds are on one side of the split.

    Args:
        constraints: How many instructions a task has, 1 to 5.
        hardness: The hardest kinds among them: 1 for what is or is not in the text (case, commas, a title, keywords),
            2 adds counts and layouts (list items, sections, JSON, sentences), 3 adds words, letters, capitals and the
            word that begins a paragraph.
        style: See `ProceduralTaskSet`; compact problems look like `the harbour|no comma|at least 40 words`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, constraints: int = 3, hardness: int = 2, **common: Unpack[Common]) -> None:
        self._constraints = check_int("constraints", constraints, 1, 5)
        self._hardness = check_int("hardness", hardness, 1, 3)
        super().__init__("Instructions", **common)

    def draw(self, rng: TaskRandom) -> Composition:
        """See `ProceduralTaskSet.draw`."""
        topic = rng.choice(TOPICS)
        least = _LEAST_COMPACT if self.style == "compact" else _LEAST
        draft = Draft(topic, list(topic.words), rng.below(len(WITH_WORD)), least)
        chosen = self._kinds(rng)
        drawn = [(name, KINDS[name].plan(draft, rng)) for name in chosen]
        text = draft.text(rng)
        for name, parameters in drawn:
            settle = KINDS[name].settle
            if settle is not None:
                settle(text, parameters)
        return Composition(topic, [{"id": name, "parameters": parameters} for name, parameters in drawn], text)

    def split_key(self, problem: Composition) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{problem.topic.name}|{sorted(one['id'] for one in problem.instructions)}"

    def make(self, problem: Composition) -> Task:
        """See `ProceduralTaskSet.make`."""
        topic, instructions, text = problem
        if self.style == "compact":
            prompt = "|".join([topic.name, *(_SHORT[one["id"]](one["parameters"]) for one in instructions)])
        else:
            asks = (asked(one["id"], one["parameters"]).sentence for one in instructions)
            listed = "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(asks, 1))
            prompt = f"{request(topic)}\n\nKeep to {_all(len(instructions))}:\n{listed}"
        difficulty = {
            "constraints": self._constraints,
            "hardness": self._hardness,
            "kinds": [one["id"] for one in instructions],
        }
        private = {"reference": {"instructions": instructions}, "solution": text}
        return Task.create(prompt, private, difficulty=difficulty)

    def _kinds(self, rng: TaskRandom) -> list[str]:
        """Kinds that go together; where one is drawn, those that claim the same of the text are gone.

        Of several the first is one that no text keeps to unseen, so that a constant earns little. It stands anywhere.
        """
        pool = list(_POOLS[self._hardness])
        if self._constraints == 1:
            return [rng.choice(pool)]
        chosen = [rng.choice(_TELLING[self._hardness])]
        for _ in range(self._constraints - 1):
            suits = _SUITS[chosen[-1]]
            pool = [other for other in pool if other in suits]
            chosen.append(rng.choice(pool))
        place = rng.below(len(chosen))
        return [*chosen[1 : place + 1], chosen[0], *chosen[place + 1 :]]


class InstructionsEnv(ProceduralEnv):
    """Write about a topic and keep to instructions; judged by `instructions@1`. Knobs: those of `InstructionsTaskSet`.

    The reward `"dense"` pays the share of instructions that are kept.

    Example:
        >>> env = InstructionsEnv(constraints=2, hardness=1, style="compact")
        >>> obs, info = env.reset(options={"task_index": 4})
        >>> obs
        'the vineyard|no comma|end: Have a wonderful day!'
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="instruction",
        answer_format="The whole response after its reasoning is the text that is asked for.",
        licence=GENERATED,
        chance=0.05,
        chance_reason="of 120 constant texts that keep to as many kinds as go together the best passes 1.9 % of 1,000 "
        "default tasks, with the words that the prompt quotes added 3.9 %, with the prompt but its last word "
        "3.2 %; with constraints=1 and hardness=1 such a text passes most",
        distinct=10**7,
        levels=(
            {"constraints": 1, "hardness": 1},
            {"constraints": 2, "hardness": 2},
            {"constraints": 3, "hardness": 2},
            {"constraints": 4, "hardness": 2},
            {"constraints": 4, "hardness": 3},
            {"constraints": 5, "hardness": 3},
        ),
    )

    taskset_class = InstructionsTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("instructions@1")


def _all(number: int) -> str:
    return "this instruction" if number == 1 else "all of these instructions"
