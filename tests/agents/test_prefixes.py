"""What was computed of conversations that go on: found by their ids, and the same as if they were read again."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")
transformers = pytest.importorskip("transformers", reason="agents need the extra 'agents'")

from rlvr_gym.agents import Play, TransformersPolicy, build_preset, collect, decoding  # noqa: E402
from rlvr_gym.agents.decoding import decode  # noqa: E402
from rlvr_gym.agents.policy import Request  # noqa: E402
from rlvr_gym.agents.prefixes import Page, Prefixes  # noqa: E402
from rlvr_gym.agents.reading import make_stepper  # noqa: E402
from rlvr_gym.agents.stepping import remembers  # noqa: E402

PROMPTS = [[5, 9, 11], [5, 9, 11], [7], [8, 3, 4, 4, 12, 40, 41, 2, 30], [20, 21]]
NOISE = torch.from_numpy(np.random.default_rng(2).random((len(PROMPTS), 9)))
MORE = [[30], [31, 2], [9, 9, 9, 9, 9], [], [1]]
OF_LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
BUILDS: dict[str, dict[str, Any]] = {
    "Llama": OF_LLAMA,
    "Qwen3": OF_LLAMA | {"head_dim": 16},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
    "Bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},  # takes no positions
    "Mistral": OF_LLAMA | {"sliding_window": 6},
}


def built(kind: str) -> Any:
    ids = {"vocab_size": 61, "bos_token_id": None, "eos_token_id": None, "pad_token_id": 0, "initializer_range": 0.3}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = getattr(transformers, f"{kind}Config")(**ids, **BUILDS[kind])
        return transformers.AutoModelForCausalLM.from_config(config).eval()


def rows_of(decoded: decoding.Decoded) -> list[list[int]]:
    return [row[:n] for row, n in zip(decoded.tokens_BT.tolist(), decoded.lengths_B.tolist(), strict=True)]


@pytest.fixture(scope="module", params=[name for name in BUILDS if name != "Mistral"])
def plain(request: pytest.FixtureRequest) -> Any:
    return built(request.param)


def longer(found: decoding.Decoded) -> list[list[int]]:
    """Prompts, what was sampled and what is said then."""
    rows = rows_of(found)
    return [[*prompt, *row, *more] for prompt, row, more in zip(PROMPTS, rows, MORE, strict=True)]


@pytest.mark.parametrize("share", [0.75, 0.0])
def test_a_conversation_that_goes_on_is_continued_as_if_it_were_read_again(
    plain: Any, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of other lengths, rows that left the batch early, two turns on."""
    monkeypatch.setattr(decoding, "OPEN_SHARE", share)
    prefixes = Prefixes()
    prompts = PROMPTS
    for turn in range(3):
        ends = [9, 17, 25, 33]
        noise = NOISE.roll(turn, 1)
        read_again = decode(plain, prompts, noise, eos_ids=ends, temperature=1.5)
        continued = decode(plain, prompts, noise, eos_ids=ends, temperature=1.5, prefixes=prefixes)
        assert rows_of(continued) == rows_of(read_again)
        for length, ours, theirs in zip(
            continued.lengths_B.tolist(), continued.logprobs_BT, read_again.logprobs_BT, strict=True
        ):
            torch.testing.assert_close(ours[:length], theirs[:length], rtol=1e-4, atol=1e-5)
        prompts = [[*p, *row, *more] for p, row, more in zip(prompts, rows_of(continued), MORE, strict=True)]


def test_only_what_is_not_known_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    model = built("Qwen3")
    prefixes = Prefixes()
    prompts = longer(decode(model, PROMPTS, NOISE, eos_ids=[9, 17], prefixes=prefixes))
    stepper = make_stepper(model, prompts, 0, 4, prefixes)
    whole = make_stepper(model, prompts, 0, 4)
    torch.testing.assert_close(stepper.logits_BV, whole.logits_BV, rtol=1e-4, atol=1e-5)
    # The last sampled id was never read: it and the longest of what was said then.
    assert stepper.cache.layers[0].used - prefixes.known(prompts).attention_UW.shape[1] == 1 + max(map(len, MORE))


def test_other_ids_in_the_middle_share_the_beginning_alone() -> None:
    model = built("Llama")
    prefixes = Prefixes()
    decode(model, [[5, 6, 7, 8, 9, 10]], NOISE[:1], eos_ids=[], prefixes=prefixes)
    turned = [[5, 6, 7, 40, 9, 10, 11], [6, 6, 7], [5, 6]]
    known = prefixes.known(turned)
    assert known.lengths == [3, 0, 1]  # the last id of a prompt is always read
    there = make_stepper(model, turned, 0, 2, prefixes)
    torch.testing.assert_close(there.logits_BV, make_stepper(model, turned, 0, 2).logits_BV, rtol=1e-4, atol=1e-5)
    assert prefixes.known([[6, 5]]) is None


