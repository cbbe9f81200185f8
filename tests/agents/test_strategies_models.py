"""Strategies over a real (tiny) model: unlearning for a moment, and branching by its entropies."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

import gymnasium as gym  # noqa: E402
from rlvr_gym.agents import Completion, Episode, ScriptedPolicy, TransformersPolicy, build_preset  # noqa: E402
from rlvr_gym.agents.strategies import Branch, Chain, Forget, Prompt, Search, Stage, Tree, sampled_turns  # noqa: E402
from rlvr_gym.agents.unlearning import complementary_loss, scored, unlearned  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402

PROMPTS = [Prompt(seed, ("model", seed)) for seed in range(3)]


def arithmetic() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact")
    return env


@pytest.fixture
def policy() -> TransformersPolicy:
    return TransformersPolicy(build_preset("nano", alphabet="0123456789+-=:?|rgb"), max_new_tokens=4, temperature=0.7)


def stage(policy: TransformersPolicy) -> Stage:
    return Stage([arithmetic() for _ in range(12)], policy, policy)


def weights(policy: TransformersPolicy) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in policy.lm.model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one) and one.keys() == other.keys()


def exact(policy: TransformersPolicy, said: Completion) -> tuple[list[float], list[float]]:
    """Log-probabilities and entropies of one completion, token by token without any batching."""
    ids, logprobs, entropies = list(said.prompt_ids), [], []
    for token in said.token_ids:
        with torch.no_grad():
            logits = policy.lm.model(torch.tensor([ids])).logits[0, -1].double() / policy.temperature
        row = torch.log_softmax(logits, dim=0)
        logprobs.append(row[token].item())
        entropies.append(-(row.exp() * row).sum().item())
        ids.append(token)
    return logprobs, entropies


def ids(episodes: list[Episode]) -> list[tuple[int, ...]]:
    """What was sampled; the last bits of log-probabilities depend on how many rows went through the model together."""
    return [turn.completion.token_ids for episode in episodes for turn in episode.turns]


def test_the_complementary_loss_by_hand() -> None:
    """-log(1 - p): p 0.75 -> log 4; p 0.5 -> log 2. Where p rounds to 1 it is the distance to the next logit."""
    logits = torch.tensor([[0.75, 0.25], [0.5, 0.5]]).log()
    assert complementary_loss(logits, torch.tensor([0, 1])).tolist() == pytest.approx([1.386294, 0.693147], abs=1e-5)
    sure = torch.tensor([[200.0, 0.0]], requires_grad=True)
    loss = complementary_loss(sure, torch.tensor([0])).sum()
    loss.backward()
    assert loss.item() == pytest.approx(200.0)
    assert sure.grad is not None
    assert sure.grad.tolist() == [[1.0, -1.0]]


def test_unlearning_makes_what_was_said_less_likely_and_puts_every_bit_back(policy: TransformersPolicy) -> None:
    said = [turn.completion for s in Chain().collect(stage(policy), PROMPTS, 4, {}) for turn in s.episode.turns]
    before, tops = weights(policy), sum(sum(c.logprobs) for c in said)
    with unlearned(policy, said, learning_rate=0.5):
        assert not same(weights(policy), before)
        assert sum(sum(c.logprobs) for c in scored(policy, said)) < tops
    assert same(weights(policy), before)
    assert all(parameter.grad is None for parameter in policy.lm.model.parameters())
    with pytest.raises(RuntimeError, match="inside"), unlearned(policy, said, learning_rate=0.5):
        raise RuntimeError("inside")
    assert same(weights(policy), before)


def test_the_step_is_that_of_gradient_descent_on_the_mean_over_tokens(policy: TransformersPolicy) -> None:
    """One completion of one token; the loss is written out with the probability itself."""
    [said] = policy.act([[{"role": "user", "content": "1+2="}]], seeds=[5])
    said = Completion(said.text, said.token_ids[:1], prompt_ids=said.prompt_ids)
    model = policy.lm.model
    logits = model(torch.tensor([said.prompt_ids])).logits[0, -1] / 0.7
    probability = torch.softmax(logits, dim=0)[said.token_ids[0]]
    gradients = torch.autograd.grad(-torch.log(1 - probability), list(model.parameters()))
    expected = [p.detach() - 0.3 * g for p, g in zip(model.parameters(), gradients, strict=True)]
    with unlearned(policy, [said], learning_rate=0.3):
        for now, then in zip(model.parameters(), expected, strict=True):
            assert torch.allclose(now, then, atol=1e-6)


def test_many_rows_are_one_step(policy: TransformersPolicy) -> None:
    """Seventy completions go through the model in three parts, which share one denominator."""
    said = policy.act([[{"role": "user", "content": f"{n}+1="}] for n in range(70)], seeds=range(70))
    with unlearned(policy, said, learning_rate=1.0):
        at_once = weights(policy)
    with unlearned(policy, [*said, *said], learning_rate=1.0):
        assert all(torch.allclose(value, at_once[name], atol=1e-5) for name, value in weights(policy).items())


def test_the_second_half_is_another_and_is_recorded_as_the_policy_sees_it(policy: TransformersPolicy) -> None:
    before = weights(policy)
    strategy = Forget(learning_rate=5.0)
    samples = strategy.collect(stage(policy), PROMPTS, 5, {})
    assert same(weights(policy), before)
    chains = Chain().collect(stage(policy), PROMPTS, 5, {})
    assert [s.group for s in samples] == [s.group for s in chains]
    for place in (0, 5, 10):
        mine, theirs = ([s.episode for s in each[place : place + 5]] for each in (samples, chains))
        assert ids(mine[:3]) == ids(theirs[:3]), "the first half, the larger one of an odd group, is as always"
    seconds = [s.episode for place, s in enumerate(samples) if place % 5 > 2]
    assert ids(seconds) != ids([s.episode for place, s in enumerate(chains) if place % 5 > 2])
    for episode in seconds:
        logprobs, entropies = exact(policy, episode.completion)
        assert episode.completion.logprobs == pytest.approx(logprobs, abs=2e-5)
        assert episode.completion.entropies == pytest.approx(entropies, abs=2e-5)
    assert strategy.collect(stage(policy), PROMPTS, 5, {}) == samples


def test_a_policy_with_entropy_left_is_not_made_to_forget(policy: TransformersPolicy) -> None:
    """A fresh model over 22 tokens has an entropy near log 22 = 3.09 nats."""
    chains = ids([s.episode for s in Chain().collect(stage(policy), PROMPTS, 4, {})])
    for below, as_always in ((2.5, True), (3.5, False)):
        samples = Forget(below=below, learning_rate=5.0).collect(stage(policy), PROMPTS, 4, {})
        assert (ids([s.episode for s in samples]) == chains) is as_always


def test_a_policy_without_a_model_is_refused() -> None:
    env = arithmetic()
    scripted = ScriptedPolicy(env.unwrapped.taskset.distinct(10), 1.0)
    with pytest.raises(ConfigError, match="local model"):
        Forget().collect(Stage([env], scripted, scripted), [Prompt(0)], 2, {})


@pytest.mark.parametrize("strategy", [Branch(initial=2, probability=0.9), Tree(), Search(simulations=6)])
def test_a_model_branches_and_its_turns_extend_what_stands_before_them(
    strategy: Branch | Tree | Search, policy: TransformersPolicy
) -> None:
    envs = [gym.make("rlvr_gym:rlvr/Corridor-v0", style="compact", rooms=3, max_turns=4) for _ in range(6)]
    policy.max_new_tokens = 2
    samples = strategy.collect(Stage(envs, policy, policy), PROMPTS, 6, {})
    assert len(samples) == 18
    assert sampled_turns(samples) < sum(len(s.episode.turns) for s in samples)
    for sample in samples:
        before: tuple[int, ...] = ()
        for turn in sample.episode.turns:
            assert turn.completion.prompt_ids[: len(before)] == before
            before = turn.completion.prompt_ids + turn.completion.token_ids
