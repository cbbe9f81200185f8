"""Sampling from a real (tiny) model: exact log-probabilities, seeds, padding, endings, saved folders."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import TransformersPolicy, build_preset, load_model  # noqa: E402
from rlvr_gym.agents.batch import Batch, episode_rows, make_batch, token_logprobs  # noqa: E402
from rlvr_gym.agents.decoding import draw_tokens  # noqa: E402
from rlvr_gym.agents.encoding import encode_conversation  # noqa: E402
from rlvr_gym.agents.episode import Episode, Turn  # noqa: E402
from rlvr_gym.agents.models import PRESETS, byte_tokenizer, char_tokenizer, parameter_count  # noqa: E402
from rlvr_gym.verifiers import ConfigError, UnknownNameError  # noqa: E402

ALPHABET = "0123456789+="
PROMPTS = ["1+1=", "12+34=", "5=", "123456+654321="]


@pytest.fixture(scope="module")
def policy() -> TransformersPolicy:
    return TransformersPolicy(build_preset("nano", alphabet=ALPHABET), max_new_tokens=8, temperature=0.7)


def ask(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def as_batch(policy: TransformersPolicy, completions: list) -> Batch:
    episodes = [Episode("t", (Turn(c, 0.0, ""),), False, "answered", {}) for c in completions]
    return make_batch(episodes, policy.lm.tokenizer.pad_token_id)


def test_recorded_logprobs_are_those_of_one_forward_pass(policy: TransformersPolicy) -> None:
    """Decoding with a cache and left padding against scoring without either."""
    completions = policy.act([ask(p) for p in PROMPTS], n=4, seeds=range(16))
    batch = as_batch(policy, completions)
    with torch.no_grad():
        logprobs = token_logprobs(policy.lm.model, batch, policy.temperature)
    assert torch.allclose(logprobs[batch.mask_BT], batch.logprobs_BT[batch.mask_BT], atol=2e-5)


def test_logprobs_by_an_independent_route(policy: TransformersPolicy) -> None:
    """One completion, scored token by token without any batching."""
    [completion] = policy.act([ask("12+34=")], seeds=[3])
    ids = list(completion.prompt_ids)
    for token, logprob, entropy in zip(completion.token_ids, completion.logprobs, completion.entropies, strict=True):
        with torch.no_grad():
            logits = policy.lm.model(torch.tensor([ids])).logits[0, -1].double() / policy.temperature
        logprobs = logits - logits.logsumexp(0)
        assert logprobs[token].item() == pytest.approx(logprob, abs=2e-5)
        assert -(logprobs.exp() * logprobs).sum().item() == pytest.approx(entropy, abs=2e-5)
        ids.append(token)


def test_a_completion_depends_on_its_seed_and_not_on_its_neighbours(policy: TransformersPolicy) -> None:
    together = policy.act([ask(p) for p in PROMPTS], seeds=[1, 2, 3, 4])
    alone = [policy.act([ask(p)], seeds=[s])[0] for p, s in zip(PROMPTS, [1, 2, 3, 4], strict=True)]
    assert [c.token_ids for c in together] == [c.token_ids for c in alone]
    assert (
        policy.act([ask("1+1=")], n=8, seeds=range(8))[3].token_ids == policy.act([ask("1+1=")], seeds=[3])[0].token_ids
    )
    assert len({c.token_ids for c in policy.act([ask("1+1=")], n=8, seeds=range(8))}) > 1


def test_small_batches_give_the_same(policy: TransformersPolicy) -> None:
    small = TransformersPolicy(policy.lm, max_new_tokens=8, temperature=0.7, batch_size=3)
    conversations = [ask(p) for p in PROMPTS]
    assert [c.token_ids for c in small.act(conversations, n=2, seeds=range(8))] == [
        c.token_ids for c in policy.act(conversations, n=2, seeds=range(8))
    ]


def test_responses_end_at_the_end_token_or_the_limit(policy: TransformersPolicy) -> None:
    eos = policy.lm.tokenizer.eos_token_id
    completions = policy.act([ask(p) for p in PROMPTS], n=64, seeds=range(256))
    assert {c.finish_reason for c in completions} == {"stop", "length"}
    for c in completions:
        assert (c.token_ids[-1] == eos) is (c.finish_reason == "stop")
        assert eos not in c.token_ids[:-1]
        assert len(c.token_ids) <= 8
        assert "<" not in c.text


def test_sampled_frequencies_follow_the_distribution(policy: TransformersPolicy) -> None:
    """First tokens of 4,000 completions; the standard deviation of a share is below 0.008, and 0.04 is five of them."""
    completions = TransformersPolicy(policy.lm, max_new_tokens=1, temperature=0.7).act(
        [ask("1+1=")], n=4000, seeds=range(4000)
    )
    with torch.no_grad():
        logits = policy.lm.model(torch.tensor([completions[0].prompt_ids])).logits[0, -1] / 0.7
    shares = torch.bincount(torch.tensor([c.token_ids[0] for c in completions]), minlength=len(logits)) / 4000
    assert (shares - logits.softmax(0)).abs().max() < 0.04


def test_draw_tokens_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]])).repeat(4, 1)
    ids, logprobs, entropies = draw_tokens(logits, torch.tensor([0.0, 0.49, 0.51, 0.999]))
    assert ids.tolist() == [0, 0, 1, 2]
    assert logprobs.exp().tolist() == pytest.approx([0.5, 0.5, 0.25, 0.25])
    assert entropies.tolist() == pytest.approx([1.0397207] * 4)  # 0.5 ln 2 + 0.5 ln 4


def test_a_token_of_zero_probability_is_never_drawn() -> None:
    logits = torch.tensor([[float("-inf"), 0.0, float("-inf")]] * 2)
    ids, _, entropies = draw_tokens(logits, torch.tensor([0.0, 1.0 - 1e-9]))
    assert ids.tolist() == [1, 1]
    assert entropies.tolist() == [0.0, 0.0]


def test_presets_are_small_and_reproducible_and_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    for name in PRESETS:
        assert 100_000 <= parameter_count(build_preset(name).model) <= 5_000_000
    one, two, other = (build_preset("nano", seed=seed).model for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    pairs = list(zip(one.parameters(), two.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert not all(torch.equal(a, c) for a, _, c in pairs)


@pytest.mark.parametrize("text", ["12+3=", "", "\n", "a b\tc", "é≈π🙂", "<eos>"])
def test_bytes_round_trip(text: str) -> None:
    tokenizer = byte_tokenizer()
    ids = tokenizer(text.replace("<eos>", ""), add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text.replace("<eos>", "")


def test_characters_outside_the_alphabet_are_unknown() -> None:
    tokenizer = char_tokenizer("ab")
    assert tokenizer("abz", add_special_tokens=False)["input_ids"][2] == tokenizer.unk_token_id
    with pytest.raises(ConfigError, match="each character once"):
        char_tokenizer("aa")


def test_a_saved_preset_is_an_ordinary_folder(policy: TransformersPolicy, tmp_path: Path) -> None:
    policy.lm.save(tmp_path / "m")
    assert (tmp_path / "m" / "model.safetensors").is_file()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(tmp_path / "m"),
        AutoTokenizer.from_pretrained(tmp_path / "m"),
    )
    assert parameter_count(model) == parameter_count(policy.lm.model)
    assert tokenizer("1+1=")["input_ids"] == policy.lm.tokenizer("1+1=")["input_ids"]
    again = TransformersPolicy(load_model(tmp_path / "m"), max_new_tokens=8, temperature=0.7)
    assert again.act([ask("1+1=")], seeds=[5]) == policy.act([ask("1+1=")], seeds=[5])


def test_loading_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model can be loaded from"):
        load_model(tmp_path / "absent")
    with pytest.raises(UnknownNameError, match="did you mean 'nano'"):
        build_preset("nanno")
    with pytest.raises(ConfigError, match="speaks bytes"):
        build_preset("mini", alphabet="ab")


def test_an_empty_prompt_is_refused(policy: TransformersPolicy) -> None:
    with pytest.raises(ConfigError, match="has no tokens"):
        policy.act([ask("")])


def test_multi_turn_rows_continue_the_sampled_ids(policy: TransformersPolicy) -> None:
    """The second prompt begins with the first prompt and the ids that were sampled, the end token included."""
    [first] = policy.act([ask("1+1=")], seeds=[0])
    conversation = [
        *ask("1+1="),
        {"role": "assistant", "content": first.text, "token_ids": first.token_ids},
        *ask("2+2="),
    ]
    [second] = policy.act([conversation], seeds=[1])
    assert second.prompt_ids[: len(first.prompt_ids) + len(first.token_ids)] == first.prompt_ids + first.token_ids
    [row] = episode_rows(Episode("t", (Turn(first, 0.0, ""), Turn(second, 1.0, "")), True, "answered", {}))
    assert sum(row.mask) == len(first.token_ids) + len(second.token_ids)
    assert [i for i, m in zip(row.ids, row.mask, strict=True) if m] == [*first.token_ids, *second.token_ids]


def test_an_edited_history_starts_a_new_row(policy: TransformersPolicy) -> None:
    [first], [second] = policy.act([ask("1+1=")], seeds=[0]), policy.act([ask("9=")], seeds=[1])
    rows = episode_rows(Episode("t", (Turn(first, 0.0, ""), Turn(second, 1.0, "")), True, "answered", {}))
    assert len(rows) == 2


def test_a_chat_template_decides_where_there_is_one() -> None:
    tokenizer = char_tokenizer("ab[]")
    tokenizer.chat_template = (
        "{% for m in messages %}[{{ m['content'] }}]{% endfor %}{% if add_generation_prompt %}[{% endif %}"
    )
    assert tokenizer.decode(encode_conversation(tokenizer, ask("ab"))) == "[ab]["


def test_temperature_0_takes_the_likeliest_id_and_records_at_temperature_1(policy: TransformersPolicy) -> None:
    greedy = TransformersPolicy(policy.lm, max_new_tokens=4, temperature=0.0)
    one, other = greedy.act([ask("12+34=")], n=2, seeds=[1, 2])
    assert one == other
    ids = list(one.prompt_ids)
    for token, logprob in zip(one.token_ids, one.logprobs, strict=True):
        with torch.no_grad():
            logprobs = policy.lm.model(torch.tensor([ids])).logits[0, -1].log_softmax(0)
        assert token == int(logprobs.argmax())
        assert logprobs[token].item() == pytest.approx(logprob, abs=1e-5)
        ids.append(token)


@pytest.mark.parametrize("temperature", [-0.1, float("inf"), float("nan")])
def test_temperatures_that_are_none_are_refused(policy: TransformersPolicy, temperature: float) -> None:
    with pytest.raises(ConfigError, match="temperature must be"):
        TransformersPolicy(policy.lm, max_new_tokens=4, temperature=temperature)


def test_the_vocabulary_is_what_the_model_has_logits_for(policy: TransformersPolicy) -> None:
    with torch.no_grad():
        logits = policy.lm.model(torch.tensor([[5]])).logits
    assert policy.vocabulary_size == logits.shape[-1] == len(ALPHABET) + 3
