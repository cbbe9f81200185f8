"""Decoding against `transformers.generate` and against scoring without a cache, on tiny models of several builds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")
transformers = pytest.importorskip("transformers", reason="agents need the extra 'agents'")

from rlvr_gym.agents import TransformersPolicy, build_preset, decoding, llama_stepping, reading  # noqa: E402
from rlvr_gym.agents.batch import Row as TrainingRow  # noqa: E402
from rlvr_gym.agents.batch import batch_of_rows, token_logprobs  # noqa: E402
from rlvr_gym.agents.decoding import Decoded, decode, draw_tokens  # noqa: E402
from rlvr_gym.agents.llama_stepping import LlamaStepper, is_plain_llama  # noqa: E402
from rlvr_gym.agents.reading import make_stepper  # noqa: E402
from rlvr_gym.agents.stepping import Stepper  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402

VOCABULARY, LENGTH = 61, 12
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
BUILDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", SHAPE),
    "llama, biases, other rotation": (
        "Llama",
        SHAPE | {"attention_bias": True, "mlp_bias": True, "rope_parameters": LLAMA3, "tie_word_embeddings": True},
    ),
    "qwen2": ("Qwen2", SHAPE),
    "qwen3": ("Qwen3", SHAPE | {"head_dim": 16}),
    "mistral": ("Mistral", SHAPE | {"sliding_window": None}),
    "mistral, window": ("Mistral", SHAPE | {"sliding_window": 6}),
    "llama, gelu": ("Llama", SHAPE | {"hidden_act": "gelu"}),
    "llama, dynamic rotation": (
        "Llama",
        SHAPE | {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}},
    ),
    "gemma3": ("Gemma3Text", SHAPE | {"head_dim": 8, "sliding_window": 6}),
    "gpt2": (
        "GPT2",
        {key: SHAPE[key] for key in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range")}
        | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    ),
    "bloom, no position_ids": (
        "Bloom",
        {key: SHAPE[key] for key in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range")}
        | {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    ),
}
FAST = {"llama", "llama, biases, other rotation", "qwen2", "qwen3", "mistral"}
PROMPTS = [[5, 9, 11], [5, 9, 11], [7], [8, 3, 4, 4, 12, 40, 41, 2, 30], [20, 21]]


def built(name: str) -> Any:
    kind, settings = BUILDS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = getattr(transformers, f"{kind}Config")(**settings)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
        for parameter in model.parameters():
            if parameter.ndim == 1:  # gains and biases begin at 1 and 0, where nothing tells them apart
                parameter.data.add_(0.2 * torch.randn(parameter.shape))
    model.generation_config.eos_token_id = None
    return model


@pytest.fixture(scope="module", params=BUILDS)
def model(request: pytest.FixtureRequest) -> Any:
    return built(request.param)


@pytest.fixture(scope="module")
def llama() -> Any:
    return built("llama")


@pytest.fixture
def noise() -> Any:
    return torch.from_numpy(np.random.default_rng(1).random((len(PROMPTS), LENGTH)))


def generated(model: Any, prompts: list[list[int]], eos: list[int] | None, **settings: Any) -> list[list[int]]:
    """The new ids of `transformers.generate`, each row to its end."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    attention = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    ends = {"eos_token_id": eos, "pad_token_id": 0} if eos else {}
    found = model.generate(input_ids=ids, attention_mask=attention, max_new_tokens=LENGTH, **ends, **settings)
    rows = found[:, width:].tolist()
    return [row[: min((i + 1 for i, token in enumerate(row) if token in (eos or [])), default=LENGTH)] for row in rows]


def rows_of(decoded: Decoded) -> list[list[int]]:
    return [row[:n] for row, n in zip(decoded.tokens_BT.tolist(), decoded.lengths_B.tolist(), strict=True)]


