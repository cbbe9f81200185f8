"""The learner: each piece of a recipe moves the parameters as its formula says, on models of a few thousand weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import Completion, Episode, TrainConfig, TransformersPolicy, Turn, build_preset, recipes  # noqa: E402
from rlvr_gym.agents.batch import token_stats  # noqa: E402
from rlvr_gym.agents.learner import Learner  # noqa: E402
from rlvr_gym.agents.lessons import Lessons  # noqa: E402
from rlvr_gym.agents.losses import entropy, gvpo_loss, qrpo_targets  # noqa: E402
from rlvr_gym.agents.models import LanguageModel  # noqa: E402
from rlvr_gym.agents.recipes import Channel, Correction, Critic, Filter, Recipe  # noqa: E402
from rlvr_gym.agents.reference import Reference  # noqa: E402
from rlvr_gym.agents.strategies import Sample, Strategy  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402

ALPHABET = "0123456789+="


def model(seed: int = 0) -> LanguageModel:
    return build_preset("nano", seed=seed, alphabet=ALPHABET)


def learner(recipe: Recipe, lm: LanguageModel | None = None, **changes: Any) -> Learner:
    settings = {"steps": 10, "learning_rate": 1e-3, "warmup_steps": 1, "max_new_tokens": 4, "betas": (0.0, 0.0)}
    return Learner(lm or model(), recipe, TrainConfig(**{**settings, **changes}), lambda: model(1))


def played(lm: LanguageModel, rewards: Sequence[Sequence[float]], longest: int = 4) -> list[Sample]:
    """What the model says to a few prompts, with these rewards."""
    policy = TransformersPolicy(lm, max_new_tokens=longest)
    samples = []
    for number, group in enumerate(rewards):
        said = [[{"role": "user", "content": f"{number}+{number}="}]] * len(group)
        for completion, reward in zip(policy.act(said, seeds=range(number, number + len(group))), group, strict=True):
            samples.append(Sample(Episode("t", (Turn(completion, reward, "s"),), reward > 0, "answered", {}), number))
    return samples


REWARDS = [[1.0, 0.0, 0.3], [0.0, 1.0, 1.0]]
PLAIN = Recipe(
    "x", group_size=3, channels=(Channel(baseline="none", scale="none"),), region="none", aggregation="token_sum"
)


def lessons_of(one: Learner, samples: Sequence[Sample]) -> Lessons:
    found, _ = one.lessons(samples)
    assert found is not None
    return found


def gradients(lm: LanguageModel) -> list[Any]:
    return [parameter.grad.clone() for parameter in lm.model.parameters()]


def close(one: Sequence[Any], other: Sequence[Any], tolerance: float = 1e-4) -> bool:
    scale = max(float(each.abs().max()) for each in other)
    return all(torch.allclose(a, b, atol=tolerance * scale) for a, b in zip(one, other, strict=True))


def row_sums(lm: LanguageModel, lessons: Lessons) -> Any:
    now = token_stats(lm.model, lessons.batch, 1.0).logprobs_BT
    return (torch.where(lessons.batch.mask_BT, now - lessons.old_BT, torch.zeros_like(now))).sum(dim=1)


@pytest.mark.parametrize("micro_batch", [512, 2])
def test_gvpo_has_the_gradient_of_its_loss(micro_batch: int) -> None:
    """Against autograd through the loss of whole groups, with log ratios that are not 0."""
    recipe = recipes.get("gvpo", group_size=3)
    one = learner(recipe, max_grad_norm=1e9, micro_batch=micro_batch)
    lessons = lessons_of(one, played(model(3), REWARDS))
    order = torch.argsort(lessons.group_B, stable=True)
    loss = gvpo_loss(
        row_sums(one.lm, lessons)[order].reshape(2, 3), lessons.reward_B[order].reshape(2, 3),
        torch.ones(2, 3, dtype=torch.bool), beta=recipe.beta,
    ).mean()  # fmt: skip
    loss.backward()
    expected = gradients(one.lm)
    one.update(1, lessons)
    assert close(gradients(one.lm), expected)


def test_qrpo_has_the_gradient_of_its_loss() -> None:
    recipe = recipes.get("qrpo", group_size=3)
    one = learner(recipe, max_grad_norm=1e9)
    lessons = lessons_of(one, played(model(3), REWARDS))
    targets_B = qrpo_targets(lessons.reward_B, lessons.group_B, beta=recipe.beta)
    (targets_B - recipe.beta * row_sums(one.lm, lessons)).square().mean().backward()
    expected = gradients(one.lm)
    one.update(1, lessons)
    assert close(gradients(one.lm), expected)


@pytest.mark.parametrize("name", ["qrpo", "gvpo", "grpo", "rloo", "dapo"])
def test_a_group_whose_rewards_are_equal_has_no_gradient(name: str) -> None:
    """Exactly none; of a regression the rounding between what sampled and what learns, which it takes back."""
    one = learner(recipes.get(name, kl_coef=0.0, group_size=3))
    norm = one.learn(1, played(one.lm, [[0.0] * 3, [1.0] * 3]))["grad_norm"]
    assert norm < 1e-6 if name in ("qrpo", "gvpo") else norm == 0.0


def test_bounds_act_from_the_second_step_of_a_rollout_on() -> None:
    """What makes GMPO and DAPO other than GRPO is seen where there are several steps, and only there."""
    samples = played(model(), [[1.0, 0.0, 0.0] * 4, [0.0, 1.0, 1.0] * 4, [1.0, 1.0, 0.0] * 4, [0.0, 0.0, 1.0] * 4])
    grpo = {"kl_coef": 0.0, "aggregation": "token_mean"}
    moved: dict[tuple[str, int], Any] = {}
    for steps in (1, 4):
        every = {
            "grpo": recipes.get("grpo", **grpo, minibatches=steps),
            "dapo": recipes.get("dapo", shaping=None, filter={}, minibatches=steps),
            "gmpo": recipes.get("gmpo", aggregation="token_mean", minibatches=steps),
            "cispo": recipes.get("cispo", minibatches=steps),
        }
        for name, recipe in every.items():
            one = learner(recipe, learning_rate=3e-3)
            seen = one.learn(1, samples)
            moved[name, steps] = torch.cat([p.detach().flatten() for p in one.lm.model.parameters()])
            if name != "cispo":
                assert (seen["clip_fraction_low"] + seen["clip_fraction_high"] > 0) is (steps > 1), name
    for name in ("dapo", "gmpo", "cispo"):
        assert torch.allclose(moved[name, 1], moved["grpo", 1], atol=1e-5)
        assert not torch.allclose(moved[name, 4], moved["grpo", 4], atol=1e-3)


def test_thresholds_rise_from_pass_to_pass() -> None:
    """ReST: of rewards 0, 0.5, 0.75 and 1 the passes learn from three, two, one and one."""
    one = learner(recipes.get("rest", group_size=4))
    lessons = lessons_of(one, played(model(), [[0.0, 0.5, 0.75, 1.0]]))
    passes = [sorted(part.reward_B[part.batch.mask_BT.any(dim=1)].tolist()) for part in one._parts(1, lessons)]
    assert passes == [[0.5, 0.75, 1.0], [0.75, 1.0], [1.0], [1.0]]
    assert [int(part.counted_BT.any(dim=1).sum()) for part in one._parts(1, lessons)] == [3, 2, 1, 1]


def test_a_threshold_keeps_what_failed_with_a_part_from_being_imitated() -> None:
    one = learner(recipes.get("raft", filter={"samples": "positive", "above": [0.99]}))
    lessons = lessons_of(one, played(model(), [[0.0, 0.5, 0.75, 1.0]]))
    assert lessons.reward_B[lessons.batch.mask_BT.any(dim=1)].tolist() == [1.0]
    assert one.learn(1, played(model(), [[0.5, 0.75]]))["grad_norm"] == 0.0


def test_a_greedy_baseline_without_its_response_is_refused() -> None:
    class Lonely(Strategy):
        name = "lonely"

        def collect(self, *_: Any) -> list[Sample]:
            return []

    one = learner(recipes.get("remax", rollout=Lonely(), kl_coef=0.0))
    with pytest.raises(ConfigError, match="there is none to prompt 0: let the rollout be 'greedy'"):
        one.learn(1, played(model(), [[1.0]]))


def test_an_entropy_bonus_has_the_gradient_of_the_entropy() -> None:
    recipe = replace(PLAIN, entropy_coef=0.3)
    one = learner(recipe, max_grad_norm=1e9)
    lessons = lessons_of(one, played(one.lm, [[0.0, 0.0]]))
    batch = lessons.batch
    logits = one.lm.model(input_ids=batch.ids_BT).logits[:, :-1]
    (-0.3 * entropy(logits)[batch.mask_BT[:, 1:]].sum()).backward()
    expected = gradients(one.lm)
    one.update(1, lessons)
    assert close(gradients(one.lm), expected)


def test_a_correction_weighs_the_losses_of_tokens() -> None:
    """The sampler says other numbers than the trainer: weights are the ratio, cut at 2; mask mode leaves tokens out."""
    samples = played(model(), [[1.0, 1.0]])
    off = [
        replace(s, episode=replace(s.episode, turns=(replace(t, completion=shifted(t.completion, by)),)))
        for s, by in zip(samples, (0.5, 3.0), strict=True)
        for t in s.episode.turns
    ]
    cut = lessons_of(learner(replace(PLAIN, correction=Correction())), off)
    mask = cut.batch.mask_BT
    weights = [cut.weight_BT[row][mask[row]].tolist() for row in range(2)]
    expected = [[pytest.approx(torch.tensor(0.5).exp().item(), rel=1e-3)] * 4, [2.0] * 4]
    assert sorted(weights, key=lambda row: row[0]) == expected
    left = learner(replace(PLAIN, correction=Correction("mask", high=2.0)))
    _, metrics = left.lessons(off)
    assert metrics["sampler_left_out"] == 0.5
    assert metrics["sampler_gap"] == pytest.approx(3.0, abs=1e-3)
    plain = lessons_of(learner(PLAIN), samples)
    assert close([cut.old_BT[mask]], [plain.old_BT[plain.batch.mask_BT]])  # the trainer's own numbers are the old ones


def shifted(completion: Completion, by: float) -> Completion:
    return replace(completion, logprobs=tuple(value - by for value in completion.logprobs))


def test_minibatches_cover_each_group_once_a_pass() -> None:
    recipe = replace(PLAIN, updates=2, minibatches=3)
    one = learner(recipe)
    samples = played(one.lm, [[1.0, 0.0]] * 5)
    parts = [sorted(set(part.group_B.tolist())) for part in one._parts(1, lessons_of(one, samples))]
    assert len(parts) == 6
    for start in (0, 3):
        assert sorted(group for part in parts[start : start + 3] for group in part) == [0, 1, 2, 3, 4]
    assert parts[:3] != parts[3:]
    again = [sorted(set(part.group_B.tolist())) for part in one._parts(1, lessons_of(one, samples))]
    assert parts == again


@pytest.mark.parametrize("separate", [True, False])
def test_a_critic_learns_what_its_prompts_are_worth(separate: bool) -> None:
    """Two prompts, of which one always pays: after some steps the critic tells them apart, and advantages are small."""
    recipe = recipes.get("ppo", kl_coef=0.0, updates=1, critic=Critic(separate=separate, clip=None), whiten=False)
    one = learner(recipe, learning_rate=3e-3, betas=(0.9, 0.99), steps=40)
    samples = played(model(), [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    before = lessons_of(one, samples)
    assert not before.values_BT.any()  # the head begins at 0: advantages are returns
    assert before.advantages_BT[before.batch.mask_BT].abs().max() == 1.0
    losses = [one.learn(step, samples)["value_loss"] for step in range(1, 41)]
    after = lessons_of(one, samples)
    assert losses[-1] < 0.1 * losses[0]
    paid = after.group_B == 0
    worth = [after.values_BT[rows][after.batch.mask_BT[rows]].mean() for rows in (paid, ~paid)]
    assert worth[0] > 0.7
    assert worth[1] < 0.3


def test_a_warming_critic_leaves_the_policy_as_it_is() -> None:
    recipe = recipes.get("ppo", kl_coef=0.0, updates=1, critic=Critic(warmup=1))
    one = learner(recipe)
    before = [parameter.clone() for parameter in one.lm.model.parameters()]
    samples = played(one.lm, REWARDS)
    one.learn(1, samples)
    assert all(torch.equal(a, b) for a, b in zip(before, one.lm.model.parameters(), strict=True))
    one.learn(2, samples)
    assert not all(torch.equal(a, b) for a, b in zip(before, one.lm.model.parameters(), strict=True))


def test_the_penalty_doubles_where_the_policy_runs_away_and_halves_where_it_stands() -> None:
    recipe = recipes.get("ppo-penalty", kl_coef=0.0, updates=3, penalty_target=1e-3)
    fast, slow = learner(recipe, learning_rate=1e-2), learner(recipe, learning_rate=1e-7)
    samples = played(model(), REWARDS)
    assert fast.learn(1, samples)["penalty_coef"] == 2.0
    assert slow.learn(1, samples)["penalty_coef"] == 0.5
    assert fast.coefficients["penalty"] == 2.0


def test_the_coefficient_of_the_divergence_follows_its_target() -> None:
    """The reference is another model, far above a small target: the coefficient grows by its most, 0.2 s/h."""
    recipe = recipes.get("grpo", kl_target=1e-6, kl_horizon=10.0)
    one = learner(recipe)
    metrics = one.learn(1, played(one.lm, REWARDS))
    assert metrics["kl"] > 1e-4
    assert metrics["kl_coef"] == pytest.approx(0.04 * (1 + 0.2 * 6 / 10))


@pytest.mark.parametrize("place", ["loss", "reward"])
def test_a_divergence_pulls_towards_the_reference(place: str) -> None:
    """Without any reward the policy goes to the reference, by the loss and by the reward."""
    recipe = replace(PLAIN, kl_coef=1.0, kl_estimator="k2" if place == "loss" else "k1", kl_place=place)
    one = learner(recipe, learning_rate=1e-3, betas=(0.9, 0.99))
    reference = model(1).model
    samples = played(one.lm, [[0.0] * 64] * 2)

    def distance() -> float:
        batch = lessons_of(one, samples).batch
        ours, theirs = (
            torch.log_softmax(m(input_ids=batch.ids_BT).logits[:, :-1], -1) for m in (one.lm.model, reference)
        )
        return float((ours.exp() * (ours - theirs)).sum(-1)[batch.mask_BT[:, 1:]].mean())

    before = distance()
    for step in range(1, 16):
        one.learn(step, played(one.lm, [[0.0] * 64] * 2))
    assert distance() < 0.7 * before


def test_rejected_responses_count_in_the_denominator_only_where_asked() -> None:
    """RAFT: of two rows one is learnt from; with `dilute` the mean is over both."""
    recipe = recipes.get("raft")
    diluted = replace(recipe, filter=Filter(samples="positive", dilute=True))
    samples = played(model(), [[1.0, 0.0]])
    norms = [learner(each).learn(1, samples)["grad_norm"] for each in (recipe, diluted)]
    tokens = [len(s.episode.completion.token_ids) for s in samples]
    assert norms[0] / norms[1] == pytest.approx(sum(tokens) / tokens[0], rel=1e-3)


def test_smaller_advantages_are_left_out_after_the_statistics() -> None:
    """CPPO: of rewards 1, 0, 0, 0 the two largest advantages stay, with the values that all four gave them."""
    recipe = recipes.get("cppo", group_size=4, kl_coef=0.0)
    lessons = lessons_of(learner(recipe), played(model(), [[1.0, 0.0, 0.0, 0.0]]))
    kept = lessons.batch.mask_BT.any(dim=1)
    assert int(kept.sum()) == 2
    values = sorted(lessons.advantages_BT[row][lessons.batch.mask_BT[row]][0].item() for row in kept.nonzero()[:, 0])
    assert values == pytest.approx([-0.5, 1.5], abs=1e-3)


def test_from_base_forgets_what_was_learnt() -> None:
    recipe = replace(PLAIN, from_base=True)
    one = learner(recipe, lm=model(5))
    samples = played(model(1), REWARDS)
    one.learn(1, samples)
    first = [parameter.clone() for parameter in one.lm.model.parameters()]
    one.learn(1, samples)
    assert all(torch.equal(a, b) for a, b in zip(first, one.lm.model.parameters(), strict=True))


@pytest.mark.parametrize(("kl_coef", "lora", "loads"), [(0.0, 0, 1), (0.1, 0, 1), (0.0, 2, 0)])
def test_the_base_is_loaded_once(kl_coef: float, lora: int, loads: int) -> None:
    """For the divergence and for the beginning of each step together; an adapter is reset without it."""
    if lora:
        pytest.importorskip("peft", reason="adapters need the extra 'lora'")
    loaded: list[LanguageModel] = []

    def base() -> LanguageModel:
        loaded.append(model(1))
        return loaded[-1]

    config = TrainConfig(steps=3, learning_rate=1e-3, warmup_steps=1, max_new_tokens=4, lora=lora)
    one = Learner(model(1), replace(PLAIN, from_base=True, kl_coef=kl_coef), config, base)
    for step in (1, 2, 3):
        assert one.learn(step, played(model(1), REWARDS))["grad_norm"] > 0
    assert len(loaded) == loads
    for each in loaded:  # what is kept stays as it was
        pairs = zip(each.model.parameters(), model(1).model.parameters(), strict=True)
        assert all(torch.equal(kept, fresh) for kept, fresh in pairs)


def test_nothing_to_learn_from_changes_nothing() -> None:
    one = learner(recipes.get("grpo"))
    before = [parameter.clone() for parameter in one.lm.model.parameters()]
    for samples in ([], [Sample(Episode("t", (), None, "error", {}), 0)]):
        metrics = one.learn(1, samples)
        assert (metrics["grad_norm"], metrics["kl"]) == (0.0, 0.0)
    assert all(torch.equal(a, b) for a, b in zip(before, one.lm.model.parameters(), strict=True))


def test_half_precision_computes_the_same_to_its_digits() -> None:
    samples = played(model(), REWARDS)
    recipe = recipes.get("grpo", kl_coef=0.0, group_size=3)
    norms = [learner(recipe, precision=p).learn(1, samples)["grad_norm"] for p in ("fp32", "bf16")]
    assert norms[1] == pytest.approx(norms[0], rel=0.05)
    assert norms[1] != norms[0]


def test_gradient_checkpointing_changes_no_gradient() -> None:
    samples = played(model(), REWARDS)
    recipe = recipes.get("grpo", kl_coef=0.0, group_size=3)
    norms = [learner(recipe, gradient_checkpointing=g).learn(1, samples)["grad_norm"] for g in (False, True)]
    assert norms[1] == pytest.approx(norms[0], rel=1e-5)


def test_a_reference_follows_by_its_formula() -> None:
    """Of one parameter: base 1, policy 3, then 7; every second step, with decay 0.75: 1, 1.5, 1.5, 2.875."""
    policy, base = model(), model()
    name = "model.norm.weight"
    for lm, value in ((policy, 3.0), (base, 1.0)):
        lm.model.get_parameter(name).data.fill_(value)
    reference = Reference(policy, None, lambda: base, every=2, decay=0.75)
    seen = []
    for step, value in enumerate((3.0, 3.0, 7.0, 7.0), start=1):
        policy.model.get_parameter(name).data.fill_(value)
        reference.follow(step)
        with reference.model() as asked:
            seen.append(asked.get_parameter(name)[0].item())
    assert seen == [1.0, 1.5, 1.5, 2.875]


def test_a_reference_without_decay_is_replaced() -> None:
    one = learner(recipes.get("grpo", reference_every=3, group_size=3), learning_rate=1e-2)
    samples = played(model(), REWARDS)
    for step in (1, 2, 3):
        one.learn(step, samples)
    with one.reference.model() as reference:
        pairs = zip(reference.parameters(), one.lm.model.parameters(), strict=True)
        assert all(torch.equal(a, b) and a is not b for a, b in pairs)
    assert lessons_of(one, samples).reference_BT.any()


def test_a_reference_that_does_not_fit_is_refused() -> None:
    for settings, message in (
        ({"reference_every": -1}, "reference_every must be at least 0"),
        ({"reference_every": 1, "kl_coef": 0.0}, "needs a divergence"),
        ({"reference_decay": 0.5}, "needs reference_every"),
        ({"reference_every": 1, "reference_decay": 1.0}, "must be below 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            recipes.get("grpo", **settings)
