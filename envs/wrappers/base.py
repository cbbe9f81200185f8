"""`TextWrapper`: what every wrapper of ours has: a spec that can be written down, and a state that can.

Beside it what several of them need: `Place`, where an episode stands for a wrapper that may end it, and functions on
messages in chat format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, SupportsFloat

import gymnasium as gym
from rlvr_gym.envs.action import plain, shown_content
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.spaces import UnicodeText
from rlvr_gym.envs.task import copied
from rlvr_gym.envs.text_env import EpisodeOverError, Info
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

Message = dict[str, Any]
Step = tuple[str, float, bool, bool, Info]
Options = dict[str, Any]

ANY_TEXT = 2**31 - 1  # characters: the space of wrappers that lengthen what they pass on


class TextWrapper(gym.Wrapper[Any, str, str, str], gym.utils.RecordConstructorArgs):
    """A wrapper around an environment of texts.

    A subclass gives its settings to this constructor, so that `env.spec` keeps them and `gym.make(env.spec)` builds
    the same stack again; and where it remembers anything between steps, it overrides `get_state` and `set_state`. What
    it remembers it replaces and never changes in place, since `fork` copies wrappers shallowly.

    Args:
        env: The environment.
        **settings: The subclass's own arguments; JSON values.
    """

    def __init__(self, env: gym.Env[str, str], **settings: Any) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, **settings)
        gym.Wrapper.__init__(self, env)

    def get_state(self) -> Any:
        """What this wrapper remembers of the episode, as JSON."""
        return None

    def set_state(self, state: Any) -> None:
        """Take a state that `get_state` gave; the value belongs to this wrapper from now on.

        Raises:
            SnapshotError: It is no such state.
        """
        if state is not None:
            raise SnapshotError(f"{type(self).__name__} has no state, got {shown(state)}")

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """What a policy outside sees after a restore, of what stands inside; by default the same."""
        return observation, info


@dataclass(frozen=True, slots=True)
class Place:
    """Where an episode stands.

    Args:
        task_id: Of the task.
        turn: Steps taken.
        anchor: Of the moment.
        over: Whether the wrapper that keeps this has seen the end or made it.
        labels: What infos say of the whole episode: where it comes from, and whether there is a hint.

    Example:
        >>> place = Place.of({"task_id": "t", "turn": 0, "anchor": "a", "level": 2})
        >>> place.after({"turn": 1, "anchor": "b"}, over=True)
        Place(task_id='t', turn=1, anchor='b', over=True, labels={'level': 2})
    """

    task_id: str
    turn: int
    anchor: str
    over: bool = False
    labels: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, info: Info) -> Self:
        """The place of an episode that begins or goes on with this info."""
        task_id: str = info.get("task_id", "")
        return cls(task_id, info.get("turn", 0), info.get("anchor", task_id), False, _labels(info))

    def after(self, info: Info, *, over: bool) -> Self:
        """The place after a step with this info."""
        turn, anchor = info.get("turn", self.turn + 1), info.get("anchor", self.anchor)
        return replace(self, turn=turn, anchor=anchor, over=over, labels={**self.labels, **_labels(info)})

    def end(self, action: str, stop_reason: str, **more: Any) -> Info:
        """The info of a step that ends the episode here, without the environment inside.

        Args:
            action: The response.
            stop_reason: Why it ends.
            **more: What else the info says.
        """
        return {
            "task_id": self.task_id,
            "turn": self.turn + 1,
            "anchor": self.anchor,
            "messages": [{"role": "assistant", "content": str(action)}],
            "reward_terms": {},
            "stop_reason": stop_reason,
            **self.labels,
            **more,
        }

    def to_state(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in _PLACE}


_PLACE = ("task_id", "turn", "anchor", "over", "labels")


def _labels(info: Info) -> Info:
    return {name: info[name] for name in ("source", "level", "hint", "attempt") if name in info}


def opened(place: Place | None, action: Any) -> tuple[Place, str]:
    """The place and the action as a plain text, where a step may be taken.

    Raises:
        EpisodeOverError: The episode is over or was never begun.
        TypeError: The action is not a string.
    """
    if place is None or place.over:
        raise EpisodeOverError("the episode is over or was never begun: call reset() before step()")
    if not isinstance(action, str):
        raise TypeError(f"an action is a str, got {type(action).__name__}: {shown(action)}")
    return place, plain(action)


def parts_of(wrapper: TextWrapper, state: Any, *names: str) -> Sequence[Any]:
    """The values of a wrapper's state by name.

    Raises:
        SnapshotError: It is no such state.
    """
    if not isinstance(state, Mapping) or state.keys() != set(names):
        raise SnapshotError(f"not a state of {type(wrapper).__name__}: expected {', '.join(names)}, got {shown(state)}")
    return [state[name] for name in names]


def place_from(wrapper: TextWrapper, state: Any) -> Place | None:
    """The inverse of `Place.to_state`; None stays None.

    Raises:
        SnapshotError: It is no such state.
    """
    return None if state is None else Place(*parts_of(wrapper, state, *_PLACE))


def state_of(place: Place | None) -> dict[str, Any] | None:
    """`Place.to_state`, where there is a place."""
    return None if place is None else place.to_state()


def beginning(observation: str, info: Info) -> list[Message]:
    """The messages of a reset; a copy. Without any in the info, the observation is the only one.

    Example:
        >>> beginning("What is 2 + 2?", {})
        [{'role': 'user', 'content': 'What is 2 + 2?'}]
    """
    messages: list[Message] = copied(info.get("messages", [{"role": "user", "content": observation}]))
    return messages


def exchange(action: str, observation: str, info: Info) -> list[Message]:
    """The messages of a step; a copy. The policy's own is the action, whatever the environment inside was given.

    Example:
        >>> exchange("4", "Right.", {})
        [{'role': 'assistant', 'content': '4'}, {'role': 'user', 'content': 'Right.'}]
    """
    said = {"role": "assistant", "content": str(action)}
    if "messages" in info:
        inside: list[Message] = copied(info["messages"])
        own = next((message for message in inside if message["role"] == "assistant"), said)
        return [{**own, **said}, *(message for message in inside if message["role"] != "assistant")]
    return [said, {"role": "user", "content": observation}] if observation else [said]


def terms_of(reward: SupportsFloat, info: Info) -> dict[str, float]:
    """The terms of a reward; where the environment names none, the reward is the only one."""
    return dict(info.get("reward_terms", {"reward": float(reward)}))


def added(terms: Mapping[str, float], info: Info, name: str, value: float) -> dict[str, float]:
    """Terms with one more, that of a wrapper; it is `wrapper/<name>` where the verdict was paid by one of this name.

    Example:
        >>> added({"format": 1.0}, {"verdict_terms": ["format"]}, "format", 0.5)
        {'format': 1.0, 'wrapper/format': 0.5}
    """
    return {**terms, f"wrapper/{name}" if name in info.get("verdict_terms", ()) else name: value}


def transcript(messages: Iterable[Mapping[str, Any]]) -> str:
    """Messages as `TextEnv.render` writes them."""
    return "\n".join(f"[{message['role']}] {shown_content(message)}" for message in messages)


def asked(messages: Sequence[Mapping[str, Any]]) -> str:
    """What is to be answered: the last message where it is not the policy's own, else nothing."""
    return str(messages[-1]["content"]) if messages and messages[-1]["role"] != "assistant" else ""


def turns_allowed(env: gym.Env[Any, Any]) -> int | None:
    """The most turns that an episode can have, by the attribute `max_turns` of the outermost that has one.

    A `TextEnv` has one, and so have wrappers that change it. None: nobody says.

    Example:
        >>> turns_allowed(gym.make("rlvr_gym:rlvr/Mastermind-v0", max_turns=6))
        6
    """
    found = env.get_wrapper_attr("max_turns") if env.has_wrapper_attr("max_turns") else None
    return found if isinstance(found, int) else None


def any_text(wrapper: TextWrapper) -> None:
    """Give a wrapper that lengthens what it passes on the space of all texts."""
    wrapper.observation_space = UnicodeText(ANY_TEXT)


def check_number(name: str, value: Any, low: float, high: float) -> float:
    """Refuse what is not a number in [low, high].

    Raises:
        ConfigError: With the name, the value and the range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)
