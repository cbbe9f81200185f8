"""`NoveltyBonus`: something for what was not seen before, as the trainer remembers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import content_hash
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, Step, TextWrapper, added, check_number, parts_of, terms_of
from rlvr_gym.reward_shaping.novelty import memory_from
from rlvr_gym.verifiers import UnknownNameError


def _anchor(action: str, info: Info) -> str:
    return str(info.get("anchor", ""))


def _answer(action: str, info: Info) -> str:
    answer = "".join(((info.get("verdict") or {}).get("extracted") or "").split())
    return f"{info.get('task_id', '')} {answer}" if answer else ""


def _words(action: str, info: Info) -> str:
    return " ".join(action.lower().split())


NOVELTY_KEYS: dict[str, Callable[[str, Info], str]] = {"anchor": _anchor, "answer": _answer, "words": _words}
"""What can be new, by name: where one is, the answer that was judged, or the words of the response."""


class NoveltyBonus(TextWrapper):
    """What is new earns `weight * surprise`, as the term `novelty`: counts or RND-lite, at most `cap` an episode.

    The memory is a value that only your own loop replaces (`set_memory`, from the next reset on), so that every worker
    has the same and the same seed gives the same reward; let it learn `NOVELTY_KEYS[of](action, info)` of every step.
    `Trainer` and `rlvr train` never replace it: there, what is new is new within the episode, and the reward that
    learns from step to step is the term `novelty`.
    One key is paid once an episode, a step that passed and an ungradable one not at all (only wrong responses explore:
    arXiv 2505.17621). The hacks: random text is always new, and many turns collect more than an answer is worth. Hence
    the cap, to be kept below what a pass adds, and keys of what a response does.

    Args:
        env: The environment.
        of: What can be new: `"anchor"`, `"answer"`, `"words"`, or another name in `NOVELTY_KEYS`.
        memory: To begin with, as JSON: `{"kind": "counts"}` or `{"kind": "rnd"}` with their settings; see
            `rlvr_gym.reward_shaping.novelty`.
        weight: In [0, 1].
        cap: The most that an episode earns, in [0, 1].

    Raises:
        ConfigError: A setting is refused.
        UnknownNameError: There is no such key.

    Example:
        >>> env = NoveltyBonus(gym.make("rlvr_gym:rlvr/Mastermind-v0"), weight=0.02)
        >>> _ = env.reset(seed=0)
        >>> [env.step("<answer>1122</answer>")[1] for _ in range(2)]  # the second time it is not new
        [0.02, 0.0]
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        of: str = "anchor",
        memory: Mapping[str, Any] | None = None,
        weight: float = 0.01,
        cap: float = 0.1,
    ) -> None:
        super().__init__(env, of=of, memory=memory, weight=weight, cap=cap)
        if of not in NOVELTY_KEYS:
            raise UnknownNameError("kind of novelty", str(of), NOVELTY_KEYS)
        self._of = of  # by name, so that the wrapper can be pickled
        self._weight = check_number("weight", weight, 0.0, 1.0)
        self._cap = check_number("cap", cap, 0.0, 1.0)
        self._memory = self._told = memory_from({"kind": "counts"} if memory is None else memory)
        self._digest = content_hash(self._memory.to_dict())
        self._paid = 0.0
        self._seen: tuple[str, ...] = ()

    def set_memory(self, memory: Mapping[str, Any]) -> str:
        """Take a memory, for the episodes from the next reset on.

        Args:
            memory: `Memory.to_dict`.

        Returns:
            Its hash, by which the sender sees that it arrived.

        Raises:
            ConfigError: It is no memory.
        """
        self._told = memory_from(memory)
        return content_hash(self._told.to_dict())

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        observation, info = self.env.reset(seed=seed, options=options)
        if self._told is not self._memory:
            self._memory, self._digest = self._told, content_hash(self._told.to_dict())
        self._paid, self._seen = 0.0, ()
        return observation, info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        key = NOVELTY_KEYS[self._of](str(action), info)
        if not key or info.get("stop_reason") == "ungradable":
            return observation, float(reward), terminated, truncated, info
        bonus = 0.0
        if key not in self._seen and not info.get("passed", False):
            bonus = min(self._weight * self._memory.surprise(key), self._cap - self._paid)
        self._paid, self._seen = self._paid + bonus, (*self._seen, key)
        terms = added(terms_of(reward, info), info, "novelty", bonus)
        return observation, float(sum(terms.values())), terminated, truncated, {**info, "reward_terms": terms}

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`. The memory stands in it as a hash."""
        return {"memory": self._digest, "paid": self._paid, "seen": list(self._seen)}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        memory, paid, seen = parts_of(self, state, "memory", "paid", "seen")
        if memory != self._digest:
            raise SnapshotError("the episode was played under another memory of what is new: give it with set_memory")
        self._paid, self._seen = paid, tuple(seen)