def scored(model: Any, prompts: list[list[int]], rows: list[list[int]], temperature: float) -> list[Any]:
    """Log-probabilities of responses by one pass over each whole row."""
    training = [
        TrainingRow(ids=[*p, *r], mask=[False] * len(p) + [True] * len(r)) for p, r in zip(prompts, rows, strict=True)
    ]
    for row in training:
        row.logprobs, row.steps = [0.0] * len(row.ids), [0] * len(row.ids)
    with torch.no_grad():
        alone = [token_logprobs(model, batch_of_rows([row], 0), temperature)[0] for row in training]
    return [found[len(prompt) :] for prompt, found in zip(prompts, alone, strict=True)]


def ends_at_different_times(model: Any, **settings: Any) -> list[int]:
    """Ids that end some rows of what `transformers.generate` gives early, and others late or never."""
    rows = generated(model, PROMPTS, None, **settings)
    return sorted({rows[0][2], rows[2][5], rows[4][LENGTH - 2]})


def test_who_takes_the_short_way(model: Any, request: pytest.FixtureRequest) -> None:
    kind = type(make_stepper(model, PROMPTS, 0, room=2))
    assert kind is (LlamaStepper if request.node.callspec.params["model"] in FAST else Stepper)


def test_greedy_ids_are_those_of_generate(model: Any, noise: Any) -> None:
    """With and without end ids, and with prompts of one length, where nothing is padded."""
    assert rows_of(decode(model, PROMPTS, noise, eos_ids=[], temperature=0.0)) == generated(
        model, PROMPTS, None, do_sample=False
    )
    eos = ends_at_different_times(model, do_sample=False)
    found = decode(model, PROMPTS, noise, eos_ids=eos, temperature=0.0)
    assert rows_of(found) == generated(model, PROMPTS, eos, do_sample=False)
    assert len(set(found.lengths_B.tolist())) > 1
    even = [[5, 9, 11], [6, 2, 50], [6, 2, 50], [1, 2, 3]]
    assert rows_of(decode(model, even, noise[:4], eos_ids=[], temperature=0.0)) == generated(
        model, even, None, do_sample=False
    )


@pytest.fixture
def inverted(monkeypatch: pytest.MonkeyPatch, noise: Any) -> None:
    """`torch.multinomial` inverts the cumulative distribution at our noise, a column a call."""
    columns = iter(np.tile(noise.numpy().T, (2, 1)))

    def multinomial(probabilities: Any, num_samples: int) -> Any:
        sums = np.cumsum(probabilities.double().numpy(), axis=1)
        numbers = next(columns)[:, None] * sums[:, -1:]
        return torch.from_numpy((sums > numbers).argmax(axis=1, keepdims=True))

    monkeypatch.setattr(torch, "multinomial", multinomial)


@pytest.mark.usefixtures("inverted")
def test_sampled_ids_are_those_of_generate_with_the_same_noise(model: Any, noise: Any) -> None:
    settings = {"do_sample": True, "temperature": 1.7, "top_k": 0, "top_p": 1.0}
    eos = ends_at_different_times(model, **settings)
    theirs = generated(model, PROMPTS, eos, **settings)
    ours = decode(model, PROMPTS, noise, eos_ids=eos, temperature=1.7)
    assert rows_of(ours) == theirs
    assert theirs[0] != theirs[1]  # one prompt, different noise


@pytest.mark.parametrize("temperature", [0.0, 0.6, 1.0])
def test_logprobs_and_entropies_are_those_of_scoring_whole_rows(model: Any, noise: Any, temperature: float) -> None:
    found = decode(model, PROMPTS, noise, eos_ids=[3, 9, 17, 25], temperature=temperature)
    rows = rows_of(found)
    for i, expected in enumerate(scored(model, PROMPTS, rows, temperature or 1.0)):
        assert torch.allclose(found.logprobs_BT[i, : len(rows[i])], expected, atol=1e-5)
        with torch.no_grad():
            logits = model(torch.tensor([PROMPTS[i] + rows[i]])).logits[0, len(PROMPTS[i]) - 1 : -1].double()
        logprobs = (logits / (temperature or 1.0)).log_softmax(dim=-1)
        entropies = -(logprobs.exp() * logprobs).sum(dim=-1).float()
        assert torch.allclose(found.entropies_BT[i, : len(rows[i])], entropies, atol=1e-5)


