"""Our losses, gradients and advantages against those of TRL, as recorded and, where TRL is installed, as it runs.

`benchmarks/crosscheck/trl_losses.py` made the recording; `docs/crosscheck.md` lists what is equal and what is not. What
TRL has no recipe for (REINFORCE++, ReMax) is compared with the formula, written in NumPy.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import Completion, Episode, Turn, recipes  # noqa: E402
from rlvr_gym.agents.advantages import advantages, group_advantages  # noqa: E402
from rlvr_gym.agents.batch import Row, batch_of_rows, make_batch, token_logprobs  # noqa: E402
from rlvr_gym.agents.credit import whitened  # noqa: E402
from rlvr_gym.agents.experience import Learnable  # noqa: E402
from rlvr_gym.agents.losses import (  # noqa: E402
    ClippedLoss,
    Denominators,
    aggregate,
    clipped_policy_loss,
    entropy,
    geometric_policy_loss,
    kl,
    log_ratios,
    policy_loss,
    sampler_correction,
    weighted_policy_loss,
)
from rlvr_gym.agents.recipes import Correction, Recipe  # noqa: E402
from rlvr_gym.agents.strategies import BASELINE, Sample  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((ROOT / "tests" / "agents" / "golden").glob("trl_*.json"))
SCRIPT = ROOT / "benchmarks" / "crosscheck" / "trl_losses.py"
HAS_TRL = importlib.util.find_spec("trl") is not None
TOLERANCE = {"float64": 1e-6, "float32": 1e-5}

# Our recipe for each variant of TRL, by the names of the script.
NO_KL = {"kl_coef": 0.0}
OURS: dict[str, Recipe] = {
    "grpo": recipes.get("grpo"),
    "grpo, no KL": recipes.get("grpo", **NO_KL),
    "grpo, KL times ratio": recipes.get("grpo"),
    "grpo, clip higher": recipes.get("grpo", **NO_KL, clip_high=0.28),
    "grpo, two-sided clip": recipes.get("grpo", **NO_KL, dual_clip=3.0),
    "dr_grpo": recipes.get("dr-grpo"),
    "bnpo": recipes.get("grpo", **NO_KL, aggregation="token_mean"),
    "dapo": recipes.get("dapo"),
    "dapo, KL": recipes.get("dapo", clip_high=0.2, kl_coef=0.1),
    "gspo": recipes.get("gspo"),
    "gspo, KL": recipes.get("gspo", kl_coef=0.04),
    "gspo, dapo": recipes.get("gspo", aggregation="token_mean"),
    "luspo": recipes.get("gspo", aggregation="seq_mean_token_sum"),
    "cispo": recipes.get("cispo"),
    "gmpo": recipes.get("gmpo"),
    "rloo": recipes.get("rloo"),
    **{
        name: recipes.get("dapo", clip_high=0.2, kl_coef=0.04, correction=piece)
        for name, piece in {
            "token_truncate": Correction("truncate", "token", high=2.0),
            "token_mask": Correction("mask", "token", low=0.5, high=5.0),
            "sequence_truncate": Correction("truncate", "sequence", high=3.0),
            "sequence_mask": Correction("mask", "sequence", low=0.5, high=3.0),
        }.items()
    },
}
CUT = ("grpo, no KL", "dr_grpo", "bnpo", "dapo", "gspo", "gmpo", "rloo")
CASES = ("near", "far", "holes", "one token", "extreme", "float32")
TABLES = ("binary", "graded", "ties", "ungraded", "small")
# TRL's own epsilon; ours is 1e-6.
SETTINGS: dict[str, dict[str, Any]] = {
    "group": {"scale": "group_std", "eps": 1e-4},
    "batch": {"scale": "batch_std", "eps": 1e-4},
    "none": {"scale": "none"},
    "rloo": {"scale": "none", "baseline": "leave_one_out"},
}


def recorded() -> dict[str, Any]:
    [path] = GOLDEN
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What TRL computes now, in a process of its own."""
    out = tmp_path_factory.mktemp("trl") / "live.json"
    subprocess.run([sys.executable, str(SCRIPT), "--out", str(out)], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module", params=["recorded", "live"] if HAS_TRL else ["recorded"])
def theirs(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = recorded() if request.param == "recorded" else request.getfixturevalue("live")
    return found


def tensors(case: Mapping[str, Any], **changed: Any) -> dict[str, torch.Tensor]:
    dtype = getattr(torch, case["dtype"])
    names = ("logprobs", "old", "reference", "sampler", "advantages")
    found = {name: torch.tensor(case[name], dtype=dtype) for name in names}
    return {**found, "mask": torch.tensor(changed.get("mask", case["mask"])).bool()}


def our_loss(
    recipe: Recipe,
    given: Mapping[str, torch.Tensor],
    longest: int,
    *,
    weighted_kl: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, ClippedLoss]:
    """Loss, its gradient with respect to the log-probabilities, and the policy loss a token, as a learner has them."""
    leaf = given["logprobs"].clone().requires_grad_()
    policy = policy_loss(recipe, leaf, given["old"], given["advantages"][:, None], given["mask"])
    values = policy.loss_BT
    if recipe.correction is not None:
        values = values * weights_of(recipe.correction, given)
    if recipe.kl_coef and recipe.kl_place == "loss":
        divergence = kl(leaf, given["reference"], given["mask"], recipe.kl_estimator)
        if weighted_kl:
            divergence = divergence * log_ratios(leaf, given["old"], given["mask"]).exp()
        values = values + recipe.kl_coef * divergence
    norm = float(longest) if recipe.aggregation.endswith("_norm") else None
    loss = aggregate(values, given["mask"], recipe.aggregation, norm=norm)
    loss.backward()
    return loss.detach(), leaf.grad, policy


def weights_of(piece: Correction, given: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return sampler_correction(given["old"], given["sampler"], given["mask"], **asdict(piece)).weight_BT


def assert_close(ours: torch.Tensor, theirs: Any, tolerance: float) -> None:
    """Equal up to a share of the largest value."""
    expected = torch.tensor(theirs, dtype=torch.float64)
    assert ours.shape == expected.shape
    assert float((ours.detach().double() - expected).abs().max()) <= tolerance * max(float(expected.abs().max()), 1e-3)


def test_the_table_holds_every_variant_and_case_that_was_recorded() -> None:
    found = recorded()
    assert GOLDEN[0].stem == f"trl_{found['versions']['trl']}"
    assert set(found["variants"]) == set(OURS)
    assert set(found["cases"]) == set(CASES) == set(found["losses"])
    assert set(found["rewards"]) == set(TABLES)


@pytest.mark.skipif(not HAS_TRL, reason="TRL is not installed: compared with what it computed, not with it")
def test_trl_computes_what_was_recorded(live: dict[str, Any]) -> None:
    """Of another version, the rest of the tests say what has changed for us."""
    before = recorded()
    if live["versions"]["trl"] == before["versions"]["trl"]:
        assert live["cases"] == before["cases"]
        for name, losses in before["losses"].items():
            for variant, expected in losses.items():
                assert live["losses"][name][variant]["loss"] == pytest.approx(expected["loss"], rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("variant", OURS)
@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients(theirs: dict[str, Any], name: str, variant: str) -> None:
    case, expected = theirs["cases"][name], theirs["losses"][name][variant]
    given, tolerance = tensors(case), TOLERANCE[case["dtype"]]
    loss, gradient, _ = our_loss(
        OURS[variant],
        given,
        theirs["longest"],
        weighted_kl=variant == "grpo, KL times ratio",  # TRL's default, which no recipe of ours has
    )
    assert_close(loss, expected["loss"], tolerance)
    assert_close(gradient, expected["gradient"], tolerance)


# Every setting as arguments of the functions, so that a recipe whose pieces change does not hide a loss that does.
@pytest.mark.parametrize("name", CASES)
def test_functions_without_recipes(theirs: dict[str, Any], name: str) -> None:
    given = tensors(theirs["cases"][name])
    four = (given["logprobs"], given["old"], given["advantages"][:, None], given["mask"])
    found = {
        "dapo": (clipped_policy_loss(*four, clip_low=0.2, clip_high=0.28), "token_mean"),
        "gspo": (clipped_policy_loss(*four, clip_low=3e-4, clip_high=4e-4, level="geometric"), "seq_mean_token_mean"),
        "rloo": (clipped_policy_loss(*four, level="sequence"), "seq_mean_token_mean"),
        "gmpo": (geometric_policy_loss(*four, clip=0.4), "seq_mean_token_mean"),
        "cispo": (weighted_policy_loss(*four, low=0.0, high=5.0), "token_mean"),
    }
    for variant, (policy, mode) in found.items():
        loss = aggregate(policy.loss_BT, given["mask"], mode)
        assert_close(loss, theirs["losses"][name][variant]["loss"], TOLERANCE[theirs["cases"][name]["dtype"]])


@pytest.mark.parametrize(
    "variant", [name for name, recipe in OURS.items() if recipe.ratio == "token" and recipe.region != "weight"]
)
@pytest.mark.parametrize("name", CASES)
def test_shares_of_clipped_tokens(theirs: dict[str, Any], name: str, variant: str) -> None:
    """TRL counts no token that the two-sided clip holds; ours counts it as held from below."""
    given, expected = tensors(theirs["cases"][name]), theirs["losses"][name][variant]
    policy = policy_loss(OURS[variant], given["logprobs"], given["old"], given["advantages"][:, None], given["mask"])
    count, log_ratio = int(given["mask"].sum()), given["logprobs"] - given["old"]
    held = (log_ratio > math.log(3.0)) & (given["advantages"][:, None] < 0) & given["mask"]
    dual = int(held.sum()) if OURS[variant].dual_clip else 0
    assert (int(policy.low_BT.sum()) - dual) / count == pytest.approx(expected["clip_low"], abs=1e-6)
    assert int(policy.high_BT.sum()) / count == pytest.approx(expected["clip_high"], abs=1e-6)


@pytest.mark.parametrize("mode", [name for name, recipe in OURS.items() if recipe.correction is not None])
@pytest.mark.parametrize("name", CASES)
def test_weights_between_sampler_and_trainer(theirs: dict[str, Any], name: str, mode: str) -> None:
    case = theirs["cases"][name]
    given, weights = tensors(case), torch.tensor(theirs["weights"][name][mode], dtype=torch.float64)
    found = weights_of(OURS[mode].correction, given)
    expected = weights.expand(found.shape)[given["mask"]]
    assert_close(found[given["mask"]], expected.tolist(), TOLERANCE[case["dtype"]])


@pytest.mark.parametrize("variant", CUT)
def test_micro_batches(theirs: dict[str, Any], variant: str) -> None:
    """Ours are those of the whole batch. So are TRL's but `bnpo`, whose denominator is that of the micro-batch."""
    expected, given = theirs["micro_batches"][variant], tensors(theirs["cases"]["holes"])
    if variant != "bnpo":
        loss, gradient, _ = our_loss(OURS[variant], given, theirs["longest"])
    else:
        parts = [{name: value[rows] for name, value in given.items()} for rows in (slice(0, 2), slice(2, 4))]
        assert Denominators.of(parts[0]["mask"]).tokens != Denominators.of(parts[1]["mask"]).tokens
        found = [our_loss(OURS[variant], part, theirs["longest"]) for part in parts]
        loss, gradient = sum(part[0] for part in found) / 2, torch.cat([part[1] for part in found]) / 2
        assert abs(float(loss - our_loss(OURS[variant], given, theirs["longest"])[0])) > 1e-3
    assert_close(loss, expected["loss"], 1e-6)
    assert_close(gradient, expected["gradient"], 1e-6)


@pytest.mark.parametrize("variant", CUT)
def test_rows_without_a_token(theirs: dict[str, Any], variant: str) -> None:
    """TRL's means over rows count a row without a token, ours do not: they are 8 / 7 of TRL's here.

    In the value of TRL's GMPO and RLOO such a row stands with a ratio of 1; it has no gradient.
    """
    case = theirs["cases"]["far"]
    mask = [*case["mask"][:-1], [0] * len(case["mask"][0])]
    loss, gradient, _ = our_loss(OURS[variant], tensors(case, mask=mask), theirs["longest"])
    share = 7 / 8 if OURS[variant].aggregation.startswith("seq_mean") else 1.0
    constant = -case["advantages"][-1] / 8 if variant in ("gmpo", "rloo") else 0.0
    assert_close(share * loss + constant, theirs["empty_row"][variant]["loss"], 1e-6)
    assert_close(share * gradient, theirs["empty_row"][variant]["gradient"], 1e-6)


def reward_table(theirs: dict[str, Any], table: str) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [[math.nan if value is None else value for value in row] for row in theirs["rewards"][table]]
    rewards = torch.tensor(rows, dtype=torch.float64)
    return rewards, ~rewards.isnan()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("table", TABLES)
def test_advantages(theirs: dict[str, Any], table: str, name: str) -> None:
    rewards, mask = reward_table(theirs, table)
    found = group_advantages(rewards, mask, **SETTINGS[name])
    assert_close(found.flatten(), theirs["advantages"][name][table], 1e-6)


@pytest.mark.parametrize("table", TABLES)
def test_advantages_of_advantages(theirs: dict[str, Any], table: str) -> None:
    """TRL's `normalize_advantages`: leave-one-out advantages less their mean over their deviation, of what counts."""
    rewards, mask = reward_table(theirs, table)
    raw = group_advantages(rewards, mask, **SETTINGS["rloo"]).flatten()
    counts = (mask & (mask.sum(dim=1, keepdim=True) > 1)).flatten()
    found = advantages(raw, torch.zeros_like(raw, dtype=torch.long), counts, eps=1e-4)
    expected = theirs["advantages"]["rloo, normalised"][table]
    assert_close(torch.where(counts, found, 0.0), expected, 1e-6)


@pytest.mark.parametrize("table", TABLES)
def test_a_divergence_in_the_reward(theirs: dict[str, Any], table: str) -> None:
    rewards, mask = reward_table(theirs, table)
    near = tensors(theirs["cases"]["near"])
    whole = torch.ones_like(near["mask"])
    per_row = kl(near["old"], near["reference"], whole, "k1").sum(dim=1)
    every = per_row[torch.arange(rewards.numel()) % len(per_row)].reshape(rewards.shape)
    found = group_advantages(rewards - 0.05 * every, mask, **SETTINGS["rloo"])
    assert_close(found.flatten(), theirs["advantages"]["rloo, KL in the reward"][table], 1e-6)


def test_a_loss_through_a_real_model(theirs: dict[str, Any]) -> None:
    """Log-probabilities at a temperature, entropies, loss and the gradient of every parameter, in float64.

    TRL pads prompts on the left and gives an attention mask, ours are padded on the right without one.
    """
    transformers = pytest.importorskip("transformers")
    stored = theirs["model"]
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**stored["config"])).double()
    state = {name: torch.tensor(value, dtype=torch.float64) for name, value in stored["state"].items()}
    model.load_state_dict(state)
    rows = []
    for prompt, response in zip(stored["prompts"], stored["responses"], strict=True):
        row = Row()
        row.extend(prompt, sampled=False)
        row.extend(response, sampled=True)
        rows.append(row)
    batch = batch_of_rows(rows, pad_id=0)
    mask = batch.mask_BT
    logits = model(input_ids=batch.ids_BT).logits[:, :-1] / stored["temperature"]
    expected = {name: at_responses(stored, name, mask) for name in ("logprobs", "old", "reference", "entropies")}
    assert_close(entropy(logits)[mask[:, 1:]], expected["entropies"][mask].tolist(), 1e-5)
    logprobs = token_logprobs(model, batch, stored["temperature"])
    assert_close(logprobs[mask], expected["logprobs"][mask].tolist(), 1e-5)

    recipe = recipes.get("grpo")
    advantages_B1 = torch.tensor(stored["advantages"], dtype=torch.float64)[:, None]
    policy = policy_loss(recipe, logprobs, expected["old"].to(logprobs.dtype), advantages_B1, mask)
    divergence = kl(logprobs, expected["reference"].to(logprobs.dtype), mask, recipe.kl_estimator)
    loss = aggregate(policy.loss_BT + recipe.kl_coef * divergence, mask, recipe.aggregation)
    loss.backward()
    assert_close(loss, stored["loss"], 1e-5)
    for name, parameter in model.named_parameters():
        assert_close(parameter.grad, stored["gradient"][name], 1e-5)


def at_responses(stored: Mapping[str, Any], name: str, mask: torch.Tensor) -> torch.Tensor:
    """The values of the responses, at the places that they have in our rows."""
    found = torch.zeros(mask.shape, dtype=torch.float64)
    found[mask] = torch.tensor(
        [
            value
            for values, response in zip(stored[name], stored["responses"], strict=True)
            for value in values[: len(response)]
        ],
        dtype=torch.float64,
    )
    return found


# --- Formulas --------------------------------------------------------------------------------------------------------


def sampled(rng: np.random.Generator, groups: int, size: int) -> tuple[list[Sample], np.ndarray, list[int]]:
    """Single responses of random lengths; their rewards, shape [P, G], and lengths."""
    rewards = rng.normal(0.0, 2.0, (groups, size))
    lengths = rng.integers(1, 6, groups * size).tolist()
    samples = []
    for place, (reward, length) in enumerate(zip(rewards.flatten(), lengths, strict=True)):
        said = Completion("x", tuple(range(length)), (-0.5,) * length, (1.0,) * length, (9, 9))
        samples.append(Sample(Episode("t", (Turn(said, float(reward), ""),), True, "answered", {}), place // size))
    return samples, rewards, lengths


def token_advantages_of(
    recipe: Recipe, samples: list[Sample], costs: list[np.ndarray]
) -> tuple[list[list[float]], torch.Tensor, torch.Tensor]:
    """Advantages of the sampled tokens of each row, with these costs of tokens; and the batch's tensors."""
    known = Learnable.of(samples)
    batch = make_batch(known.episodes, 0)
    cost = torch.zeros(batch.mask_BT.shape, dtype=torch.float64)
    cost[batch.mask_BT] = torch.from_numpy(np.concatenate(costs))
    found = known.advantages(recipe, batch, cost, None).advantages_BT
    rows = [row[mask].tolist() for row, mask in zip(found, batch.mask_BT, strict=True)]
    return rows, found, batch.mask_BT


@pytest.mark.parametrize("seed", range(5))
def test_rloo_is_its_formula(seed: int) -> None:
    """`R - mean of the others' R` with `R = r - sum of the divergence of the tokens` (arXiv 2402.14740, section 3)."""
    rng = np.random.default_rng(seed)
    samples, rewards, lengths = sampled(rng, 3, 4)
    costs = [rng.normal(0.0, 0.3, length) for length in lengths]
    paid = rewards - np.array([cost.sum() for cost in costs]).reshape(rewards.shape)
    rows, _, _ = token_advantages_of(recipes.get("rloo"), samples, costs)
    for place, row in enumerate(rows):
        group, member = divmod(place, 4)
        others = np.delete(paid[group], member)
        assert row == pytest.approx([paid[group, member] - others.mean()] * lengths[place], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_reinforce_plus_plus_is_its_formula(seed: int) -> None:
    """Sums of what comes from a token on, its own divergence included, then whitened (arXiv 2501.03262, equation 4)."""
    rng = np.random.default_rng(seed)
    recipe = recipes.get("reinforce++")
    samples, rewards, lengths = sampled(rng, 6, 1)
    costs = [rng.normal(0.0, 0.3, length) for length in lengths]
    expected = [[rewards[i, 0] - cost[place:].sum() for place in range(len(cost))] for i, cost in enumerate(costs)]
    rows, found, mask = token_advantages_of(recipe, samples, costs)
    for row, values in zip(rows, expected, strict=True):
        assert row == pytest.approx(values, abs=1e-5)
    flat = np.concatenate(expected)
    white = whitened(found.double(), mask)[mask].tolist()
    assert recipe.whiten
    assert white == pytest.approx(((flat - flat.mean()) / flat.std(ddof=1)).tolist(), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_remax_is_its_formula(seed: int) -> None:
    """`r` less the reward of the greedy response, and the divergence from each token on (arXiv 2310.10505)."""
    rng = np.random.default_rng(seed)
    samples, rewards, lengths = sampled(rng, 5, 1)
    companions, greedy, _ = sampled(rng, 5, 1)
    both = [*samples, *(Sample(each.episode, each.group, role=BASELINE) for each in companions)]
    costs = [rng.normal(0.0, 0.3, length) for length in lengths]
    rows, _, _ = token_advantages_of(recipes.get("remax"), both, costs)
    for place, (row, cost) in enumerate(zip(rows, costs, strict=True)):
        base = rewards[place, 0] - greedy[place, 0]
        assert row == pytest.approx([base - cost[at:].sum() for at in range(len(cost))], abs=1e-5)
