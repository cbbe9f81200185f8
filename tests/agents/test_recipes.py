"""Recipes: every piece is said, every one trains, and a step-level one credits the step that mattered."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import TrainConfig, Trainer, build_preset, recipes  # noqa: E402
from rlvr_gym.agents.losses import policy_loss  # noqa: E402
from rlvr_gym.agents.recipes import Channel, Recipe  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_prints_all_its_pieces_and_is_json(name: str) -> None:
    recipe = recipes.get(name)
    assert recipe.name == name
    printed = str(recipe)
    assert all(key in printed for key in asdict(recipe) if key != "channels")
    assert printed.count("channel ") == len(recipe.channels)
    assert Recipe(**json.loads(json.dumps(asdict(recipe)))) == recipe


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ({"channels": []}, "a list of at least one"),
        ({"channels": [7]}, "a channel is its settings"),
        ({"channels": [{"levl": "step"}]}, "a channel has no 'levl'; did you mean 'level'"),
        ({"channels": [{"key": "anchor"}]}, "choose level='step'"),
        ({"ratio": "word"}, "ratio must be one of token"),
        ({"region": "ball"}, "region must be one of clip"),
        ({"kl_estimator": "k9"}, "kl_estimator must be one of k1"),
        ({"dual_clip": 0.5}, "dual_clip must be above 1"),
        ({"clip_low": True}, "clip_low must be a number"),
    ],
)
def test_pieces_that_are_refused(pieces: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        recipes.get("grpo", **pieces)


@pytest.mark.parametrize("name", [*recipes.names(), "weight", "none", "dual"])
def test_each_recipe_raises_what_is_rewarded(name: str, tmp_path: Path) -> None:
    """Three steps on one-digit sums: the parameters move, and every number is finite."""
    settings: dict[str, Any] = {
        "weight": {"region": "weight"},
        "none": {"region": "none"},
        "dual": {"dual_clip": 3.0, "updates": 2},
    }.get(name, {})
    recipe = recipes.get(name if name in recipes.names() else "grpo", group_size=8, **settings)

    def make_env() -> gym.Env[str, str]:
        return gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact", reward="dense")

    start = build_preset("nano", alphabet="0123456789+=")
    before = [parameter.clone() for parameter in start.model.parameters()]
    config = TrainConfig(steps=3, prompts=8, max_new_tokens=1, learning_rate=1e-3)
    seen: list[dict[str, float]] = []
    run = Trainer(make_env, start, recipe, config, tmp_path)
    run.run(seen.append)
    assert any(row["grad_norm"] > 0 for row in seen)
    assert all(torch.isfinite(torch.tensor(value)) for row in seen for value in row.values())
    assert any(not torch.equal(a, b) for a, b in zip(before, run.lm.model.parameters(), strict=True))


def test_the_loss_of_a_recipe_is_that_of_its_pieces() -> None:
    """Ratios 1.3 and 0.9, advantage 1, by hand: GRPO min(1.3, 1.2); GSPO and GMPO the mean log ratio."""
    new, old = torch.tensor([[1.3, 0.9]]).log(), torch.zeros(1, 2)
    given = (new, old, torch.ones(1, 2), torch.ones(1, 2, dtype=torch.bool))
    mean = (1.3 * 0.9) ** 0.5
    expected = {
        "grpo": [-1.2, -0.9],
        "dr-grpo": [-1.2, -0.9],
        "gigpo": [-1.2, -0.9],
        "gspo": [-1.0004, -1.0004],
        "gmpo": [-mean, -mean],
    }
    assert set(expected) == set(recipes.names())
    for name, values in expected.items():
        assert policy_loss(recipes.get(name), *given).loss_BT[0].tolist() == pytest.approx(values, abs=1e-5)


def test_gigpo_and_grpo_with_an_anchor_channel_are_one_algorithm() -> None:
    made = recipes.get(
        "grpo",
        channels=[{}, {"level": "step", "key": "anchor", "discount": 0.95}],
        aggregation="token_mean",
        kl_coef=0.01,
    )
    assert asdict(made) | {"name": "gigpo"} == asdict(recipes.get("gigpo"))
    assert made.channels[1] == Channel("step", "anchor", discount=0.95)