def test_dropping_ended_rows_changes_nothing(model: Any, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    keep = Stepper.keep
    monkeypatch.setattr(Stepper, "keep", lambda self, rows: kept.append(len(rows)) or keep(self, rows))
    eos = list(range(0, VOCABULARY, 6))
    dropped = decode(model, PROMPTS, noise, eos_ids=eos, temperature=1.5)
    assert kept[0] == len(PROMPTS)
    assert kept[1:]
    assert kept == sorted(kept, reverse=True)
    monkeypatch.setattr(decoding, "OPEN_SHARE", 0.0)
    kept.clear()
    whole = decode(model, PROMPTS, noise, eos_ids=eos, temperature=1.5)
    assert kept == [len(PROMPTS)]
    assert rows_of(dropped) == rows_of(whole)
    for i, n in enumerate(whole.lengths_B.tolist()):
        assert torch.allclose(dropped.logprobs_BT[i, :n], whole.logprobs_BT[i, :n], atol=1e-5)
        assert torch.allclose(dropped.entropies_BT[i, :n], whole.entropies_BT[i, :n], atol=1e-5)


def test_rows_do_not_depend_on_each_other(model: Any, noise: Any) -> None:
    together = rows_of(decode(model, PROMPTS, noise, eos_ids=[9, 17]))
    alone = [rows_of(decode(model, [p], noise[i : i + 1], eos_ids=[9, 17]))[0] for i, p in enumerate(PROMPTS)]
    assert together == alone


def test_each_prompt_is_read_once(llama: Any, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    handle = llama.model.embed_tokens.forward
    monkeypatch.setattr(
        llama.model.embed_tokens, "forward", lambda ids: shapes.append(tuple(ids.shape)) or handle(ids), raising=False
    )
    decode(llama, [[1, 2, 3]] * 5, noise, eos_ids=[])
    assert shapes == [(1, 3)]


def test_changed_weights_are_seen(noise: Any) -> None:
    """Whatever is prepared from the weights, a training step between two calls is no step behind."""
    model = built("qwen3")
    before = rows_of(decode(model, PROMPTS, noise, eos_ids=[]))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.2)
    after = rows_of(decode(model, PROMPTS, noise, eos_ids=[]))
    assert after != before
    expected = scored(model, PROMPTS, after, 1.0)
    found = decode(model, PROMPTS, noise, eos_ids=[])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found.logprobs_BT, expected, strict=True))


def test_modules_that_were_replaced_or_hooked_are_called(llama: Any) -> None:
    class Adapter(torch.nn.Linear):
        pass

    model = built("llama")
    assert is_plain_llama(model)
    handle = model.model.layers[1].mlp.register_forward_hook(lambda *_: None)
    assert not is_plain_llama(model)
    handle.remove()
    model.model.layers[0].self_attn.q_proj = Adapter(32, 32, bias=False)
    assert not is_plain_llama(model)


@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2"])
def test_half_precision_gives_logits_in_float32(name: str, noise: Any) -> None:
    """bfloat16 keeps 8 bits: log-probabilities of some nats agree to a few hundredths of their size."""
    model = built(name).to(torch.bfloat16)
    found = decode(model, PROMPTS, noise, eos_ids=[9], temperature=2.0)
    assert found.logprobs_BT.dtype == torch.float32
    rows = rows_of(found)
    for i, expected in enumerate(scored(model, PROMPTS, rows, 2.0)):
        assert torch.allclose(found.logprobs_BT[i, : len(rows[i])], expected, atol=0.15, rtol=0.05)


