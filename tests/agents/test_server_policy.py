"""`ServerPolicy` against a server of the standard library: OpenAI's protocol over a tiny model, and what goes wrong."""

from __future__ import annotations

import asyncio
import doctest
import gc
import json
import re
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

pytest.importorskip("torch", reason="agents need the extra 'agents'")
pytest.importorskip("httpx", reason="servers need the extra 'server'")

from rlvr_gym.agents import (
    AsyncPolicy,
    Completion,
    LanguageModel,
    Play,
    Request,
    TransformersPolicy,
    build_preset,
    collect,
    rollout,
    seed_from,
)
from rlvr_gym.agents.asking import Refused
from rlvr_gym.agents.server_client import BackendError, RefusedError
from rlvr_gym.agents.server_policy import KEY_ENV, ServerPolicy
from rlvr_gym.benchmarks import BenchConfig, bench
from rlvr_gym.envs.tool_math import ToolMathEnv
from rlvr_gym.verifiers import ConfigError, MissingExtraError

from rlvr_gym.cli import main

KEY = "sk-rlvr-5f2c19"
COMPACT = {"style": "compact", "size": 30}


class StandIn:
    """A server over a tiny model.

    Args:
        lm: The model.
        reply: Answers in its place: path and body to the JSON of an answer, or to what is done instead.
        models: What it says that it has.
    """

    def __init__(
        self,
        lm: LanguageModel | None = None,
        reply: Callable[[str, dict[str, Any]], Any] | None = None,
        models: Sequence[str] = ("tiny",),
    ) -> None:
        self.lm, self.reply, self.models = lm, reply, models
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.faults: deque[Callable[[Handler], None]] = deque()
        self.under_way = self.most_under_way = 0
        self.over = threading.Event()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.stand_in = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.asked]

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        """As vLLM writes it."""
        if path == "/v1/models":
            return {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}
        if self.reply is not None:
            return self.reply(path, body)
        with self.lock:
            said = self._sample(body)
        ids = {"token_ids": said.token_ids} if body.get("return_token_ids") else {}
        prompt = {"prompt_token_ids": said.prompt_ids} if body.get("return_token_ids") else {}
        head = {"id": "1", "created": 1, "model": "tiny", "usage": {"completion_tokens": len(said.token_ids)}}
        if path == "/v1/completions":
            logprobs = {"tokens": [], "token_logprobs": said.logprobs} if body.get("logprobs") else None
            choice = {"text": said.text, "logprobs": logprobs, **ids, **prompt}
            return {**head, "choices": [{"index": 0, "finish_reason": said.finish_reason, **choice}]}
        assert path == "/v1/chat/completions"
        entries = [{"token": "?", "logprob": value, "top_logprobs": []} for value in said.logprobs]
        choice = {"message": {"role": "assistant", "content": said.text}, **ids}
        choice["logprobs"] = {"content": entries} if body.get("logprobs") else None
        return {**head, **prompt, "choices": [{"index": 0, "finish_reason": said.finish_reason, **choice}]}

    def _sample(self, body: dict[str, Any]) -> Completion:
        assert self.lm is not None
        policy = TransformersPolicy(self.lm, max_new_tokens=body["max_tokens"], temperature=body["temperature"])
        prompt = body.get("prompt")
        if isinstance(prompt, str):
            conversation = [{"role": "user", "content": prompt}]
        elif prompt is not None:
            conversation = [{"role": "assistant", "content": "", "token_ids": prompt}]  # type: ignore[dict-item]
        else:
            conversation = body["messages"]
        [said] = policy.sample([Request(conversation, body["seed"], 0)])
        return said


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def there(self) -> StandIn:
        return self.server.stand_in  # type: ignore[attr-defined,no-any-return]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(text) if text else None
        there = self.there
        with there.lock:
            there.asked.append((self.path, dict(self.headers), body))
            there.under_way += 1
            there.most_under_way = max(there.most_under_way, there.under_way)
            fault = there.faults.popleft() if there.faults else None
        try:
            if fault is not None:
                fault(self)
            elif callable(answer := there.answer(self.path, body)):
                answer(self)
            else:
                self.send(json.dumps(answer).encode())
        finally:
            with there.lock:
                there.under_way -= 1

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        with suppress(OSError):  # the client has gone
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)


