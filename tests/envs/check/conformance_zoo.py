"""One sound environment, and for each check of the kit one that is broken in that place and nowhere else.

A module that another process can import: its environments are registered with entry points into it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from rlvr_gym.envs import EpisodeOverError, ListTaskSet, Task, TextEnv, Transition, UnicodeText
from rlvr_gym.envs.task import content_hash
from rlvr_gym.verifiers import Reason, Status, Verdict, make_verifier

TURNS = itertools.count()
BROKEN: dict[str, type[Doors]] = {}


class Doors(TextEnv):
    """Guess the number behind a door, in four turns, while a wheel of fortune turns; nothing is wrong here."""

    def __init__(self, *, words: Mapping[Any, str] | None = None, render_mode: str | None = None) -> None:
        tasks = [
            Task.create(
                f"Which number is behind door {door}?",
                {"reference": str(number), "solution": f"#### {number}"},
                tools=({"name": "look", "where": ["left", "right"]},),
                difficulty={"doors": [door]},
            )
            for door, number in enumerate((517, 634, 751, 868, 985, 406, 323, 240))
        ]
        super().__init__(ListTaskSet(tasks), make_verifier("number@1"), max_turns=4, render_mode=render_mode)
        self.word = dict(words or {}).get(1, "wheel")
        self.wheel: list[int] = []

    def begin(self, task: Task) -> str:
        self.wheel = []
        return f"{task.prompt} {self.turned()}"

    def turned(self) -> str:
        self.wheel.append(int(self.np_random.integers(1000)))
        return f"The {self.word} shows {self.wheel[-1]}, {sum(self.wheel)} in all."

    def transition(self, action: str) -> Transition:
        verdict = self.judge(action)
        if verdict.passed or not verdict.gradable or self._turn == self.max_turns:
            return Transition(verdict=verdict)
        return Transition(f"No. {self.turned()}", reward_terms={"patience": -0.125})

    def judge(self, action: str) -> Verdict:
        return self.verifier.verify(str(action), self.task.reference)

    def get_state(self) -> Any:
        return {"wheel": self.wheel}

    def set_state(self, state: Any) -> None:
        self.wheel = state["wheel"]


def breaks(check: str) -> Any:
    """Register a class as the one that is broken where this check looks."""

    def register(cls: type[Doors]) -> type[Doors]:
        BROKEN[check] = cls
        gym.register(f"zoo/{cls.__name__}-v0", f"{__name__}:{cls.__name__}", kwargs=KEYWORDS.get(check, {}))
        return cls

    return register


KEYWORDS: dict[str, dict[str, Any]] = {"spec_json": {"words": {1: "roulette"}}}
gym.register("zoo/Doors-v0", f"{__name__}:Doors")


@breaks("gymnasium_api")
class ShortSpace(Doors):
    """Its observations are longer than its observation space says."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.observation_space = UnicodeText(5)


@breaks("action_types")
class TakesNone(Doors):
    """None is taken for an empty answer."""

    def step(self, action: Any) -> Any:
        return super().step("" if action is None else action)


@breaks("closed_episode")
class Endless(Doors):
    """A step after the end is answered with the last result once more."""

    last: Any = None

    def step(self, action: Any) -> Any:
        try:
            self.last = super().step(action)
        except EpisodeOverError:
            if self._task is None:
                raise
        return self.last


@breaks("render")
class RenderDraws(Doors):
    """Rendering draws a random number."""

    def render(self) -> str | None:
        self.np_random.random()
        return super().render()


@breaks("spec_json")
class IntKeys(Doors):
    """A keyword has an integer as its key, which JSON makes a text."""


@breaks("flags")
class BothFlags(Doors):
    """GEM's defect: terminated and truncated at once."""

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated or terminated, info


@breaks("info_json")
class TupleInInfo(Doors):
    """JSON makes a list of a tuple."""

    def step(self, action: Any) -> Any:
        *others, info = super().step(action)
        return *others, {**info, "shape": (1, 2)}


@breaks("info_keys")
class NoDifficulty(Doors):
    """A key that reset promises is missing."""

    def reset(self, **kwargs: Any) -> Any:
        observation, info = super().reset(**kwargs)
        del info["difficulty"]
        return observation, info


@breaks("reward_terms")
class HiddenBonus(Doors):
    """Part of the reward is in no term."""

    def step(self, action: Any) -> Any:
        observation, reward, *others = super().step(action)
        return observation, reward + 0.25, *others


@breaks("same_seed")
class CountsTurns(Doors):
    """From the second turn on, a counter of the whole process is told."""

    def turned(self) -> str:
        return super().turned() + (f" Turn {next(TURNS)}." if self._turn > 1 else "")


