"""`MixtureEnv` (`rlvr/Mixture-v0`): every episode comes from one of several environments, drawn by weight."""

from __future__ import annotations

import bisect
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium.envs.registration import EnvSpec
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, check_number
from rlvr_gym.envs.wrappers.many import ManyEnvs, spec_of
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

_KEYS = ("id", "settings", "spec", "weight", "name")
_OF_ONE_SOURCE = ("task", "task_id", "task_index")


class MixtureEnv(ManyEnvs):
    """Each reset draws an environment by weight; the same seed gives the same environment and the same task.

    `info["source"]` names it at every step. The option `source` of `reset` chooses one; the options `task`, `task_id`
    and `task_index` need it beside them, and are its own.

    Args:
        envs: What to draw from: `{"id", "settings", "weight", "name"}`, of which only the id must be given; or
            `{"spec": env.spec.to_json(), ...}` for an environment with wrappers of its own. Weights need not add up to
            1. The name is by default the id; of equal ones the second is `id#2`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: There is nothing to draw from, or an entry is refused.

    Example:
        >>> env = MixtureEnv(envs=[{"id": "rlvr/Arithmetic-v0", "weight": 3}, {"id": "rlvr/Countdown-v0"}])
        >>> [env.reset(seed=seed)[1]["source"] for seed in range(4)]
        ['rlvr/Arithmetic-v0', 'rlvr/Arithmetic-v0', 'rlvr/Arithmetic-v0', 'rlvr/Arithmetic-v0']
        >>> env.reset(options={"source": "rlvr/Countdown-v0", "task_index": 0})[1]["source"]
        'rlvr/Countdown-v0'
    """

    def __init__(self, *, envs: Sequence[Mapping[str, Any]], render_mode: str | None = None) -> None:
        if not isinstance(envs, list | tuple) or not envs:
            raise ConfigError(f'envs must be a list of entries such as {{"id": "rlvr/...", "weight": 1}}, got {envs!r}')
        specs = [_spec(entry) for entry in envs]
        self._names = _names(envs, specs)
        weights = [check_number("weight", entry.get("weight", 1.0), 0.0, 1e9) for entry in envs]
        if not math.fsum(weights):
            raise ConfigError("the weights of a mixture are all 0: at least one must be larger")
        self._bounds = list(itertools.accumulate(weights))
        super().__init__(specs, render_mode)

    def choose(self, options: Options) -> int:
        """See `ManyEnvs.choose`."""
        if "source" in options:
            name = options.pop("source")
            if name not in self._names:
                raise ConfigError(f"this mixture has no source {shown(name)}{suggestion(str(name), self._names)}")
            return self._names.index(name)
        if len(self._names) > 1 and (own := [key for key in _OF_ONE_SOURCE if key in options]):
            names = ", ".join(self._names)
            raise ConfigError(f"option {own[0]!r} is of one environment: give 'source' beside it, one of {names}")
        # Weights are at most 1e9 each, so the product is below the last bound; an entry of weight 0 has no width.
        return bisect.bisect_right(self._bounds, self.np_random.random() * self._bounds[-1])

    def told(self, index: int) -> Info:
        """See `ManyEnvs.told`."""
        return {"source": self._names[index]}


def _spec(entry: Any) -> EnvSpec:
    if not isinstance(entry, Mapping):
        raise ConfigError(f'an entry of a mixture is a dict such as {{"id": "rlvr/...", "weight": 1}}, got {entry!r}')
    for key in entry:
        if key not in _KEYS:
            raise ConfigError(f"an entry of a mixture has no {shown(key)}{suggestion(str(key), _KEYS)}")
    if ("id" in entry) == ("spec" in entry):
        raise ConfigError(f"an entry of a mixture has either an id or a spec, got {shown(dict(entry))}")
    if "id" in entry:
        return spec_of(entry["id"], entry.get("settings", {}))
    if "settings" in entry:
        raise ConfigError("the settings of an entry with a spec are in the spec")
    text = entry["spec"] if isinstance(entry["spec"], str) else json.dumps(entry["spec"])
    try:
        return EnvSpec.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"a spec is what env.spec.to_json() gives, got {shown(entry['spec'])}: {error}") from error


def _names(envs: Sequence[Mapping[str, Any]], specs: Sequence[EnvSpec]) -> list[str]:
    names: list[str] = []
    for entry, spec in zip(envs, specs, strict=True):
        name = entry.get("name", spec.id)
        if not isinstance(name, str) or ("name" in entry and name in names):
            raise ConfigError(f"names of a mixture are different texts, got {shown(name)} after {names}")
        count = sum(one.partition("#")[0] == name for one in names)
        names.append(f"{name}#{count + 1}" if count else name)
    return names
