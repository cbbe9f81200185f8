"""`VllmPolicy` against a stand-in of the classes of vLLM that it uses, with their documented names and fields.

vLLM itself needs a GPU and is not installed where these tests run. The stand-in samples from a tiny transformers model,
refuses what vLLM refuses (unknown arguments), and keeps a cache of prompts that is stale once weights have changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import Policy, TransformersPolicy, build_preset, load_model  # noqa: E402
from rlvr_gym.agents.server_client import BackendError  # noqa: E402
from rlvr_gym.agents.vllm_policy import VllmPolicy  # noqa: E402
from rlvr_gym.verifiers import ConfigError, MissingExtraError  # noqa: E402

ALPHABET = "0123456789+="
ASKED = [[{"role": "user", "content": f"{i}+{i}="}] for i in range(4)]


@dataclass
class SamplingParams:
    """`vllm.SamplingParams`, the fields of it that are used here, with their defaults."""

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    max_tokens: int | None = 16
    logprobs: int | None = None


@dataclass
class Logprob:
    """`vllm.logprobs.Logprob`."""

    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    """`vllm.CompletionOutput`."""

    index: int
    text: str
    token_ids: Sequence[int]
    cumulative_logprob: float | None
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str | None = None
    stop_reason: int | str | None = None


@dataclass
class RequestOutput:
    """`vllm.RequestOutput`."""

    request_id: str
    prompt: str | None
    prompt_token_ids: list[int] | None
    outputs: list[CompletionOutput]
    finished: bool = True


class Loadable:
    """A model of vLLM, as `apply_model` gives it to a function."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        pairs = dict(weights)
        self.model.load_state_dict(pairs)
        return set(pairs)


@dataclass
class LLM:
    """`vllm.LLM`. `logprobs_mode` as of vLLM: raw log-probabilities are those at temperature 1."""

    model: str
    logprobs_mode: str = "raw_logprobs"
    gpu_memory_utilization: float = 0.9
    cached: dict[Any, CompletionOutput] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lm = load_model(self.model)

    def get_tokenizer(self) -> Any:
        return self.lm.tokenizer

    def generate(
        self, prompts: Sequence[dict[str, Any]], sampling_params: Sequence[SamplingParams], *, use_tqdm: bool = True
    ) -> list[RequestOutput]:
        assert self.logprobs_mode == "processed_logprobs"
        assert len(prompts) == len(sampling_params)
        assert not use_tqdm
        return [
            RequestOutput(str(i), None, prompt["prompt_token_ids"], [self._generate(prompt["prompt_token_ids"], how)])
            for i, (prompt, how) in enumerate(zip(prompts, sampling_params, strict=True))
        ]

    def _generate(self, prompt: list[int], how: SamplingParams) -> CompletionOutput:
        assert (how.n, how.top_p, how.logprobs) == (1, 1.0, 0)
        assert how.seed is not None
        assert -(2**63) <= how.seed < 2**63
        key = (*prompt, how.seed)
        if key not in self.cached:
            policy = TransformersPolicy(self.lm, max_new_tokens=how.max_tokens or 16, temperature=how.temperature)
            conversation = [{"role": "assistant", "content": "", "token_ids": tuple(prompt)}]
            [said] = policy.act([conversation], seeds=[how.seed])
            logprobs = [{i: Logprob(value, 1)} for i, value in zip(said.token_ids, said.logprobs, strict=True)]
            self.cached[key] = CompletionOutput(0, said.text, said.token_ids, None, logprobs, said.finish_reason)
        return self.cached[key]

    def apply_model(self, func: Callable[[Any], Any]) -> list[Any]:
        return [func(Loadable(self.lm.model))]

    def reset_prefix_cache(self) -> bool:
        self.cached.clear()
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("model")
    lm = build_preset("nano", alphabet=ALPHABET)
    lm.model.save_pretrained(there)
    lm.tokenizer.save_pretrained(there)
    return there


@pytest.fixture(autouse=True)
def _vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, SamplingParams  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)


def test_completions_are_those_of_the_model(folder: Path) -> None:
    policy = VllmPolicy.from_folder(folder, max_new_tokens=6, temperature=0.7, gpu_memory_utilization=0.4)
    assert isinstance(policy, Policy)
    assert policy.llm.gpu_memory_utilization == 0.4
    local = TransformersPolicy(load_model(folder), max_new_tokens=6, temperature=0.7)
    seeds = [2**63 - 1, *range(11)]
    served, here = policy.act(ASKED, n=3, seeds=seeds), local.act(ASKED, n=3, seeds=seeds)
    assert len({one.text for one in served}) > 6
    for one, other in zip(served, here, strict=True):
        assert (one.text, one.token_ids, one.prompt_ids) == (other.text, other.token_ids, other.prompt_ids)
        assert one.finish_reason == other.finish_reason
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_a_response_before_keeps_its_ids(folder: Path) -> None:
    policy = VllmPolicy.from_folder(folder, max_new_tokens=6)
    [first] = policy.act(ASKED[:1], seeds=[1])
    conversation = [*ASKED[0], {"role": "assistant", "content": "?", "token_ids": first.token_ids}, *ASKED[1]]
    [second] = policy.act([conversation], seeds=[2])
    assert second.prompt_ids[: len(first.prompt_ids + first.token_ids)] == first.prompt_ids + first.token_ids


def test_loaded_weights_are_those_that_are_sampled_with(folder: Path) -> None:
    policy = VllmPolicy.from_folder(folder, max_new_tokens=6)
    before = policy.act(ASKED, seeds=range(4))
    other = build_preset("nano", alphabet=ALPHABET, seed=1)
    policy.load_weights(other.model.state_dict())
    after = policy.act(ASKED, seeds=range(4))
    assert [one.token_ids for one in after] != [one.token_ids for one in before]
    local = TransformersPolicy(other, max_new_tokens=6).act(ASKED, seeds=range(4))
    assert [one.token_ids for one in after] == [one.token_ids for one in local]
    policy.load_weights(iter(load_model(folder).model.state_dict().items()))
    assert policy.act(ASKED, seeds=range(4)) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"finish_reason": "abort"}, "finish_reason 'abort'"),
        ({"finish_reason": None}, "finish_reason None"),
        ({"logprobs": None}, "2 ids and 0 log-probabilities"),
        ({"logprobs": [{1: Logprob(-1.0)}, {3: Logprob(-1.0)}]}, "not those of the ids"),
    ],
)
def test_what_is_no_completion_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    policy = VllmPolicy.from_folder(folder, max_new_tokens=6)
    given = {"logprobs": [{1: Logprob(-1.0)}, {2: Logprob(-1.0)}], "finish_reason": "stop", **changes}
    monkeypatch.setattr(LLM, "_generate", lambda *_: CompletionOutput(0, "12", (1, 2), None, **given))
    with pytest.raises(BackendError, match=message):
        policy.act(ASKED[:1])


@pytest.mark.parametrize(
    "settings", [{"max_new_tokens": 0}, {"temperature": 0.0}, {"temperature": float("inf")}, {"top_p": 0.0}]
)
def test_settings_that_are_refused(folder: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        VllmPolicy.from_folder(folder, **{"max_new_tokens": 6, **settings})


def test_without_vllm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rlvr-gym\[vllm\]'"):
        VllmPolicy.from_folder(folder, max_new_tokens=6)