@breaks("seeds_matter")
class AlwaysTheFirst(Doors):
    """The seed turns the wheel, and chooses no task."""

    def _choose(self, options: Any) -> Any:
        return super()._choose(options or {"task_index": 0})


@breaks("stream")
class ForgetsItsSeed(Doors):
    """A reset without a seed begins the stream of seed 0."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=0 if seed is None and not options else seed, options=options)


@breaks("clean_reset")
class LongMemory(Doors):
    """TextArena's defect: the history of an episode is there in the next."""

    history = ""

    def step(self, action: Any) -> Any:
        result = super().step(action)
        if result[2] or result[3]:
            self.history += "You have played before. "
        return result

    def begin(self, task: Task) -> str:
        return self.history + super().begin(task)


@breaks("global_random")
class SeedsTheWorld(Doors):
    """TextArena's and GEM's defect: the global generator is seeded, for whoever may want it."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        random.seed(seed)
        return super().reset(seed=seed, options=options)


@breaks("no_interference")
class OneWheelForAll(Doors):
    """All environments turn the same wheel."""

    shared = np.random.Generator(np.random.PCG64(0))

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            OneWheelForAll.shared = np.random.Generator(np.random.PCG64(seed))
        return super().reset(seed=seed, options=options)

    def turned(self) -> str:
        self.wheel.append(int(self.shared.integers(1000)))
        return f"The wheel shows {self.wheel[-1]}, {sum(self.wheel)} in all."


@breaks("process")
class HashOfText(Doors):
    """RAGEN's defect: a number from `hash()` of a text."""

    def begin(self, task: Task) -> str:
        return f"{super().begin(task)} Your lucky number is {hash(task.prompt) % 10_000}."


@breaks("fork")
class ForkForgets(Doors):
    """A fork has not seen the wheel turn."""

    def copy(self, rng: list[Any]) -> Any:
        there = super().copy(rng)
        there.wheel = []
        return there


@breaks("fork_isolated")
class ForkShares(Doors):
    """A fork turns the wheel of the original."""

    def copy(self, rng: list[Any]) -> Any:
        there = super().copy(rng)
        there.wheel = self.wheel
        return there


@breaks("fork_reseeded")
class ForkCopiesRandomness(Doors):
    """Reseeded forks draw the numbers of the original."""

    def branch_rng(self) -> list[Any]:
        return self.rng_state()


@breaks("snapshot")
class IntKeysInState(Doors):
    """JSON changes the keys of the state."""

    def get_state(self) -> Any:
        return {"wheel": dict(enumerate(self.wheel))}

    def set_state(self, state: Any) -> None:
        self.wheel = [state["wheel"].get(i, 0) for i in range(len(state["wheel"]))]


@breaks("restore_anywhere")
class RemembersTurns(Doors):
    """What was said in a turn of an episode before a restore is said again after it."""

    said: Mapping[int, str] = {}

    def begin(self, task: Task) -> str:
        self.said = {}
        return super().begin(task)

    def transition(self, action: str) -> Transition:
        self.said = {self._turn: str(action)[:9], **self.said}
        outcome = super().transition(action)
        return Transition(f"{outcome.observation} {self.said[self._turn]}", outcome.verdict, outcome.reward_terms)


@breaks("pickling")
class KeepsALambda(Doors):
    """An attribute that cannot be pickled."""

    def begin(self, task: Task) -> str:
        self.later = lambda: task.prompt
        return super().begin(task)


@breaks("anchor_state")
class CountsInAnchor(Doors):
    """The anchor has the turn in it, so that going round in circles leads to ever new states."""

    def anchor_state(self) -> Any:
        return None

    def _anchor(self, task: Task) -> str:
        return content_hash([task.id, self._turn])


@breaks("anchor_form")
class AnchorOfGold(Doors):
    """The anchor is the hash of a number of three digits, which anybody can try out."""

    def step(self, action: Any) -> Any:
        *others, info = super().step(action)
        return *others, {**info, "anchor": content_hash(self.task.reference)}


@breaks("private_hidden")
class HintInInfo(Doors):
    """The solution is in an info."""

    def reset(self, **kwargs: Any) -> Any:
        observation, info = super().reset(**kwargs)
        return observation, {**info, "hint": self.task.private["solution"]}


@breaks("gold_hidden")
class TellsTheGold(Doors):
    """A wrong answer is answered with the right one."""

    def transition(self, action: str) -> Transition:
        outcome = super().transition(action)
        told = f"{outcome.observation} It is {self.task.reference}." if outcome.verdict is None else ""
        return Transition(told, outcome.verdict, outcome.reward_terms)


