"""Recipes: every piece is said, every one trains, and a step-level one credits the step that mattered."""

from __future__ import annotations

import doctest
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import TrainConfig, Trainer, build_preset, recipes  # noqa: E402
from rlvr_gym.agents.losses import policy_loss  # noqa: E402
from rlvr_gym.agents.recipes import Channel, Recipe  # noqa: E402
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition  # noqa: E402
from rlvr_gym.envs.wrappers import Hint  # noqa: E402
from rlvr_gym.verifiers import ConfigError, Status, Verdict, Verifier  # noqa: E402
from rlvr_gym.verifiers.verdict import Reason  # noqa: E402


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_prints_all_its_pieces_and_is_json(name: str) -> None:
    recipe = recipes.get(name)
    assert recipe.name == name
    printed = str(recipe)
    assert all(key in printed for key in recipe.to_dict())
    assert printed.count("level=") == len(recipe.channels)
    assert Recipe.of(json.loads(json.dumps(recipe.to_dict()))) == recipe


DUAL, SHAPED_RATIO = {"dual_clip": 3.0}, {"ratio": "sequence"}
UNREAD: dict[str, list[dict[str, Any]]] = {
    "clip": [{"beta": 9.0}, {"penalty_target": 5.0}],
    "geometric": [DUAL, SHAPED_RATIO, {"clip_low": 0.9}],
    "weight": [DUAL, SHAPED_RATIO],
    "penalty": [DUAL, {"clip_high": 0.28}],
    "none": [DUAL, SHAPED_RATIO, {"clip_high": 0.5}],
    "gvpo": [DUAL, SHAPED_RATIO, {"entropy_coef": 0.5}, {"whiten": True}, {"aggregation": "token_sum"}],
    "qrpo": [{"correction": {"mode": "mask"}}, {"shared": "hard", "rollout": {"name": "tree"}}],
}


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ({"channels": []}, "a list of at least one"),
        ({"channels": [7]}, "a channel is its settings"),
        ({"channels": [{"levl": "step"}]}, "a channel has no 'levl'; did you mean 'level'"),
        ({"channels": [{"key": "anchor"}]}, "choose level='step'"),
        ({"channels": [{"similarity": 0.9}]}, "below 1 only with key='anchor'; got 0.9 with key='group'"),
        ({"channels": [{"level": "step", "key": "anchor", "similarity": 0}]}, "similarity must be above 0"),
        ({"channels": [{"level": "step", "key": "anchor", "similarity": 95}]}, r"similarity must lie in \[0, 1\]"),
        ({"filter": {"finished": 1}}, "finished must be true or false"),
        ({"ratio": "word"}, "ratio must be one of token"),
        ({"region": "ball"}, "region must be one of clip"),
        ({"kl_estimator": "k9"}, "kl_estimator must be one of k1"),
        ({"dual_clip": 0.5}, "dual_clip must be above 1"),
        ({"clip_low": True}, "clip_low must be a number"),
        ({"kl_target": 0.0}, "kl_target must be above 0"),
        ({"kl_place": "prompt"}, "kl_place must be one of loss, reward"),
        ({"critic": {}}, "need each other"),
        ({"channels": [{"level": "token", "baseline": "value", "scale": "none"}]}, "need each other"),
        ({"channels": [{"level": "token"}]}, "tokens have a baseline of none, greedy or value"),
        ({"channels": [{"baseline": "value"}]}, "choose level='token'"),
        ({"filter": {"groups": "some"}}, "groups must be one of all, varied"),
        ({"filter": {"refill": 3}}, "refill needs groups='varied' or 'band'"),
        ({"filter": {"low": 0.5, "high": 0.2}}, "low must not be above high"),
        ({"shaping": {"given": {}, "signed": {}}}, "a reward is a name or {name: {setting: value}}"),
        ({"shaping": []}, "a reward is a name or {name: {setting: value}}"),
        ({"shaping": "signed"}, "does not read what the episode was paid: name 'given'"),
        ({"shaping": {"sum": {"of": ["given", "dense"]}}}, "more of a verdict than whether it passed"),
        ({"shaping": {"gate": {"on": "answered", "then": "given"}}}, "more of a verdict than whether it passed"),
        ({"correction": {"high": 0.5}}, "expected low <= 1 <= high"),
        ({"correction": 3}, "a correction is its settings"),
        ({"whiten": 1}, "whiten must be true or false"),
        ({"region": "gvpo", "beta": 0}, "beta must be above 0 for gvpo"),
        ({"minibatches": 0}, "minibatches must be at least 1"),
        *(
            (
                {"region": region, "kl_coef": 0.0, **piece},
                f"{next(iter(piece))}=.* would not be read with region={region!r}",
            )
            for region, pieces in UNREAD.items()
            for piece in pieces
        ),
        ({"region": "gvpo", "kl_coef": 0.1}, "kl_coef=0.1 would not be read with region='gvpo': leave it at 0.0"),
        ({"region": "gvpo", "kl_coef": 0.0, "channels": [{"weight": 2.0}]}, "reads no channels"),
        ({"region": "qrpo", "kl_coef": 0.0, "filter": {"samples": "positive", "dilute": True}}, "no filter.dilute"),
        ({"kl_coef": 0.0, "kl_target": 0.1}, "set kl_coef above 0"),
        ({"filter": {"share": 0.1}}, "share=0.1 would not be read with groups='all'"),
        ({"filter": {"groups": "varied", "high": 0.5}}, "high=0.5 would not be read with groups='varied'"),
        ({"filter": {"metric": "reward"}}, "metric='reward' would not be read with groups='all'"),
        ({"filter": {"keep": 0.1}}, "keep=0.1 would not be read with samples='all'"),
        ({"filter": {"samples": "positive", "keep": 0.1}}, "keep=0.1 would not be read with samples='positive'"),
        ({"filter": {"samples": "advantage", "keep": 0.0}}, "keep must be above 0"),
        ({"filter": {"groups": "spread", "share": 0.0}}, "share must be above 0"),
        ({"filter": {"dilute": True}}, "dilute would not be read"),
        ({"filter": {"above": [0.5]}}, "would not be read with samples='all'"),
        ({"filter": {"samples": "positive", "above": [0.5, 0.1]}}, "above must not fall"),
        ({"filter": {"samples": "positive", "above": []}}, "above must be a list of numbers"),
        ({"filter": {"samples": "positive", "above": "0.5"}}, "above must be a list of numbers"),
        (
            {"channels": [{"baseline": "greedy", "scale": "none"}]},
            "rollout='chain' plays none: set rollout to 'greedy'",
        ),
        (
            {
                "channels": [{"level": "token", "baseline": "none", "scale": "none"}],
                "shared": "hard",
                "rollout": {"name": "tree"},
            },
            "there is none",
        ),
        ({"shared": "hard"}, "rollout='chain' grows no tree"),
        ({"updates": 1.5}, "updates must be an integer"),
    ],
)
def test_pieces_that_are_refused(pieces: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        recipes.get("grpo", **pieces)


class Odd(Verifier):
    """Passes a response whose last character has an odd code: about half of what an untrained model says."""

    name, version = "odd", 1

    def parse_reference(self, reference: Any) -> Any:
        return reference

    def judge(self, response: str, gold: Any, context: Any) -> Verdict:
        right = bool(response) and ord(response[-1]) % 2 == 1
        return Verdict(Status.PASSED if right else Status.FAILED, float(right), Reason("odd", "or not"), self.id)


class Coin(TextEnv):
    """Three turns, of which the last is judged."""

    def __init__(self) -> None:
        tasks = [Task.create(f"{n}+", {"reference": n, "solution": "1 + 2 = 3"}) for n in range(9)]
        super().__init__(ListTaskSet(tasks), Odd(), max_turns=3)

    def transition(self, action: str) -> Transition:
        if self._turn < self.max_turns:
            return Transition("+")
        return Transition(verdict=self.verifier.verify(action, self.task.reference))


ALIKE = {"channels": [{}, {"level": "step", "key": "anchor", "discount": 0.95, "similarity": 0.9}]}


@pytest.mark.parametrize("name", [*recipes.names(), "dual", "hard", "alike"])
def test_each_recipe_moves_the_model_by_finite_numbers(name: str, tmp_path: Path) -> None:
    more: dict[str, Any] = {"dual": {"dual_clip": 3.0, "updates": 2}, "hard": {"shared": "hard"}, "alike": ALIKE}
    known = recipes.get({"dual": "grpo", "hard": "arpo", "alike": "gigpo"}.get(name, name), **more.get(name, {}))
    recipe = replace(known, group_size={"branch": 16, "tree": 6}.get(known.rollout.name, 8))
    start = build_preset("nano", alphabet="0123456789+=\n")
    before = [parameter.clone() for parameter in start.model.parameters()]
    config = TrainConfig(steps=2, prompts=4, max_new_tokens=2, learning_rate=1e-3, warmup_steps=1)
    seen: list[dict[str, float]] = []
    run = Trainer((lambda: Hint(Coin())) if name == "ghpo" else Coin, start, recipe, config, tmp_path)
    run.run(seen.append)
    assert any(row["grad_norm"] > 0 for row in seen)
    assert all(math.isfinite(value) for row in seen for value in row.values())
    assert any(not torch.equal(a, b) for a, b in zip(before, run.lm.model.parameters(), strict=True))


def test_the_loss_of_a_recipe_is_that_of_its_pieces() -> None:
    """Ratios 1.3 and 0.9, advantage 1, by hand: GRPO min(1.3, 1.2); GSPO and GMPO the mean log ratio."""
    new, old = torch.tensor([[1.3, 0.9]]).log(), torch.zeros(1, 2)
    given = (new, old, torch.ones(1, 2), torch.ones(1, 2, dtype=torch.bool))
    mean = (1.3 * 0.9) ** 0.5
    expected = {
        "dapo": [-1.28, -0.9],
        "arpo-replay": [-1.3, -0.9],
        "gspo": [-1.0004, -1.0004],
        "gmpo": [-mean, -mean],
        "rloo": [-1.17, -1.17],
        "cispo": [-1.3 * math.log(1.3), -0.9 * math.log(0.9)],
        "reinforce": [-math.log(1.3), -math.log(0.9)],
        "ppo-penalty": [-1.3, -0.9],
    }
    symmetric = ("grpo", "dr-grpo", "gigpo", "cppo", "ppo", "raft++", "tree-grpo", "hrl", "spo", "reinforce++")
    for name, values in {**expected, **{key: [-1.2, -0.9] for key in symmetric}}.items():
        assert policy_loss(recipes.get(name), *given).loss_BT[0].tolist() == pytest.approx(values, abs=1e-5)


def test_gigpo_and_grpo_with_an_anchor_channel_are_one_algorithm() -> None:
    made = recipes.get(
        "grpo",
        channels=[{}, {"level": "step", "key": "anchor", "discount": 0.95}],
        aggregation="token_mean",
        kl_coef=0.01,
    )
    assert made.to_dict() | {"name": "gigpo"} == recipes.get("gigpo").to_dict()
    assert made.channels[1] == Channel("step", "anchor", discount=0.95)


def test_dapo_with_equal_bounds_no_filter_and_no_shaping_is_grpo_over_tokens() -> None:
    made = recipes.get("dapo", clip_high=0.2, filter={}, shaping=None, group_size=8, minibatches=1)
    assert made.to_dict() == recipes.get("grpo", kl_coef=0.0, aggregation="token_mean").to_dict() | {"name": "dapo"}


def test_a_recipe_prints_its_shaping_as_a_spec() -> None:
    [line] = [line for line in str(recipes.get("dapo")).splitlines() if line.startswith("shaping")]
    spec = {"sum": {"of": [{"signed": {"of": "given"}}, {"overlong": {"limit": None, "cache": None}}]}}
    assert json.loads(line.removeprefix("shaping")) == spec
    assert recipes.get("grpo", shaping=spec).shaping == recipes.get("dapo").shaping


def test_every_algorithm_of_the_field_has_its_name() -> None:
    asked = (
        "reinforce rloo remax reinforce++ reinforce++-baseline ppo ppo-penalty grpo dr-grpo dapo cppo raft raft++ "
        "reinforce-rej gvpo qrpo "
        "gspo gmpo cispo grpo-lambda ghpo eepo tree-grpo arpo arpo-replay gigpo ufo retool hrl spo rest rest-em"
    )
    assert set(asked.split()) <= set(recipes.names())


PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_the_page_says_of_each_recipe_what_it_sets() -> None:
    """Each row of the table, read as settings, is the recipe."""
    rows = re.findall(r"^\| `([^`]+)` \| (`.*`) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = {}
    for name, pieces in rows:
        pairs = [piece.partition("=") for piece in re.findall(r"`([^`]+)`", pieces)]
        if all(equals for _, equals, _ in pairs):
            said = {key: {"name": value} if key == "rollout" else json.loads(value) for key, _, value in pairs}
            found[name] = Recipe(name, **said)
    assert found == {name: recipes.get(name) for name in recipes.names()}


def test_the_page_names_the_recipes_whose_bounds_never_act() -> None:
    """Those with a bound of the ratio and a single step, at which the ratio is 1."""
    [named] = re.findall(r"above 1:\n(`arpo-replay`.*)\.$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    every = [recipes.get(name) for name in recipes.names()]
    single = {each.name for each in every if each.updates * each.minibatches == 1}
    assert set(re.findall(r"`([^`]+)`", named)) == {
        each.name for each in every if each.name in single and each.region in ("clip", "geometric", "weight")
    }


def test_the_steps_of_a_rollout_are_those_of_the_papers() -> None:
    """Optimiser steps; DAPO 512 prompts by 32, ARPO 128 by 16, RAFT++ 1024 by 256, Dr. GRPO 1024 responses by 128."""
    expected = {"dapo": 16, "cispo": 16, "dr-grpo": 8, "gmpo": 8, "arpo": 8, "raft++": 4, "reinforce-rej": 4, "ufo": 4}
    expected |= {"gspo": 4, "ppo": 4, "ppo-penalty": 4, "rest": 4, "rest-em": 4, "cppo": 2, "rloo": 2}
    found = {name: recipes.get(name).updates * recipes.get(name).minibatches for name in recipes.names()}
    assert {name: steps for name, steps in found.items() if steps > 1} == expected


def test_the_examples_on_the_page_run() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0
