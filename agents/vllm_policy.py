"""A policy over vLLM in this process: prompts as token ids in, sampled ids and their log-probabilities out.

Written for the documented interface of `vllm.LLM` (0.10.2 and later). The tests run it against a stand-in of these
classes over a local model; it has not been run against vLLM itself.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rlvr_gym.agents.encoding import encode_conversation
from rlvr_gym.agents.policy import Completion, Policy, Request
from rlvr_gym.agents.server_client import BackendError
from rlvr_gym.envs.task import check_int
from rlvr_gym.verifiers import ConfigError, MissingExtraError


class VllmPolicy(Policy):
    """Samples from a model in vLLM.

    Args:
        llm: A `vllm.LLM` that was made with `logprobs_mode="processed_logprobs"`: by default vLLM gives
            log-probabilities before temperature and `top_p`, which are not those of what was sampled. `from_folder`
            makes one.
        max_new_tokens: Longest response, in tokens.
        temperature: Positive.
        top_p: In (0, 1].

    Raises:
        ConfigError: A setting is refused.
        MissingExtraError: vLLM is not installed.
    """

    def __init__(self, llm: Any, *, max_new_tokens: int, temperature: float = 1.0, top_p: float = 1.0) -> None:
        check_int("max_new_tokens", max_new_tokens, 1, None)
        if not 0 < temperature < math.inf or not 0 < top_p <= 1:
            raise ConfigError(f"expected temperature > 0 and 0 < top_p <= 1, got {temperature!r} and {top_p!r}")
        self.llm = llm
        self.tokenizer = llm.get_tokenizer()
        self._make_settings = partial(
            _vllm().SamplingParams, max_tokens=max_new_tokens, temperature=temperature, top_p=top_p, logprobs=0
        )

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        **engine: Any,
    ) -> VllmPolicy:
        """Load a model from a transformers folder.

        Args:
            folder: Where model and tokenizer are.
            max_new_tokens: See the class.
            temperature: See the class.
            top_p: See the class.
            engine: Further arguments of `vllm.LLM`, such as `gpu_memory_utilization=0.4`.

        Raises:
            ConfigError: See the class.
            MissingExtraError: See the class.
        """
        llm = _vllm().LLM(model=str(folder), logprobs_mode="processed_logprobs", **engine)
        return cls(llm, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p)

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`. All requests are one call of vLLM, which batches them as it likes.

        Raises:
            BackendError: vLLM gave up on a request, or gave no log-probability of a sampled id.
        """
        known: dict[str, tuple[int, ...]] = {}
        prompts = [encode_conversation(self.tokenizer, one.conversation, known, one.tools) for one in requests]
        outputs = self.llm.generate(
            [{"prompt_token_ids": list(prompt)} for prompt in prompts],
            [self._make_settings(seed=request.seed) for request in requests],
            use_tqdm=False,
        )
        return [_completion(output.outputs[0], prompt) for output, prompt in zip(outputs, prompts, strict=True)]

    def load_weights(self, weights: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Replace the weights: what is sampled from now on is sampled with these.

        What vLLM had cached of prompts is dropped, since it was computed with the old ones. The function that loads
        goes to the workers: set `VLLM_ENABLE_V1_MULTIPROCESSING=0` before vLLM is imported, so that they are in this
        process, or `VLLM_ALLOW_INSECURE_SERIALIZATION=1`, which lets vLLM pickle it.

        Args:
            weights: Names as in the transformers model to tensors, such as `model.state_dict()`.
        """
        pairs = list(weights.items() if isinstance(weights, Mapping) else weights)
        self.llm.apply_model(partial(_load, pairs))
        self.llm.reset_prefix_cache()


def _load(weights: list[tuple[str, Any]], model: Any) -> None:
    model.load_weights(weights)


def _completion(output: Any, prompt: tuple[int, ...]) -> Completion:
    if output.finish_reason not in ("stop", "length"):
        raise BackendError(f"vLLM ended a response with finish_reason {output.finish_reason!r}: it is not finished")
    ids = tuple(output.token_ids)
    given = output.logprobs or []
    if len(given) != len(ids) or any(token not in of_token for token, of_token in zip(ids, given, strict=True)):
        raise BackendError(
            f"vLLM gave {len(ids)} ids and {len(given)} log-probabilities, which are not those of the ids"
        )
    return Completion(
        text=output.text,
        token_ids=ids,
        logprobs=tuple(float(of_token[token].logprob) for token, of_token in zip(ids, given, strict=True)),
        prompt_ids=prompt,
        finish_reason=output.finish_reason,
    )


def _vllm() -> Any:
    try:
        return importlib.import_module("vllm")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "vllm":
            raise MissingExtraError("vllm", "vllm", "a policy over vLLM") from error
        raise
