"""Episodes as JSON and back, exactly: token ids, log-probabilities and native tool calls among them.

Of an episode everything is written but `tool_seconds`, which are of the clock and no part of whether two are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rlvr_gym.agents.episode import Episode, Turn
from rlvr_gym.agents.policy import Completion
from rlvr_gym.envs.task import copied
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

_OF_EPISODE, _OF_TURN, _OF_COMPLETION = (
    tuple(field.name for field in fields(kind) if field.compare) for kind in (Episode, Turn, Completion)
)
_TUPLES = ("token_ids", "logprobs", "entropies", "prompt_ids", "tool_calls")


def episode_to_json(episode: Episode) -> dict[str, Any]:
    """A JSON object, its own copy throughout.

    Example:
        >>> episode = Episode("t", (Turn(Completion("7", (3,), (-0.1,)), 1.0, "s"),), True, "answered", {})
        >>> import json
        >>> episode_from_json(json.loads(json.dumps(episode_to_json(episode)))) == episode
        True
    """
    turns = [
        {name: _completion(turn.completion) if name == "completion" else getattr(turn, name) for name in _OF_TURN}
        for turn in episode.turns
    ]
    return {name: turns if name == "turns" else copied(getattr(episode, name)) for name in _OF_EPISODE}


def episode_from_json(data: Mapping[str, Any]) -> Episode:
    """The inverse of `episode_to_json`.

    Raises:
        ConfigError: It is not what that gives.
    """
    values = _parts(data, "an episode", _OF_EPISODE)
    turns = []
    for turn in values["turns"]:
        parts = _parts(turn, "a turn", _OF_TURN)
        said = _parts(parts["completion"], "a completion", _OF_COMPLETION)
        for name in _TUPLES:
            said[name] = tuple(said[name])
        turns.append(Turn(**{**parts, "completion": Completion(**said)}))
    return Episode(**{**values, "turns": tuple(turns)})


def _completion(completion: Completion) -> dict[str, Any]:
    return {name: copied(getattr(completion, name)) for name in _OF_COMPLETION}


def _parts(data: Any, what: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, Mapping) or data.keys() != set(names):
        raise ConfigError(f"not {what} as JSON: expected {', '.join(names)}; got {shown(data)}")
    return {name: copied(data[name]) for name in names}
