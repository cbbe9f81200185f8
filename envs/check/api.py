"""Checks of the interface: Gymnasium's contract, what `step` refuses, rendering, the spec."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import PassiveEnvChecker
from rlvr_gym.envs.check.play import after, begun, difference, future, play, stepped
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import UNSURE, Subject, made
from rlvr_gym.verifiers.errors import shown

NO_ACTIONS: tuple[Any, ...] = (None, 7, b"#### 7", ["#### 7"])
MOST_TURNS = 64  # of an episode that is played to its end


def gymnasium_api(subject: Subject) -> str | None:
    """Gymnasium's checker on the base environment, and its passive one around all wrappers."""
    seed = subject.seeds[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of is a matter of taste; what is wrong it raises
        check_env(subject.fresh().unwrapped)
        watched = PassiveEnvChecker(subject.fresh())
        observations = [watched.reset(seed=seed)[0]]
        for action in subject.script(seed):
            observation, _, terminated, truncated, _ = watched.step(action)
            observations.append(observation)
            if terminated or truncated:
                break
    outside = [observation for observation in observations if observation not in watched.observation_space]
    return f"{shown(outside[0])} is not in {watched.observation_space}" if outside else None


def action_types(subject: Subject) -> str | None:
    """No text, no action; and the episode goes on as if nothing had happened."""
    seed = subject.seeds[0]
    env = subject.fresh()
    env.reset(seed=seed)
    for action in NO_ACTIONS:
        if not _raises(TypeError, partial(env.step, action)):
            return f"step({action!r}) was taken"
    seen = future(env, subject.script(seed))
    return difference(seen, subject.expected(seed)[1:], "after the refused actions, moment")


def closed_episode(subject: Subject) -> str | None:
    """No step before the first reset and none after the end."""
    seed = subject.seeds[0]
    env = subject.fresh()
    if not _raises(ResetNeeded, partial(env.step, UNSURE)):
        return "step() before the first reset() was taken"
    env.reset(seed=seed)
    for _ in range(MOST_TURNS):
        _, _, terminated, truncated, _ = env.step(UNSURE)
        if terminated or truncated:
            break
    else:
        raise NotApplicable(f"needs an episode that ends: {MOST_TURNS} steps did not end one")
    if not _raises(ResetNeeded, partial(env.step, UNSURE)):
        return "step() after the end of the episode was taken"
    return difference(play(env, seed, subject.script(seed)), subject.expected(seed), "the episode after it, moment")


def render(subject: Subject) -> str | None:
    """Render modes are declared; rendering gives a text and changes nothing."""
    modes = subject.fresh().metadata.get("render_modes")
    if not isinstance(modes, list | tuple) or not all(isinstance(mode, str) for mode in modes):
        return f"metadata['render_modes'] is {shown(modes)}"
    env = subject.fresh()
    if env.render_mode != "ansi":
        raise NotApplicable(f'needs the render mode "ansi", not {env.render_mode!r}')
    seed = subject.seeds[0]
    record = [begun(env.reset(seed=seed))]
    for action in subject.script(seed):
        once, twice = env.render(), env.render()
        if not isinstance(once, str) or once != twice:
            return f"render() gave {shown(once)} and then {shown(twice)}"
        record.append(stepped(env.step(action)))
        if record[-1]["terminated"] or record[-1]["truncated"]:
            break
    record.append(after(env))
    return difference(record, subject.expected(seed), "rendered between all steps, moment")


def spec_json(subject: Subject) -> str | None:
    """What the spec builds after a trip through JSON is the same environment."""
    if subject.spec is None:
        raise NotApplicable("needs an environment with a spec: make it with gym.make, or give an id")
    spec = EnvSpec.from_json(subject.spec.to_json())
    seed = subject.seeds[0]
    env = made(spec, subject.render_mode)
    found = difference(play(env, seed, subject.script(seed)), subject.expected(seed), "made from JSON, moment")
    env.close()
    return found


def _raises(kind: type[Exception], call: Callable[[], Any]) -> bool:
    try:
        call()
    except kind:
        return True
    return False


CHECKS = (
    Check(
        "gymnasium_api",
        "Gymnasium's own check_env accepts the environment, and every observation lies in the observation space.",
        "Correct what Gymnasium names; its page is https://gymnasium.farama.org/api/env/.",
        gymnasium_api,
    ),
    Check(
        "action_types",
        "An action that is no text is a TypeError, and the episode goes on as if it had not been given.",
        "Check the type of the action before anything else in step().",
        action_types,
        ("same_seed",),
    ),
    Check(
        "closed_episode",
        "step() before reset() and after the end of an episode raises gymnasium.error.ResetNeeded.",
        "Keep whether the episode is over, and raise EpisodeOverError (a ResetNeeded) in step().",
        closed_episode,
        ("clean_reset",),
    ),
    Check(
        "render",
        "metadata['render_modes'] is declared; render() gives the same text twice and changes nothing.",
        "Make render() a pure function of the transcript, without a draw from np_random.",
        render,
        ("same_seed",),
    ),
    Check(
        "spec_json",
        "EnvSpec.from_json(env.spec.to_json()) makes an environment that plays the same episodes.",
        "Take JSON values alone as keywords (no sets, no int keys), and call RecordConstructorArgs in every wrapper.",
        spec_json,
        ("same_seed",),
    ),
)
