"""The studies: for each a task, a base, and arms that differ in a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import tasks
from rlvr_gym.agents import recipes
from rlvr_gym.agents.recipes import Recipe
from rlvr_gym.envs.wrappers import Hint

Make = Callable[[], gym.Env[str, str]]


@dataclass(frozen=True)
class Study:
    """One claim.

    Args:
        name: Of the study.
        claim: What is to be seen, in a sentence.
        make: The environment that is trained in and measured in.
        practice: The one whose expert is imitated before.
        alphabet: Characters of the model.
        arms: Name to recipe.
        measured: The metric that is compared.
        config: Settings of `TrainConfig`.
        warm: Settings of `WarmStartConfig`.
        wrap: Arms whose environment is another one.
        configs: Arms whose `TrainConfig` is another one.
    """

    name: str
    claim: str
    make: Make
    practice: Make
    alphabet: str
    arms: dict[str, Recipe]
    measured: str = "eval_pass_rate"
    config: dict[str, Any] = field(default_factory=dict)
    warm: dict[str, Any] = field(default_factory=dict)
    wrap: dict[str, Make] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)


def _grpo(**pieces: Any) -> Recipe:
    return recipes.get("grpo", **{"kl_coef": 0.0, "aggregation": "token_mean", **pieces})


# The stored figures were made when these recipes took one optimiser step a rollout (RAFT++ four passes, ReST without
# thresholds); the arms keep that.
_ONE_STEP: dict[str, dict[str, Any]] = {
    **{name: {"minibatches": 1} for name in ("arpo", "cispo", "dapo", "dr-grpo", "gmpo", "reinforce-rej", "ufo")},
    "cppo": {"updates": 1},
    "raft++": {"minibatches": 1, "updates": 4},
    "rest": {"filter": {"samples": "positive"}},
}
# Not run yet.
_LATER = ("reinforce++-baseline",)


def _as_run(name: str, **pieces: Any) -> Recipe:
    return recipes.get(name, **{**_ONE_STEP.get(name, {}), **pieces})


SHORT = {"rooms": 3, "corridors": 1, "max_turns": 8, "style": "compact"}
CORRIDOR = {"rooms": 8, "corridors": 1, "max_turns": 16, "style": "compact"}
_TO_GO = {"level": "step", "key": "anchor", "discount": 0.95}


FORGET = {"name": "forget", "learning_rate": 0.06}
ALWAYS = {"name": "branch", "probability": 1.0}


def _corridor() -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Corridor-v0", **CORRIDOR)


def _arithmetic(split: str) -> Make:
    return lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=2, style="compact", split=split)


def _tool(split: str) -> Make:
    knobs = {"style": "compact", "steps": 1, "digits": 2, "operators": "+-", "max_turns": 2, "split": split}
    return lambda: gym.make("rlvr_gym:rlvr/ToolMath-v0", **knobs)


STUDIES = {
    study.name: study
    for study in (
        Study(
            "corridor",
            "In a corridor of 8 rooms that pays at the exit alone, anchors give credit to steps: GiGPO over GRPO.",
            _corridor,
            lambda: tasks.Wanderer(**{**CORRIDOR, "corridors": 4}),
            tasks.DIGITS + "bgr|:",
            {
                "grpo": _grpo(),
                "gigpo": recipes.get("gigpo", kl_coef=0.0),
                "steps alone": recipes.get("gigpo", kl_coef=0.0, channels=[_TO_GO]),
                "ppo": recipes.get("ppo", kl_coef=0.0, group_size=8, updates=1),
            },
            config={
                "steps": 60,
                "prompts": 8,
                "max_new_tokens": 2,
                "learning_rate": 5e-4,
                "eval_every": 5,
                "eval_episodes": 128,
            },
            warm={"until": 1.0, "max_steps": 120, "check_every": 120, "check_episodes": 64},
        ),
        Study(
            "password",
            "Four passwords of 5 letters out of 4: what was once found by chance is kept by replay, and hints find it.",
            lambda: tasks.password("abcd", 5, 4, 1),
            lambda: tasks.password("abcd", 5, 4, 1, practice=True),
            tasks.DIGITS + "abcd:\n" + "Hhintereuslofbgg ",
            {"grpo": _grpo(), "arpo-replay": recipes.get("arpo-replay"), "ghpo": recipes.get("ghpo")},
            config={
                "steps": 200,
                "prompts": 16,
                "max_new_tokens": 6,
                "learning_rate": 5e-4,
                "eval_every": 10,
                "eval_episodes": 256,
            },
            warm={"until": 1.0, "max_steps": 150, "check_every": 150, "check_episodes": 64},
        ),
        Study(
            "two_modes",
            "An answer worth 0.6 that a base nearly always gives hides one worth 1: unlearning what was said finds it.",
            tasks.two_modes,
            lambda: tasks.two_modes(practice=True),
            "abcdefghijklmnop?",
            {
                "grpo": _grpo(),
                "eepo": recipes.get(
                    "eepo", aggregation="token_mean", rollout={"name": "forget", "learning_rate": 0.06}
                ),
            },
            config={
                "steps": 150,
                "prompts": 8,
                "max_new_tokens": 2,
                "learning_rate": 5e-4,
                "eval_every": 5,
                "eval_episodes": 256,
            },
            warm={"until": 1.0, "max_steps": 150, "check_every": 150, "check_episodes": 64},
        ),
        Study(
            "entropy",
            "Four of sixteen answers are right: likelihood of what passed narrows to one of them, GRPO less.",
            tasks.many_modes,
            lambda: tasks.many_modes(practice=True),
            "abcdefghijklmnop?",
            {
                "grpo": _grpo(updates=8),
                "clip-higher": _grpo(updates=8, clip_high=0.28),
                "raft++": _as_run("raft++", updates=8, group_size=8),
                "reinforce-rej": _as_run("reinforce-rej", updates=8, group_size=8),
            },
            measured="entropy",
            config={
                "steps": 60,
                "prompts": 4,
                "max_new_tokens": 2,
                "learning_rate": 5e-4,
                "eval_every": 5,
                "eval_episodes": 256,
            },
            warm={"until": 1.0, "max_steps": 100, "check_every": 100, "check_episodes": 64},
        ),
        Study(
            "length",
            "Only the first letter counts: means over each response let wrong ones grow, constant denominators do not.",
            lambda: tasks.ramble(20),
            lambda: tasks.ramble(20, practice=True),
            tasks.DIGITS + "ab:",
            {
                "grpo": _grpo(aggregation="seq_mean_token_mean"),
                "token mean": _grpo(),
                "dr-grpo": _as_run("dr-grpo"),
            },
            measured="response_tokens",
            config={
                "steps": 80,
                "prompts": 16,
                "max_new_tokens": 32,
                "learning_rate": 5e-4,
                "eval_every": 10,
                "eval_episodes": 256,
            },
            warm={"until": 1.0, "max_steps": 200, "check_every": 200, "check_episodes": 64},
        ),
        Study(
            "refill",
            "Sums of two digits at a base of a tenth: refilling groups without a signal gains by the update and costs.",
            _arithmetic("train"),
            _arithmetic("train"),
            tasks.DIGITS + "+=",
            {"grpo": _grpo(clip_high=0.28), "refilled": _as_run("dapo", shaping=None, group_size=8)},
            config={
                "steps": 150,
                "prompts": 16,
                "max_new_tokens": 4,
                "learning_rate": 1e-4,
                "eval_every": 10,
                "eval_episodes": 256,
            },
            warm={"until": 0.1, "max_steps": 1500, "check_every": 25, "check_episodes": 512, "learning_rate": 1e-3},
        ),
        Study(
            "branches",
            "A call of a tool, its result, an answer: 16 leaves, 8 with calls of their own, learn as much as 16 calls.",
            _tool("train"),
            _tool("train"),
            tasks.DIGITS + "+-:?",
            {
                "grpo": _grpo(group_size=16),
                "arpo": _as_run("arpo", rollout=ALWAYS),
                "arpo, hard": _as_run("arpo", rollout=ALWAYS, shared="hard"),
            },
            config={
                "steps": 80,
                "prompts": 8,
                "max_new_tokens": 8,
                "learning_rate": 3e-4,
                "eval_every": 10,
                "eval_episodes": 256,
            },
            warm={"until": 0.2, "max_steps": 1500, "check_every": 10, "check_episodes": 512, "learning_rate": 1e-3},
        ),
        Study(
            "recipes",
            "Each recipe beats its own warm start: one of four letters, by the two digits of the prompt.",
            lambda: tasks.classes(),
            lambda: tasks.classes(practice=True),
            tasks.DIGITS + "abcd:Hint \n",
            {name: _as_run(name) for name in recipes.names() if name not in ("arpo", "tree-grpo", "hrl", *_LATER)},
            config={
                "steps": 150,
                "prompts": 16,
                "max_new_tokens": 2,
                "learning_rate": 3e-4,
                "eval_every": 30,
                "eval_episodes": 256,
            },
            warm={"until": 1.0, "max_steps": 100, "check_every": 100, "check_episodes": 64},
            configs={name: {"prompts": 64} for name in recipes.names() if recipes.get(name).group_size == 1},
        ),
        Study(
            "recipes_of_turns",
            "Recipes that need turns beat their own warm start, in a corridor of 3 rooms.",
            lambda: gym.make("rlvr_gym:rlvr/Corridor-v0", **SHORT),
            lambda: tasks.Wanderer(**{**SHORT, "corridors": 4}),
            tasks.DIGITS + "bgr|:",
            {
                "arpo": _as_run("arpo", rollout={"name": "branch", "initial": 4}),
                "tree-grpo": _as_run("tree-grpo", rollout={"name": "tree", "expansions": 3}),
                **{name: _as_run(name) for name in ("gigpo", "hrl", "ppo")},
            },
            config={
                "steps": 60,
                "prompts": 8,
                "max_new_tokens": 2,
                "learning_rate": 5e-4,
                "eval_every": 10,
                "eval_episodes": 128,
            },
            warm={"until": 1.0, "max_steps": 150, "check_every": 150, "check_episodes": 64},
            configs={"ppo": {"prompts": 64}},
        ),
        Study(
            "roles",
            "A planner and an executor in one policy learn to understand each other: each role against its own steps.",
            tasks.Relay,
            tasks.Relay,
            tasks.DIGITS + "abcd:>?",
            {"grpo": _grpo(), "hrl": recipes.get("hrl")},
            config={
                "steps": 200,
                "prompts": 16,
                "max_new_tokens": 2,
                "learning_rate": 5e-4,
                "eval_every": 10,
                "eval_episodes": 256,
            },
            warm={"until": 1.0, "max_steps": 100, "check_every": 100, "check_episodes": 64},
        ),
    )
}
for _study in ("password", "recipes"):
    STUDIES[_study].wrap["ghpo"] = lambda make=STUDIES[_study].make: Hint(make(), fraction=0.0)