def test_a_large_vocabulary_is_searched_exactly() -> None:
    """Blocks against one sum over everything, for ordinary numbers and for the first and last of the blocks."""
    generator = torch.Generator().manual_seed(0)
    for size in (1025, 2048, 5000):
        logits = torch.randn(64, size, generator=generator) * 3
        logits[:, ::3] = float("-inf")
        uniforms = torch.rand(64, generator=generator, dtype=torch.double)
        uniforms[:3] = torch.tensor([0.0, 1 - 2**-53, 0.5])
        ids, logprobs, _ = draw_tokens(logits, uniforms)
        sums = np.cumsum(logits.softmax(-1).double().numpy(), axis=1)
        targets = np.minimum(uniforms.numpy(), 1 - 2**-52)[:, None] * sums[:, -1:]
        assert ids.tolist() == (sums > targets).argmax(axis=1).tolist()
        assert torch.isfinite(logprobs).all()
        alone = [draw_tokens(logits[i : i + 1], uniforms[i : i + 1])[0].item() for i in range(64)]
        assert ids.tolist() == alone


def test_an_empty_prompt_is_refused(llama: Any, noise: Any) -> None:
    with pytest.raises(ConfigError, match="has no tokens"):
        decode(llama, [[1], []], noise[:2], eos_ids=[])


def test_more_requests_than_slots() -> None:
    """300 requests by 64 and at once, with prompts of many lengths; the order is that of the requests."""
    lm = build_preset("nano", alphabet="0123456789+=")
    asked = [[{"role": "user", "content": "1" * (1 + i * 7 % 11) + "+2="}] for i in range(300)]
    by_64, at_once = (
        TransformersPolicy(lm, max_new_tokens=6, batch_size=size).act(asked, seeds=range(300)) for size in (64, 300)
    )
    assert [c.token_ids for c in by_64] == [c.token_ids for c in at_once]
    for conversation, completion in zip(asked, by_64, strict=True):
        assert lm.tokenizer.decode(completion.prompt_ids) == conversation[0]["content"]


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_both_ways_agree_under_autocast(name: str, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training in bf16 samples under autocast: rounding happens in the same places, or log-probabilities drift."""
    model = built(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        short = decode(model, PROMPTS, noise, eos_ids=[], temperature=2.0)
        monkeypatch.setattr(reading, "is_plain_llama", lambda _: False)
        long = decode(model, PROMPTS, noise, eos_ids=[], temperature=2.0)
    assert torch.equal(short.tokens_BT, long.tokens_BT)
    assert torch.allclose(short.logprobs_BT, long.logprobs_BT, atol=1e-3)


@pytest.mark.parametrize("name", sorted(FAST))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_weights_give_the_same(name: str, dtype: Any, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every product of every width through oneDNN's packed weights, and none."""
    model = built(name).to(dtype)
    plain = decode(model, PROMPTS, noise, eos_ids=[9, 17], temperature=2.0)
    monkeypatch.setattr(llama_stepping, "_PACKED_WEIGHTS", 0)
    monkeypatch.setattr(llama_stepping, "_PACKED_WORK", 0)
    packed = decode(model, PROMPTS, noise, eos_ids=[9, 17], temperature=2.0)
    assert rows_of(packed) == rows_of(plain)
    for length, ours, theirs in zip(plain.lengths_B.tolist(), packed.logprobs_BT, plain.logprobs_BT, strict=True):
        torch.testing.assert_close(
            ours[:length], theirs[:length], rtol=1e-4, atol=1e-5 if dtype == torch.float32 else 0.05
        )


def test_a_model_can_be_trained_after_it_was_decoded_from(model: Any, noise: Any) -> None:
    """What a module keeps of a forward pass must not be of a kind that autograd refuses."""
    decode(model, PROMPTS, noise, eos_ids=[])
    ids = torch.tensor([PROMPTS[3] * 6])
    model(input_ids=ids, labels=ids).loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    model.zero_grad(set_to_none=True)
