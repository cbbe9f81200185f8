"""A policy behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`, OpenAI itself.

One request a completion, each with its own seed, so that a completion depends on its conversation and its seed alone as
far as the server keeps to seeds. `collect` asks for many at once (`sample`), `rollout` for each by itself (`aact`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from rlvr_gym.agents.asking import Refused
from rlvr_gym.agents.encoding import encode_conversation
from rlvr_gym.agents.policy import Completion, Message, Policy, Request
from rlvr_gym.agents.server_client import Call, RefusedError, ServerClient, checked_url
from rlvr_gym.envs.task import check_int
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

_LOG = logging.getLogger(__name__)

KEY_ENV = "RLVR_SERVER_KEY"
_REFUSED_AT_FIRST = 64  # so many refusals and no answer are a mistake in the settings
_CHAT, _PLAIN = "/chat/completions", "/completions"
_SEEDS = 2**31  # SGLang keeps seeds in 32 bits, llama.cpp reads 2**32 - 1 as "any"
_BYTES, _BYTES_A_TOKEN = 1 << 22, 1 << 10  # what an answer may have at most: text, ids and log-probabilities
_LARGEST = 1e9  # log-probability; servers write -9999 for minus infinity
_FINISH_REASONS = {
    "stop": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "length",  # cut off by somebody else
}


class ServerPolicy(Policy):
    """Completions of a model behind an OpenAI-compatible server.

    Args:
        url: The API, such as `http://localhost:8000/v1`, for chat completions: the server applies the chat template and
            is told of tools, whose calls come back as `Completion.tool_calls`. With `/completions` at its end, plain
            completions: the contents of the messages are joined, as for a tokenizer without a chat template.
        model: Its name at the server; by default the only one that the server has, which is asked for at once.
        max_new_tokens: Longest response, in tokens.
        temperature: 0 is greedy.
        top_p: Sent always, because servers take what is not sent from the model's `generation_config.json`.
        stop: Texts that end a response.
        tokenizer: For plain completions: a transformers tokenizer. Prompts are then sent as token ids, and an assistant
            message without a chat template keeps the very ids that were sampled.
        token_ids: Ask for the sampled ids and their log-probabilities, as learners need them. vLLM (0.10.2 and later)
            gives them; a server that does not is an error. Start it with `--logprobs-mode processed_logprobs`, or the
            log-probabilities are those at temperature 1.
        extra: Fields of every request, put over the others; None takes a field out. For example
            `{"max_tokens": None, "max_completion_tokens": 512}` where a model of OpenAI demands that name.
        concurrency: Most requests under way.
        timeout_s: Seconds that one try may take.
        retries: How often a request is tried again; see `ServerClient`.
        backoff_s: Seconds before the second try; see `ServerClient`.
        key_env: Environment variable of the key. It is not that of any provider, so that no key goes to a server that
            it is not for.

    Raises:
        ConfigError: A setting is refused, or the server has several models and none is named.
        BackendError: The server was asked for its models and did not answer.
        MissingExtraError: httpx is not installed.

    Example:
        >>> policy = ServerPolicy("http://localhost:8000/v1", "Qwen/Qwen3-0.6B", max_new_tokens=64, temperature=0.7)
        >>> body = policy.request_body(Request([{"role": "user", "content": "1+1="}], seed=7, index=0))
        >>> body["messages"], body["seed"], body["temperature"]
        ([{'role': 'user', 'content': '1+1='}], 7, 0.7)
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        stop: Sequence[str] = (),
        tokenizer: Any = None,
        token_ids: bool = False,
        extra: Mapping[str, Any] | None = None,
        concurrency: int = 64,
        timeout_s: float = 600.0,
        retries: int = 5,
        backoff_s: float = 0.5,
        key_env: str = KEY_ENV,
    ) -> None:
        check_int("max_new_tokens", max_new_tokens, 1, None)
        if not 0 <= temperature < math.inf or not 0 < top_p <= 1:
            raise ConfigError(f"expected temperature >= 0 and 0 < top_p <= 1, got {temperature!r} and {top_p!r}")
        if isinstance(stop, str):
            raise ConfigError(f"stop is a list of texts, got {stop!r:.60}")
        base, self._path = _endpoint(checked_url(url))
        if tokenizer is not None and self._path == _CHAT:
            raise ConfigError(f"a tokenizer is for plain completions: give {base + _PLAIN} as the url")
        self._settings = {"temperature": temperature, "top_p": top_p, "max_tokens": max_new_tokens, "stop": list(stop)}
        self._extra, self._tokenizer, self._token_ids = dict(extra or {}), tokenizer, token_ids
        self._most_bytes = _BYTES + _BYTES_A_TOKEN * max_new_tokens
        self._client = ServerClient(
            base, key_env=key_env, concurrency=concurrency, timeout_s=timeout_s, retries=retries, backoff_s=backoff_s
        )
        self.model = _only_model(self._client) if model is None else model
        self._answered, self._told, self._refused = False, False, 0

    def identity(self) -> dict[str, Any]:
        """What makes its completions what they are: model and settings, no address and no key.

        The same model at another address is the same policy, also for a run folder that is continued. Whether a name
        stands for the same weights there, no server tells.
        """
        kind = "chat" if self._path == _CHAT else "completions"
        settings = {key: value for key, value in self._settings.items() if value != []}
        return {"model": self.model, "endpoint": kind, **settings, **({"extra": self._extra} if self._extra else {})}

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`. In place of a completion that the server refused there is a `Refused`.

        Raises:
            BackendError: A request failed for good, or an answer is no completion. The other requests are ended.
            RefusedError: All of them were refused, and nothing was answered before.
        """
        answers = self._client.ask([self._call(request) for request in requests])
        self._answered |= not all(isinstance(answer, RefusedError) for answer in answers)
        return [self._completion(answer, most=1) for answer in answers]

    async def aact(self, request: Request) -> Completion:
        """See `AsyncPolicy`. What the server refused is a `Refused`.

        Raises:
            BackendError: See `sample`.
            RefusedError: It and 63 others were refused, and nothing was answered before.
        """
        try:
            answer = await self._client.aask(self._call(request))
            self._answered = True
        except RefusedError as error:
            answer = error
        return self._completion(answer, most=_REFUSED_AT_FIRST)

    def close(self) -> None:
        """End the requests under way and the connections. A later request begins anew."""
        self._client.close()

    def request_body(self, request: Request) -> dict[str, Any]:
        """What is sent for a request.

        Raises:
            ConfigError: There are tools to be told of, and nothing here or at the server would tell of them.
        """
        body: dict[str, Any] = {"model": self.model, **self._settings, "seed": request.seed % _SEEDS}
        if not body["stop"]:
            del body["stop"]
        if self._path == _CHAT:
            body["messages"] = [_sent(message) for message in request.conversation]
            if request.tools:
                body["tools"] = [dict(tool) for tool in request.tools]
        else:
            body["prompt"] = self._prompt(request)
        if self._token_ids:
            body |= {"return_token_ids": True, "logprobs": True if self._path == _CHAT else 1}
        body |= self._extra
        return {key: value for key, value in body.items() if value is not None}

    def _call(self, request: Request) -> Call:
        return Call(self._path, self.request_body(request), request.seed, self._most_bytes)

    def _prompt(self, request: Request) -> str | list[int]:
        if self._tokenizer is not None:
            return list(encode_conversation(self._tokenizer, request.conversation, None, request.tools))
        if request.tools:
            raise ConfigError(
                "the environment leaves it to a chat template to tell of its tools, and plain completions have none: "
                "use chat completions, or make the environment with a call_format whose rendering is 'text'"
            )
        return "".join(str(message["content"]) for message in request.conversation)

    def _refusal(self, error: RefusedError, most: int) -> Completion:
        """What stands for a refused completion; raised where there was no answer yet, and so many refusals."""
        self._refused += 1
        if not self._answered and self._refused >= most:
            raise error
        if not self._told:
            _LOG.warning("%s; the episode is not gradable, the others go on (said once)", error)
        self._told = True
        return Refused(error)

    def _completion(self, answer: Any, most: int) -> Completion:
        """The completion in an answer."""
        if isinstance(answer, RefusedError):
            return self._refusal(answer, most)
        try:
            choice = _only_choice(answer)
            said = _given(choice, "finish_reason", str)
            if said not in _FINISH_REASONS:
                raise _Wrong("an unknown finish_reason", said)
            calls: tuple[Message, ...] = ()
            if self._path == _CHAT:
                text, calls = _message(_given(choice, "message", dict))
            else:
                text = _given(choice, "text", str)
            ids, logprobs, prompt_ids = _tokens({**answer, **choice}) if self._token_ids else ((), (), ())
        except _Wrong as error:
            raise self._client.wrong(self._path, error.what, error.found) from None
        return Completion(
            text=text,
            token_ids=ids,
            logprobs=logprobs,
            prompt_ids=prompt_ids,
            finish_reason=_FINISH_REASONS[said],
            tool_calls=calls,
        )


class _Wrong(Exception):
    """An answer that is none: what is wrong with it, and the part in which it is."""

    def __init__(self, what: str, found: object) -> None:
        super().__init__(what)
        self.what, self.found = what, found


def _endpoint(url: str) -> tuple[str, str]:
    """The API and the endpoint that an address names; chat completions by default."""
    for path in (_CHAT, _PLAIN):  # the second is the end of the first
        if url.endswith(path):
            return url.removesuffix(path), path
    return url, _CHAT


def _only_model(client: ServerClient) -> str:
    [answer] = client.ask([Call("/models")])
    if isinstance(answer, RefusedError):
        raise answer
    try:
        names = [_given(entry, "id", str) for entry in _given(answer, "data", list)]
    except _Wrong as error:
        raise client.wrong("/models", error.what, error.found) from None
    if len(names) != 1:
        raise ConfigError(f"{client.url} has {len(names)} models, name one of them: {shown(names, 300)}")
    return str(names[0])


def _sent(message: Message) -> dict[str, Any]:
    """A message as servers take it."""
    return {key: value for key, value in message.items() if key != "token_ids"}


def _given(holder: Any, key: str, kind: type) -> Any:
    """A part of an answer that has to be there."""
    value = holder.get(key) if isinstance(holder, Mapping) else None
    if not isinstance(value, kind):
        raise _Wrong(f"no {key!r} that is a {kind.__name__}", holder)
    return value


def _only_choice(answer: Any) -> Mapping[str, Any]:
    choices = _given(answer, "choices", list)
    if len(choices) != 1 or not isinstance(choices[0], Mapping):
        raise _Wrong("'choices' that are not one object", choices)
    return choices[0]


def _message(message: Mapping[str, Any]) -> tuple[str, tuple[Message, ...]]:
    """What was said, and the native calls."""
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, Mapping) for call in calls):
        raise _Wrong("'tool_calls' that are no list of objects", message)
    text = message.get("content")
    if text is None and isinstance(message.get("refusal"), str):
        text = message["refusal"]
    # A model may call and say nothing, or think until it is cut off. Only then is no content an empty response.
    if text is None and (calls or message.get("reasoning") or message.get("reasoning_content")):
        text = ""
    if not isinstance(text, str):
        raise _Wrong("no 'content' that is a text", message)
    return text, tuple(calls)


def _tokens(parts: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[float, ...], tuple[int, ...]]:
    """Sampled ids, their log-probabilities, and the ids of the prompt."""
    ids, prompt_ids = parts.get("token_ids"), parts.get("prompt_token_ids")
    if not _are_ids(ids) or not _are_ids(prompt_ids):
        raise _Wrong(
            "no token ids, which vLLM (0.10.2 and later) gives where it is asked; to evaluate, leave token_ids=False",
            parts,
        )
    given = parts.get("logprobs")
    given = given if isinstance(given, Mapping) else {}
    values, entries = given.get("token_logprobs"), given.get("content")
    if isinstance(entries, list):
        values = [entry.get("logprob") if isinstance(entry, Mapping) else None for entry in entries]
    if not isinstance(values, list) or len(values) != len(ids) or not all(map(_is_logprob, values)):
        raise _Wrong(f"no log-probability of each of {len(ids)} ids", values)
    return tuple(ids), tuple(map(float, values)), tuple(prompt_ids)


def _are_ids(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _is_logprob(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST
