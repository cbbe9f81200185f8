"""Checks of company: wrappers around the environment, and many of it side by side."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from rlvr_gym.envs.check.play import begun, difference, stepped
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import Subject
from rlvr_gym.envs.vector import TextVectorEnv

SIDE_BY_SIDE = 3


def fresh_attributes(subject: Subject) -> str | None:
    """No wrapper keeps a copy of what the environment inside changes."""
    env = subject.fresh()
    env.reset(seed=subject.seeds[0])
    layers = _layers(env)
    if not layers:
        raise NotApplicable("needs a wrapper around the environment")
    copies = [(layer, name, value) for layer in layers for name, value in _copies(layer, env.unwrapped)]
    for seed in range(1, 20):
        env.reset(seed=seed)
        for layer, name, value in copies:
            inside, outside = getattr(env.unwrapped, name), vars(layer)[name]
            if repr(outside) == value != repr(inside):
                return f"{type(layer).__name__}.{name} is what it was in the first episode; inside it has changed"
    return None


def vector(subject: Subject) -> str | None:
    """Side by side in a `TextVectorEnv`, each plays what it plays alone."""
    alone = subject.fresh()
    for name in ("observation_space", "action_space"):
        if not isinstance(getattr(alone, name), gym.spaces.Text):
            raise NotApplicable(f"TextVectorEnv needs texts, the {name} is {getattr(alone, name)}")
    seeds = [subject.seeds[i % len(subject.seeds)] for i in range(SIDE_BY_SIDE)]
    envs = TextVectorEnv([subject.fresh] * len(seeds))
    try:
        return _compared(subject, envs, seeds)
    finally:
        envs.close()


def _compared(subject: Subject, envs: TextVectorEnv, seeds: list[int]) -> str | None:
    observations, infos = envs.reset(seed=seeds)
    records = [[begun((text, _own(infos, i)))] for i, text in enumerate(observations)]
    texts, rewards, terminated, truncated, infos = envs.step([subject.script(seed)[0] for seed in seeds])
    for i, record in enumerate(records):
        record.append(stepped((texts[i], rewards[i], terminated[i], truncated[i], _own(infos, i))))
    for turn in range(1, subject.turns):
        going = [i for i, record in enumerate(records) if not (record[-1]["terminated"] or record[-1]["truncated"])]
        results = envs.step_subset({i: subject.script(seeds[i])[turn] for i in going})
        for i, result in results.items():
            records[i].append(stepped(tuple(result)))
    for seed, record in zip(seeds, records, strict=True):
        if found := difference(record, subject.expected(seed)[:-1], f"seed {seed} in a TextVectorEnv, moment"):
            return found
    return None


def _own(infos: dict[str, Any], index: int) -> dict[str, Any]:
    """The info of one environment out of those of all."""
    return {key: values[index] for key, values in infos.items() if f"_{key}" in infos and infos[f"_{key}"][index]}


def _layers(env: gym.Env[Any, Any]) -> list[gym.Wrapper[Any, Any, Any, Any]]:
    layers = []
    while isinstance(env, gym.Wrapper):
        layers.append(env)
        env = env.env
    return layers


def _copies(layer: gym.Wrapper[Any, Any, Any, Any], base: gym.Env[Any, Any]) -> list[tuple[str, str]]:
    """Public attributes that a wrapper has of its own and that are, for now, what they are inside."""
    own = [name for name in vars(layer) if not name.startswith("_") and name != "env" and hasattr(base, name)]
    return [(name, repr(vars(layer)[name])) for name in own if repr(vars(layer)[name]) == repr(getattr(base, name))]


CHECKS = (
    Check(
        "fresh_attributes",
        "What a wrapper shows of the environment inside is what it is there now, not what it was an episode ago.",
        "Let a wrapper look things up (env.get_wrapper_attr(name)) instead of copying them.",
        fresh_attributes,
        ("same_seed",),
    ),
    Check(
        "vector",
        "Side by side in a TextVectorEnv, with threads, each environment plays what it plays alone.",
        "Keep what an episode changes in the environment, not in its thread or its class.",
        vector,
        ("same_seed", "no_interference"),
    ),
)