# --- What can go wrong -----------------------------------------------------------------------------------------------


def status(code: int, body: bytes = b'{"error": "busy"}', **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(body, code, **headers)


def says(body: Any) -> Callable[[Handler], None]:
    return lambda handler: handler.send(body if isinstance(body, bytes) else json.dumps(body).encode())


def hang(handler: Handler) -> None:
    """Until the client has gone, or the test is over."""
    handler.connection.settimeout(0.02)
    while not handler.there.over.is_set():
        try:
            if handler.connection.recv(1) == b"":
                handler.there.faults.clear()
                break
        except TimeoutError:
            continue
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """Half of a body, then a reset instead of an end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def choice(**parts: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "7"}, **parts}]
    }


# --- Fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy stands between, no key is set, and no thread of a client is left."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(KEY_ENV, raising=False)
    yield
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "rlvr-server"]


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return build_preset("nano")


@pytest.fixture
def there(lm: LanguageModel) -> Iterator[StandIn]:
    with closing(StandIn(lm)) as stand_in:
        yield stand_in


@pytest.fixture
def simple() -> Iterator[StandIn]:
    with closing(StandIn(reply=lambda path, body: choice())) as stand_in:
        yield stand_in


class Local(TransformersPolicy):
    """The same model here, with the seeds that a server is sent."""

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return super().sample([replace(request, seed=request.seed % 2**31) for request in requests])


def policy_at(there: StandIn, path: str = "", **settings: Any) -> ServerPolicy:
    given = {"max_new_tokens": 6, "backoff_s": 0.001, "timeout_s": 20.0, **settings}
    return ServerPolicy(there.url + path, given.pop("model", "tiny"), **given)


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def arithmetic() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Arithmetic-v0", **COMPACT)
    return env


def mastermind() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=2, symbols=2, max_turns=3)
    return env


REQUESTS = [Request(said(f"{i}+{i + 1}="), seed_from("test", i), 0) for i in range(6)]


# --- What is asked, and what comes of it -----------------------------------------------------------------------------


def test_what_a_server_is_sent(simple: StandIn) -> None:
    policy = policy_at(simple, temperature=0.5, top_p=0.9, stop=["\n"], extra={"max_tokens": None, "top_k": -1})
    conversation = [*said("1+1="), {"role": "assistant", "content": "3", "token_ids": (5, 6)}, *said("no")]
    with closing(policy):
        [completion] = policy.act([conversation], seeds=[2**31 + 9])
    assert completion == Completion("7")
    [(path, headers, body)] = simple.asked
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert body == {
        "model": "tiny",
        "messages": [*said("1+1="), {"role": "assistant", "content": "3"}, *said("no")],
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["\n"],
        "seed": 9,
        "top_k": -1,
    }


@pytest.mark.parametrize("path", ["", "/chat/completions", "/completions"])
def test_texts_are_those_of_the_model_here(there: StandIn, lm: LanguageModel, path: str) -> None:
    local = Local(lm, max_new_tokens=6, temperature=0.7).sample(REQUESTS)
    with closing(policy_at(there, path, temperature=0.7)) as policy:
        completions = policy.sample(REQUESTS)
    assert [(one.text, one.finish_reason) for one in completions] == [(one.text, one.finish_reason) for one in local]
    assert len({one.text for one in completions}) == 6
    assert completions[0].token_ids == completions[0].logprobs == completions[0].prompt_ids == ()
    assert {asked for asked, _, _ in there.asked} == {"/v1" + (path or "/chat/completions")}


@pytest.mark.parametrize("path", ["", "/completions"])
def test_ids_and_logprobs_are_those_of_the_model_here(there: StandIn, lm: LanguageModel, path: str) -> None:
    local = Local(lm, max_new_tokens=6).sample(REQUESTS)
    with closing(policy_at(there, path, token_ids=True)) as policy:
        completions = policy.sample(REQUESTS)
    for one, other in zip(completions, local, strict=True):
        assert (one.token_ids, one.prompt_ids) == (other.token_ids, other.prompt_ids)
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def episodes_of(policy: ServerPolicy, make_env: Callable[[], Any], plays: Sequence[Play]) -> list[Any]:
    async def main() -> list[Any]:
        return [done async for done in rollout(make_env, policy, plays)]

    return [done.episode for done in sorted(asyncio.run(main()), key=lambda done: done.number)]


@pytest.mark.parametrize("make_env", [arithmetic, mastermind])
def test_both_drivers_give_the_episodes_of_the_model_here(
    there: StandIn, lm: LanguageModel, make_env: Callable[[], gym.Env[str, str]]
) -> None:
    """With prompts as ids, in which what was sampled stays as it was sampled."""
    plays = [Play(seed=task, sample_seed=10 * task + i, index=i) for task in range(3) for i in range(2)]
    with closing(policy_at(there, "/completions", tokenizer=lm.tokenizer, token_ids=True)) as policy:
        assert isinstance(policy, AsyncPolicy)
        in_steps = collect([make_env() for _ in plays], policy, plays)
        assert episodes_of(policy, make_env, plays) == in_steps
    here = collect([make_env() for _ in plays], Local(lm, max_new_tokens=6), plays)
    for served, local in zip(in_steps, here, strict=True):
        assert [turn.completion.token_ids for turn in served.turns] == [
            turn.completion.token_ids for turn in local.turns
        ]
        assert (served.passed, served.task_id, served.stop_reason) == (local.passed, local.task_id, local.stop_reason)
    assert max(len(episode.turns) for episode in in_steps) == (3 if make_env is mastermind else 1)


def test_native_calls_come_back_and_are_told_again() -> None:
    """The server plays the expert of the environment: a call, then the answer."""
    env = ToolMathEnv(steps=1, call_format="openai")
    env.reset(seed=0)
    first, last = env.expert(env.task)

    def expert(path: str, body: dict[str, Any]) -> Any:
        assert [tool["function"]["name"] for tool in body["tools"]] == ["calculator"]
        if body["messages"][-1]["role"] == "tool":
            return choice(message={"role": "assistant", "content": str(last)})
        calls = [{**call, "id": "call_x"} for call in first.tool_calls]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        return choice(message=message, finish_reason="tool_calls")

    with closing(StandIn(reply=expert)) as stand_in, closing(policy_at(stand_in)) as policy:
        [episode] = collect([env], policy, [Play(seed=0)])
    assert episode.passed
    assert [len(turn.completion.tool_calls) for turn in episode.turns] == [1, 0]
    _, called, told = stand_in.bodies()[-1]["messages"][-3:]
    assert called["tool_calls"][0]["id"] == told["tool_call_id"] == "call_x"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"finish_reason": "length"}, Completion("7", finish_reason="length")),
        ({"finish_reason": "content_filter"}, Completion("7", finish_reason="length")),
        ({"message": {"content": ""}}, Completion("")),
        ({"message": {"content": None, "refusal": "I will not"}}, Completion("I will not")),
        ({"message": {"content": None, "reasoning": "so"}}, Completion("")),
        ({"message": {"content": "7", "tool_calls": None}}, Completion("7")),
    ],
)  # fmt: skip
def test_answers_of_real_servers(simple: StandIn, parts: dict[str, Any], expected: Completion) -> None:
    simple.faults.append(says(choice(**parts)))
    with closing(policy_at(simple)) as policy:
        assert policy.sample(REQUESTS[:1]) == [expected]


def test_it_can_be_asked_where_an_event_loop_runs(simple: StandIn) -> None:
    async def main() -> list[Completion]:
        return policy.act([said("1+1=")], n=2)

    with closing(policy_at(simple)) as policy:
        assert asyncio.run(main()) == [Completion("7")] * 2


def test_as_many_requests_as_wanted_at_once(simple: StandIn) -> None:
    """Three meet at a barrier, which they would never pass one by one; and there are never four."""
    barrier = threading.Barrier(3)

    def meet(path: str, body: dict[str, Any]) -> Any:
        barrier.wait(20)
        return choice()

    simple.reply = meet
    with closing(policy_at(simple, concurrency=3)) as policy:
        assert len(policy.sample(REQUESTS * 2)) == 12
    assert simple.most_under_way == 3


# --- Failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [status(500), status(503, b""), status(429, Retry_After="0"), reset], ids=range(4))
def test_what_passes_is_tried_again(there: StandIn, lm: LanguageModel, fault: Callable[[Handler], None]) -> None:
    there.faults.extend([fault, fault])
    with closing(policy_at(there, retries=2)) as policy:
        [completion] = policy.sample(REQUESTS[:1])
    assert completion.text == Local(lm, max_new_tokens=6).sample(REQUESTS[:1])[0].text
    assert there.bodies() == [there.bodies()[0]] * 3  # with the same seed


def test_a_hanging_server_is_tried_again(simple: StandIn) -> None:
    simple.faults.append(hang)
    with closing(policy_at(simple, timeout_s=0.3)) as policy:
        assert policy.sample(REQUESTS[:1]) == [Completion("7")]
    assert len(simple.asked) > 1


BIG = json.dumps(choice(message={"role": "assistant", "content": "x" * 10_000_000})).encode()
FAILURES: dict[str, tuple[Callable[[Handler], None], str]] = {
    "refused": (status(400, b'{"error": "too\n long"}'), r'gave no answer: status 400: \{"error": "too long"\}'),
    "forbidden": (status(401, b""), r"gave no answer: status 401: \(empty\)"),
    "redirected": (status(307, b"", Location="http://127.0.0.1:9/v1"), "status 307"),
    "always busy": (status(503), "gave no answer after 3 tries: status 503: .*busy"),
    "always reset": (reset, "after 3 tries: (ReadError|RemoteProtocolError)"),
    "broken JSON": (says(b'{"choices": [{'), r'gave no JSON \(JSONDecodeError\): \{"choices": \[\{'),
    "a page": (says(b"<html>\xff</html>"), "gave no JSON .*<html>"),
    "nothing": (says(b""), r"gave no JSON .*\(empty\)"),
    "endless nesting": (says(b"[" * 100_000), "gave no JSON"),
    "10 MB": (says(BIG), "status 200, and more than the 4,200,448 bytes that it may have: .*xxx"),
    "a list": (says([1]), r"gave no 'choices' that is a list: \[1\]"),
    "no choices": (says({"object": "error"}), "gave no 'choices' that is a list: .'object': 'error'"),
    "no choice": (says({"choices": []}), r"'choices' that are not one object: \[\]"),
    "choices of another type": (says({"choices": ["7"]}), "'choices' that are not one object"),
    "no message": (says(choice(message=None)), "no 'message' that is a dict"),
    "no content": (says(choice(message={"role": "assistant"})), "no 'content' that is a text"),
    "content as a number": (says(choice(message={"content": 7})), "no 'content' that is a text"),
    "calls as a text": (says(choice(message={"content": "", "tool_calls": "f"})), "'tool_calls' that are no list"),
    "not finished": (says(choice(finish_reason=None)), "no 'finish_reason' that is a str"),
    "aborted": (says(choice(finish_reason="abort")), "an unknown finish_reason: 'abort'"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_what_does_not_pass_is_an_error_that_says_what_came(simple: StandIn, name: str) -> None:
    fault, message = FAILURES[name]
    simple.faults.extend([fault] * 3)
    with closing(policy_at(simple, retries=2)) as policy:
        with pytest.raises(BackendError, match=message) as caught:
            policy.sample(REQUESTS[:1])
        assert simple.url + "/chat/completions" in str(caught.value)
        assert len(str(caught.value)) < 500
        simple.faults.clear()
        assert policy.sample(REQUESTS[:1]) == [Completion("7")]  # the next one is none the worse
    assert len(simple.asked) == (4 if name.startswith("always") else 2)


IDS = {"token_ids": [1], "prompt_token_ids": [1]}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "gave no token ids"),
        ({"token_ids": [True], "prompt_token_ids": [1]}, "gave no token ids"),
        (IDS, "no log-probability of each of 1 ids: None"),
        ({**IDS, "logprobs": {"content": []}}, "no log-probability of each of 1 ids"),
        ({**IDS, "logprobs": {"content": [{"logprob": "x"}]}}, "no log-probability of each of 1 ids"),
        ({**IDS, "logprobs": {"content": [{"logprob": 1e400}]}}, "no log-probability of each of 1 ids"),
        ({**IDS, "logprobs": {"content": [None]}}, "no log-probability of each of 1 ids"),
    ],
)  # fmt: skip
def test_ids_that_were_asked_for_and_do_not_come_are_an_error(simple: StandIn, parts: Any, message: str) -> None:
    simple.faults.append(says(choice(**parts)))
    with closing(policy_at(simple, token_ids=True)) as policy, pytest.raises(BackendError, match=message):
        policy.sample(REQUESTS[:1])


def test_nobody_there() -> None:
    with closing(StandIn()) as gone:
        url = gone.url
    policy = ServerPolicy(url, "tiny", max_new_tokens=6, retries=1, backoff_s=0.0)
    with closing(policy), pytest.raises(BackendError, match="after 2 tries: ConnectError"):
        policy.sample(REQUESTS[:1])


def test_one_failure_ends_the_others(simple: StandIn) -> None:
    simple.faults.extend([hang, hang, status(404)])
    with closing(policy_at(simple, timeout_s=600.0, concurrency=3)) as policy, pytest.raises(BackendError):
        policy.sample(REQUESTS[:3])


TOO_LONG = status(400, b'{"error": {"message": "maximum context length is 40 tokens"}}')
LONG = r"gave no answer: status 400: .*maximum context length is 40 tokens"


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_refused_request_is_never_an_empty_completion(
    simple: StandIn, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """One of three at a time, so that which one is refused is known."""
    simple.faults.extend([says(choice()), status(code, b"too long"), says(choice())] * 2)
    with closing(policy_at(simple, concurrency=1)) as policy:
        for _ in range(2):
            first, second, third = policy.sample(REQUESTS[:3])
            assert first == third == Completion("7")
            assert isinstance(second, Refused)
            with pytest.raises(BackendError, match=f"status {code}: too long"):
                second.text  # noqa: B018
            assert f"status {code}: too long" in repr(second)
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # once, not twice
    assert f"status {code}: too long; the episode is not gradable" in caplog.text


@pytest.mark.parametrize("code", [401, 403, 404, 405])
def test_other_refusals_end_the_others(simple: StandIn, code: int) -> None:
    simple.faults.extend([says(choice()), status(code)])
    with closing(policy_at(simple, concurrency=1)) as policy, pytest.raises(BackendError, match=f"status {code}"):
        policy.sample(REQUESTS[:3])


def test_where_all_is_refused_and_nothing_was_answered_the_settings_are_wrong(simple: StandIn) -> None:
    simple.faults.extend([TOO_LONG] * 4)
    with closing(policy_at(simple)) as policy:
        with pytest.raises(RefusedError, match=LONG):
            policy.sample(REQUESTS[:4])
        assert policy.sample(REQUESTS[:1]) == [Completion("7")]
        simple.faults.append(TOO_LONG)
        assert isinstance(policy.sample(REQUESTS[:1])[0], Refused)  # the last episode of a wave, say


@pytest.mark.parametrize("driver", ["collect", "rollout"])
def test_a_refused_request_costs_its_own_episode(driver: str) -> None:
    """A server with room for one message: of six episodes every second one asks twice."""

    class Talk(gym.Env[str, str]):
        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
            self.left = seed or 0
            return "go", {}

        def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            self.left -= 1
            return "go on", 1.0, self.left < 0, False, {"passed": True}

    plays = [Play(seed=number % 2, sample_seed=number) for number in range(6)]
    there = StandIn(reply=lambda path, body: TOO_LONG if len(body["messages"]) > 1 else choice())
    with closing(there), closing(policy_at(there)) as policy:
        if driver == "collect":
            episodes = collect([Talk() for _ in range(3)], policy, plays)
        else:
            episodes = episodes_of(policy, Talk, plays)
    assert [episode.stop_reason for episode in episodes] == ["answered", "error"] * 3
    assert [episode.gradable for episode in episodes] == [True, False] * 3
    assert [len(episode.turns) for episode in episodes] == [1, 1] * 3
    for episode in episodes[1::2]:
        assert episode.passed is None
        assert re.search(LONG, episode.error)


def test_a_driver_that_is_only_refused_ends(simple: StandIn) -> None:
    simple.faults.extend([TOO_LONG] * 200)
    plays = [Play(seed=seed) for seed in range(100)]
    with closing(policy_at(simple, concurrency=4)) as policy, pytest.raises(RefusedError, match=LONG):
        episodes_of(policy, arithmetic, plays)
    assert 64 <= len(simple.asked) <= 100


def test_what_nobody_waits_for_is_ended(simple: StandIn) -> None:
    """`hang` forgets the second fault when the client has gone; else the request after it would hang too."""
    simple.faults.extend([hang, hang])

    async def main(policy: ServerPolicy) -> Completion:
        task = asyncio.create_task(policy.aact(REQUESTS[0]))
        while not simple.under_way:
            await asyncio.sleep(0.01)
        task.cancel()
        while simple.faults:
            await asyncio.sleep(0.01)
        return await policy.aact(REQUESTS[1])

    with closing(policy_at(simple, timeout_s=600.0)) as policy:
        assert asyncio.run(main(policy)) == Completion("7")


def test_waits_grow_are_spread_and_heed_the_server(simple: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)

    def waited(seed: int, *faults: Callable[[Handler], None]) -> list[float]:
        waits.clear()
        simple.faults.extend(faults)
        with closing(policy_at(simple, backoff_s=1.0, retries=8)) as policy:
            policy.sample([replace(REQUESTS[0], seed=seed)])
        return list(waits)

    growing = waited(1, *[status(500)] * 8)
    assert all(min(0.5 * 2**i, 60) <= wait <= min(1.5 * 2**i, 60) for i, wait in enumerate(growing))
    assert growing == waited(1, *[status(500)] * 8) != waited(2, *[status(500)] * 8)
    assert waited(1, status(429, Retry_After="17")) == [17]
    assert waited(1, status(503, Retry_After="3600")) == [60]
    assert waited(1, status(503, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT")) == growing[:1]


def test_a_thread_ends_with_its_policy(simple: StandIn) -> None:
    policy = policy_at(simple)
    policy.sample(REQUESTS[:1])
    assert any(thread.name == "rlvr-server" for thread in threading.enumerate())
    policy.close()
    assert not any(thread.name == "rlvr-server" for thread in threading.enumerate())
    assert policy.sample(REQUESTS[:1]) == [Completion("7")]
    del policy
    gc.collect()
    assert not any(thread.name == "rlvr-server" for thread in threading.enumerate())


# --- Keys and settings -----------------------------------------------------------------------------------------------


def test_a_key_is_sent_and_in_no_message(simple: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", f" {KEY}\n")
    policy = policy_at(simple, key_env="MINE", retries=0)
    refused = status(401, b'{"error": "Incorrect API key provided: ' + KEY.encode() + b'"}')
    simple.faults.extend([refused, says(b"no JSON " + KEY.encode()), says(b"a" * 1195 + KEY.encode())])
    simple.faults.extend([says({"error": "a" * length + KEY}) for length in (0, 275, 1183)])
    with closing(policy):
        for _ in range(6):
            with pytest.raises(BackendError) as caught:
                policy.sample(REQUESTS[:1])
            assert KEY[:5] not in str(caught.value)
    assert [headers["Authorization"] for _, headers, _ in simple.asked] == [f"Bearer {KEY}"] * 6
    assert KEY not in repr(policy.identity())


@pytest.mark.parametrize("key", ["two words", "two\nlines", "schlüssel"])
def test_what_is_no_key_is_refused_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, key)
    with pytest.raises(ConfigError, match="holds what is no key") as caught:
        ServerPolicy("http://127.0.0.1:9/v1", "tiny", max_new_tokens=1)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000/v1", "expected an address such as"),
        ("ftp://localhost/v1", "expected an address"),
        ("http://", "expected an address"),
        ("http://localhost:port/v1", "no address"),
        ("http://localhost/v1?key=1", "without query"),
        ("http://me:secret@localhost/v1", "must not hold a user or password"),
    ],
)
def test_addresses_that_are_none(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ServerPolicy(url, "tiny", max_new_tokens=1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_new_tokens": 0}, {"temperature": -1}, {"temperature": float("nan")}, {"top_p": 0}, {"top_p": 1.1},
        {"stop": "x"}, {"concurrency": 0}, {"timeout_s": 0}, {"retries": -1}, {"backoff_s": -1},
        {"tokenizer": object()},
    ],
)  # fmt: skip
def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ServerPolicy("http://localhost:9/v1", "tiny", **{"max_new_tokens": 1, **settings})


def test_the_only_model_need_not_be_named() -> None:
    with closing(StandIn(reply=lambda path, body: choice())) as stand_in:
        with closing(policy_at(stand_in, model=None)) as policy:
            assert policy.model == "tiny"
        stand_in.models = ("a", "b")
        with pytest.raises(ConfigError, match=r"has 2 models, name one of them: \['a', 'b'\]"):
            policy_at(stand_in, model=None)


def test_plain_completions_tell_of_no_tools(simple: StandIn) -> None:
    with closing(policy_at(simple, "/completions")) as policy, pytest.raises(ConfigError, match="rendering is 'text'"):
        policy.act([said("1+1=")], tools=[[{"type": "function"}]])


def test_without_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rlvr-gym\[server\]'"):
        ServerPolicy("http://127.0.0.1:9/v1", "tiny", max_new_tokens=1)


# --- The command line ------------------------------------------------------------------------------------------------

BENCH = (
    "bench Arithmetic-v0 style=compact size=30 --n 2 --tasks 4 --max-new-tokens 6 --temperature 0.8 --policy".split()
)


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "samples.jsonl").read_text().splitlines()
    return [{**json.loads(line), "tokens": 0} for line in lines]  # which a server without ids does not tell


def test_bench_of_a_server_is_that_of_the_model_here(
    there: StandIn,
    lm: LanguageModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    assert main([*BENCH, f"server:{there.url}", "--out", str(tmp_path / "served")]) == 0
    config = BenchConfig("rlvr/Arithmetic-v0", COMPACT, {"name": "here"}, n=2, tasks=4)
    bench(config, Local(lm, max_new_tokens=6, temperature=0.8), tmp_path / "here")
    assert rows(tmp_path / "served") == rows(tmp_path / "here")
    policy = json.loads((tmp_path / "served" / "config.json").read_text())["policy"]
    assert policy == {
        "name": "server",
        "model": "tiny",
        "endpoint": "chat",
        "temperature": 0.8,
        "top_p": 1.0,
        "max_tokens": 6,
    }
    assert all(headers["Authorization"] == f"Bearer {KEY}" for _, headers, _ in there.asked)
    out = capsys.readouterr()
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 4
    for text in [out.out, out.err, *(file.read_bytes().decode("latin-1") for file in written)]:
        assert KEY not in text
        assert there.url not in text


def test_a_run_goes_on_at_another_address(
    lm: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the first server fails for good, what was sampled stays; another one gives the rest."""
    words = [*BENCH, "", "--out", str(tmp_path / "run"), "--width", "4"]
    with closing(StandIn(lm)) as first:
        words[len(BENCH)] = f"server:{first.url}#tiny"
        first.faults.extend([says(choice())] * 4 + [status(404)] * 4)
        assert main(words) == 2
        assert f"rlvr bench: {first.url}/chat/completions gave no answer: status 404" in capsys.readouterr().err
    kept = rows(tmp_path / "run")
    assert [row["response"] for row in kept] == ["7"] * 4
    with closing(StandIn(lm)) as second:
        words[len(BENCH)] = f"server:{second.url}#tiny"
        assert main(words) == 0
        assert rows(tmp_path / "run")[:4] == kept
        assert len(second.asked) == 4
        words[len(BENCH)] = f"server:{second.url}#other"
        assert main(words) == 2
        assert "holds another run" in capsys.readouterr().err


def test_mistakes_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "x")]
    assert main([*BENCH, "server:localhost:8000", *out]) == 2
    assert "expected an address" in capsys.readouterr().err
    assert main([*BENCH, "server:http://127.0.0.1:9/v1", *out, "--label", "ok"]) == 2
    assert "--label names a column" in capsys.readouterr().err
    assert main([*BENCH, "serve:http://127.0.0.1:9/v1", *out]) == 2
    assert "did you mean 'server'?" in capsys.readouterr().err


def test_the_page_on_policies(root: Path) -> None:
    result = doctest.testfile(str(root / "docs" / "policies.md"), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0