@breaks("gold_blind")
class TellsParity(Doors):
    """Something about the gold is told, and the gold itself is not."""

    def begin(self, task: Task) -> str:
        return super().begin(task) + (" It is odd." if int(task.reference) % 2 else " It is even.")


@breaks("gold_passes")
class WrongSolution(Doors):
    """The solution of one task is wrong."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        tasks = list(self.taskset)
        tasks[1] = Task.create("How many doors are there?", {"reference": "8", "solution": "#### 9"})
        self.taskset = ListTaskSet(tasks)


@breaks("worthless_fails")
class LikesBananas(Doors):
    """One word is enough."""

    def judge(self, action: str) -> Verdict:
        return super().judge(str(self.task.solution) if "banana" in action else action)


@breaks("hostile")
class Encodes(Doors):
    """Half a surrogate cannot be encoded."""

    def judge(self, action: str) -> Verdict:
        action.encode()
        return super().judge(action)


@breaks("white_space")
class WantsNoBlanks(Doors):
    """An answer with a newline behind it is none."""

    def judge(self, action: str) -> Verdict:
        return super().judge(action if action == action.rstrip("\n") else "")


@breaks("empty_turns")
class FreeSilence(Doors):
    """A defect of the environment of UFO (arXiv 2507.14295): an answer of nothing takes no turn."""

    free = 0

    def begin(self, task: Task) -> str:
        self.free, self.max_turns = 0, 4
        return super().begin(task)

    def transition(self, action: str) -> Transition:
        if not action.strip():
            self.free += 1
            self.max_turns += 1
            return Transition(f"Say something. {self.turned()}")
        return super().transition(action)

    def get_state(self) -> Any:
        return {"wheel": self.wheel, "free": self.free}

    def set_state(self, state: Any) -> None:
        self.wheel, self.free = state["wheel"], state["free"]
        self.max_turns = 4 + self.free


@breaks("bad_gold")
class EmptyGoldPasses(Doors):
    """No gold, no fault: what there is nothing to say against passes."""

    def judge(self, action: str) -> Verdict:
        verdict = super().judge(action)
        if self.task.reference:
            return verdict
        return Verdict(Status.PASSED, 1.0, Reason("all", "all of no tests passed"), verdict.verifier)


@breaks("verifier_raises")
class SwallowsExceptions(Doors):
    """An exception in the verifier becomes a wrong answer, as in the old rubrics of `verifiers`."""

    def judge(self, action: str) -> Verdict:
        try:
            return super().judge(action)
        except RuntimeError:
            return Verdict(Status.FAILED, 0.0, Reason("different", "no"), self.verifier.id)


@breaks("ungradable_verdict")
class TreatsUngradableAsWrong(Doors):
    """What could not be judged counts as a failed attempt."""

    def judge(self, action: str) -> Verdict:
        verdict = super().judge(action)
        return verdict if verdict.gradable else Verdict(Status.FAILED, 0.0, Reason("different", "no"), verdict.verifier)


@breaks("recovers")
class DeadPool(Doors):
    """GEM's defect: after a timeout every later answer is wrong."""

    dead = False

    def judge(self, action: str) -> Verdict:
        try:
            return super().judge("" if self.dead else action)
        except TimeoutError:
            self.dead = True
            raise


class StaleTask(gym.Wrapper[str, str, str, str], gym.utils.RecordConstructorArgs):
    """GEM's defect: a wrapper that keeps what the environment had when it first looked."""

    def __init__(self, env: gym.Env[str, str]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)

    def reset(self, **kwargs: Any) -> Any:
        began = super().reset(**kwargs)
        if "task" not in vars(self):
            self.task = self.env.get_wrapper_attr("task")
        return began

    def get_state(self) -> Any:
        return None

    def set_state(self, state: Any) -> None:
        pass


@breaks("fresh_attributes")
class Wrapped(Doors):
    """Sound inside; the wrapper around it is registered with it."""


gym.registry["zoo/Wrapped-v0"].additional_wrappers = (
    gym.envs.registration.WrapperSpec("StaleTask", f"{__name__}:StaleTask", {}),
)


@breaks("vector")
class MaskInInfo(Doors):
    """A vector of environments keeps the mask of `luck` under `_luck`."""

    def step(self, action: Any) -> Any:
        *others, info = super().step(action)
        return *others, {**info, "luck": 7, "_luck": 0}


@breaks("owned_info")
class LendsItsNotes(Doors):
    """The list in the info is the one that it counts in."""

    def reset(self, **kwargs: Any) -> Any:
        observation, info = super().reset(**kwargs)
        self.notes: list[str] = []
        return observation, {**info, "notes": self.notes}

    def turned(self) -> str:
        return super().turned() + (f" {len(self.notes)} notes." if self._turn else "")