IDS = st.lists(st.integers(0, 2), min_size=1, max_size=6).map(tuple)


@settings(deadline=None)
@given(st.lists(st.lists(IDS, min_size=1, max_size=4, unique=True), max_size=4), st.lists(IDS, min_size=1, max_size=4))
def test_the_longest_beginning_is_found(pages: list[list[tuple[int, ...]]], prompts: list[tuple[int, ...]]) -> None:
    """Each token's state is its own beginning as a number, so that a state found shows which tokens led to it."""

    def states(ids: tuple[int, ...], width: int) -> Any:
        numbers = [float(int("1" + "".join(map(str, ids[: i + 1])))) for i in range(len(ids))]
        return torch.tensor([-1.0] * (width - len(ids)) + numbers)[:, None].expand(-1, 2)

    prefixes = Prefixes()
    every = [row for rows in pages for row in rows]
    for rows in pages:
        width = max(map(len, rows))
        kept = torch.stack([torch.stack([states(row, width), -states(row, width)]) for row in rows])[:, :, None]
        attention = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        prefixes.add(rows, Page((kept.contiguous(),), attention))
    known = prefixes.known(prompts)
    best = [
        max((n for row in every for n in range(len(prompt)) if row[:n] == prompt[:n]), default=0) for prompt in prompts
    ]
    if known is None:
        assert set(best) == {0}
        return
    assert known.lengths == best
    keys, values = known.layers[0].unbind(1)
    for row, (prompt, length) in enumerate(zip(prompts, best, strict=True)):
        padding = known.attention_UW.shape[1] - length
        assert known.attention_UW[row].tolist() == [0] * padding + [1] * length
        torch.testing.assert_close(keys[row, 0, padding : padding + length], states(prompt[:length], length))
    assert torch.equal(keys, -values)


def test_what_is_oldest_is_forgotten() -> None:
    def page() -> Page:
        return Page((torch.zeros(1, 2, 1, 4, 8),), torch.ones(1, 4))

    prefixes = Prefixes(kept_bytes=2 * page().bytes)
    for first in range(4):
        prefixes.add([(first, 1, 1, 1)], page())
    assert [prefixes.known([(first, 1, 1, 1)]) is not None for first in range(4)] == [False, False, True, True]
    prefixes.add([(2, 1, 1, 1, 1)], page())  # goes on from one of them, in whose place it comes
    assert [prefixes.known([(first, 1, 1, 1)]) is not None for first in range(4)] == [False, False, True, True]


def test_models_that_see_a_window_remember_nothing() -> None:
    assert [kind for kind in BUILDS if not remembers(built(kind))] == ["Mistral"]


def asked(policy: TransformersPolicy, text: str) -> Any:
    return policy.sample([Request([{"role": "user", "content": text}], seed=1, index=0)])[0]


def test_a_policy_forgets_when_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = TransformersPolicy(build_preset("nano", alphabet="ab"), max_new_tokens=3)
    before = asked(policy, "abab")
    with policy.remembering():
        first = asked(policy, "abab")
        assert asked(policy, "abab").token_ids == first.token_ids == before.token_ids
    with torch.no_grad():
        for parameter in policy.lm.model.parameters():
            parameter.mul_(-1.5)
    fresh = asked(policy, "abab")
    with policy.remembering():
        assert asked(policy, "abab") == fresh
    assert fresh.logprobs != before.logprobs


@pytest.mark.parametrize("env_id", ["rlvr/Corridor-v0", "rlvr/Mastermind-v0"])
def test_episodes_are_the_same_with_and_without(env_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    knobs = {"rlvr/Corridor-v0": {"style": "compact", "rooms": 4, "max_turns": 6}}.get(env_id, {"max_turns": 6})
    envs = [gym.make(f"rlvr_gym:{env_id}", **knobs) for _ in range(6)]
    text = "".join(sorted({c for env in envs for s in range(4) for c in env.reset(seed=s)[0]} | set("bgr|:0123456789")))
    policy = TransformersPolicy(build_preset("nano", alphabet=text), max_new_tokens=4)
    plays = [Play(seed=i // 3, sample_seed=i) for i in range(6)]
    remembered = collect(envs, policy, plays)
    monkeypatch.setattr(TransformersPolicy, "remembering", lambda self: nullcontext())
    again = collect(envs, policy, plays)
    assert max(len(episode.turns) for episode in again) > 2
    for ours, theirs in zip(remembered, again, strict=True):
        pairs = list(zip(ours.turns, theirs.turns, strict=True))
        assert all(a.completion.token_ids == b.completion.token_ids for a, b in pairs)
        assert all(a.completion.prompt_ids == b.completion.prompt_ids for a, b in pairs)
        for a, b in pairs:
            assert a.completion.logprobs == pytest.approx(b.completion.logprobs, abs=1e-4)
