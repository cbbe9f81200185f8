"""The service: SandboxFusion's schema, refusals, back-pressure, ids, hostile clients, shutting down."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.errors import ConfigError
from rlvr_gym.verifiers.sandbox import Isolation, Limits, RunResult, RunSpec, Sandbox, SandboxError, make_sandbox
from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.remote.answer import read_answer, write_answer
from rlvr_gym.verifiers.sandbox.remote.fields import FieldError
from rlvr_gym.verifiers.sandbox.remote.http1 import HttpError, parse_head
from rlvr_gym.verifiers.sandbox.remote.request import MOST, Request, read_request, write_request
from rlvr_gym.verifiers.sandbox.remote.server import Server, Settings

HELLO = {"code": "hello", "language": "python"}


class Toy(Sandbox):
    """Obeys one word: `wait` until the gate opens, `fail` as a sandbox, `bug` as a program of ours; else it echoes."""

    name = "toy"

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.runs, self.begun = threading.Event(), list[str](), threading.Semaphore(0)

    def isolation(self) -> Isolation:
        return Isolation(("rlimits",), {"seccomp": "it is a toy"})

    def execute(self, job: Job) -> RunResult:
        code = job.files[job.language.source].decode()
        self.runs.append(code)
        self.begun.release()
        if code.startswith("wait"):
            assert self.gate.wait(20)
        if code.startswith("fail"):
            raise SandboxError("no room")
        if code.startswith("bug"):
            raise KeyError("bug of ours")
        return RunResult(0, None, code.encode() + job.stdin, b"", None, 0.5, 1.0, 4096, self.isolation())

    def close(self) -> None:
        self.gate.set()


@contextlib.contextmanager
def serving(toy: Toy, **changes: Any) -> Iterator[Server]:
    with toy, Server(toy, Settings(port=0, **changes)) as server:
        yield server
        toy.gate.set()


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    with serving(Toy(), workers=2) as server:
        yield server


@pytest.fixture(scope="module")
def real() -> Iterator[Server]:
    with make_sandbox("forkserver") as sandbox, Server(sandbox, Settings(port=0, workers=2)) as server:
        yield server


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(str(urlsplit(server.url).hostname), urlsplit(server.url).port, timeout=15)


def ask(
    server: Server, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    connection = connect(server)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read()), response.headers
    finally:
        connection.close()


def post(server: Server, data: Any) -> tuple[int, Any]:
    return ask(server, "POST", "/run_code", json.dumps(data).encode())[:2]


def raw(server: Server, content: bytes, *, end: bool = False) -> bytes:
    """What the server says to these bytes until it closes."""
    parts = urlsplit(server.url)
    with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=15) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(content)
            if end:
                sock.shutdown(socket.SHUT_WR)
        said = b""
        with contextlib.suppress(ConnectionError):
            while chunk := sock.recv(65536):
                said += chunk
        return said


class Background(threading.Thread):
    """A request under way."""

    def __init__(self, server: Server, data: Any) -> None:
        super().__init__(daemon=True)
        self.server, self.data, self.answer = server, data, (0, None)
        self.start()

    def run(self) -> None:
        self.answer = post(self.server, self.data)

    def result(self) -> tuple[int, Any]:
        self.join(20)
        assert not self.is_alive()
        return self.answer


def until(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


# --- The schema of SandboxFusion, with a real back end --------------------------------------------------------------


def verl(**changes: Any) -> dict[str, Any]:
    """As `call_sandbox_api` of verl sends it (verl/utils/reward_score/sandbox_fusion/utils.py)."""
    return {
        "compile_timeout": 10,
        "run_timeout": 10,
        "code": "print(int(input()) + 1)",
        "stdin": "41",
        "memory_limit_MB": 1024,
        "language": "python",
        "files": {},
        "fetch_files": [],
        **changes,
    }


def test_a_request_of_verl_gets_what_verl_reads(real: Server) -> None:
    status, data = post(real, verl())
    assert (status, data["status"], data["message"], data["compile_result"]) == (200, "Success", "", None)
    run = data["run_result"]
    assert (run["status"], run["return_code"], run["stdout"], run["stderr"]) == ("Finished", 0, "42\n", "")
    assert 0 < run["execution_time"] < 10
    assert post(real, verl(stdin=None, code="print(1)"))[1]["run_result"]["stdout"] == "1\n"


def test_a_request_of_tinker_may_import_and_read_the_files_it_sends(real: Server) -> None:
    # As SandboxFusionClient.run of tinker-cookbook sends it for its code recipe (code_grading.py): the main program
    # imports one file that is sent along and reads another.
    files = {
        "testing_util.py": "def run_test(sample): return [sample == 'in']",
        "test_cases.txt": "in",
    }
    data = {
        "code": "from testing_util import run_test\nassert all(run_test(open('test_cases.txt').read()))",
        "language": "python",
        "run_timeout": 6,
        "files": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()},
    }
    status, answer = post(real, data)
    assert (status, answer["status"]) == (200, "Success"), answer


def test_a_request_of_the_official_client_brings_files_back(real: Server) -> None:
    # As RunCodeRequest.dict() of the package sandbox_fusion: files may be null, which the server passes over.
    data = {
        "compile_timeout": 10,
        "run_timeout": 10.0,
        "code": "open('out.bin', 'wb').write(open('in/a', 'rb').read()[::-1])",
        "stdin": None,
        "language": "python",
        "files": {"in/a": base64.b64encode(b"\xff\x00a").decode(), "none": None},
        "fetch_files": ["out.bin", "missing"],
    }
    status, answer = post(real, data)
    assert (status, answer["status"]) == (200, "Success")
    assert answer["files"] == {"out.bin": base64.b64encode(b"a\x00\xff").decode()}


@pytest.mark.parametrize(
    ("changes", "status", "run_status", "return_code"),
    [
        ({"code": "raise SystemExit(3)"}, "Failed", "Finished", 3),
        ({"code": "import time; time.sleep(5)", "run_timeout": 0.2}, "Failed", "TimeLimitExceeded", None),
        ({"code": "while True: pass", "run_timeout": 0.2}, "Failed", "TimeLimitExceeded", None),
        ({"code": "print(input())", "language": "python", "stdin": "ü\0\n"}, "Success", "Finished", 0),
    ],
)
def test_how_a_program_ends_is_said_as_there(
    changes: dict[str, Any], status: str, run_status: str, return_code: int | None, real: Server
) -> None:
    data = post(real, verl(**changes))[1]
    run = data["run_result"]
    assert (data["status"], run["status"], run["return_code"]) == (status, run_status, return_code)
    assert isinstance(run["stdout"], str)
    assert isinstance(run["stderr"], str)


def test_a_program_with_a_compiler_has_two_results(real: Server) -> None:
    good = post(real, verl(language="cpp", code='#include <cstdio>\nint main() { puts("hi"); }'))[1]
    assert (good["compile_result"]["status"], good["compile_result"]["return_code"]) == ("Finished", 0)
    assert good["run_result"]["stdout"] == "hi\n"
    bad = post(real, verl(language="cpp", code="int main( {"))[1]
    assert (bad["status"], bad["run_result"]) == ("Failed", None)
    assert bad["compile_result"]["return_code"] == 1
    assert "error" in bad["compile_result"]["stderr"]


def test_output_that_is_not_utf8_is_text_for_them_and_whole_for_us(real: Server) -> None:
    run = post(real, verl(code="import sys; sys.stdout.buffer.write(b'a\\xff')"))[1]["run_result"]
    assert run["stdout"] == "a\ufffd"
    assert base64.b64decode(run["stdout_b64"]) == b"a\xff"


def test_what_a_limit_ended_is_never_a_success() -> None:
    # The program had said 0 before its output was found to be too much.
    result = RunResult(0, None, b"x", b"", "output", 0.0, 0.0, 0, Isolation())
    data = write_answer(result)
    assert (data["status"], data["run_result"]["status"], data["run_result"]["return_code"]) == (
        "Failed",
        "Finished",
        -9,
    )


def test_health_tells_of_the_back_end(real: Server, plain: Server) -> None:
    status, data, _ = ask(real, "GET", "/health")
    assert (status, data["status"], data["backend"], data["waiting"]) == (200, "ready", "forkserver", 0)
    data = ask(plain, "GET", "/health?verbose=1")[1]
    assert data["isolation"] == {"level": "limits", "layers": ["rlimits"], "missing": {"seccomp": "it is a toy"}}
    assert ask(plain, "GET", "/v1/ping")[:2] == (200, "pong")


def test_a_failure_of_the_sandbox_is_no_failure_of_the_program(plain: Server) -> None:
    status, data = post(plain, {**HELLO, "code": "fail"})
    assert (status, data["status"], data["message"]) == (200, "SandboxError", "no room")
    assert data["run_result"] is None


def test_a_bug_of_ours_is_a_failure_of_the_sandbox_without_a_traceback(plain: Server) -> None:
    status, data = post(plain, {**HELLO, "code": "bug"})
    assert (status, data["status"]) == (200, "SandboxError")
    assert data["message"] == "the sandbox broke: KeyError: 'bug of ours'"
    assert post(plain, HELLO)[1]["status"] == "Success"


# --- Refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[" * 50_000, b'{"code": 1' + b"0" * 5_000 + b"}", b"]"])
def test_what_is_not_json_is_400(body: bytes, plain: Server) -> None:
    status, data, _ = ask(plain, "POST", "/run_code", body)
    assert status == 400
    assert data["detail"].startswith("the request is not JSON")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (None, "a request is a JSON object"),
        ([1], "a request is a JSON object"),
        ({}, "language is missing"),
        ({"language": "python"}, "code is missing"),
        ({**HELLO, "code": 1}, "code must be text"),
        ({**HELLO, "language": "pyhton"}, "did you mean 'python'"),
        ({**HELLO, "language": ["python"]}, "language must be text"),
        ({**HELLO, "stdin": 1}, "stdin must be text"),
        ({**HELLO, "stdin_b64": "!"}, "stdin_b64 must be base64"),
        ({**HELLO, "run_timeout": "10"}, "run_timeout must be a number"),
        ({**HELLO, "run_timeout": True}, "run_timeout must be a number"),
        ({**HELLO, "run_timeout": 0}, "run_timeout is 0 s"),
        ({**HELLO, "run_timeout": float("nan")}, "run_timeout must be a number"),
        ({**HELLO, "run_timeout": 1e9}, "run_timeout is 1e+09 s"),
        ({**HELLO, "compile_timeout": -1}, "compile_timeout must be a number from 0"),
        ({**HELLO, "memory_limit_MB": 1.5}, "memory_limit_MB must be a whole number"),
        ({**HELLO, "memory_limit_MB": float("inf")}, "memory_limit_MB must be a whole number"),
        ({**HELLO, "memory_limit_MB": 10**6}, "limit memory_bytes"),
        ({**HELLO, "files": []}, "files must be an object"),
        ({**HELLO, "files": {"a": 1}}, "files['a'] must be base64"),
        ({**HELLO, "files": {"../a": ""}}, "plain relative path"),
        ({**HELLO, "files": {"/tmp/a": ""}}, "plain relative path"),
        ({**HELLO, "fetch_files": "a"}, "fetch_files must be a list"),
        ({**HELLO, "fetch_files": [1]}, "fetch_files must be a list of texts"),
        ({**HELLO, "fetch_files": ["/etc/passwd"]}, "plain relative path"),
        ({**HELLO, "argv": ["a\0"]}, "argument must be"),
        ({**HELLO, "limits": {"wall_s": 1, "cpu": 1}}, "there is no limit 'cpu'"),
        ({**HELLO, "limits": {"processes": 10**9}}, "at most 1024"),
        ({**HELLO, "limits": {"processes": -1}}, "limit processes must be a positive integer"),
        ({**HELLO, "peer": []}, "peer must be an object"),
        ({**HELLO, "peer": HELLO, "stdin": "x"}, "with a peer there is no stdin"),
        ({**HELLO, "request_id": 7}, "request_id must be text"),
        ({**HELLO, "request_id": "a b"}, "request_id must be 1 to 128"),
        ({**HELLO, "min_isolation": "most"}, "min_isolation must be one of"),
        ({**HELLO, "build": True}, "python has no compiler"),
    ],
)
def test_a_wrong_value_is_422_and_named(data: Any, names: str, plain: Server) -> None:
    status, answer = post(plain, data)
    assert status == 422
    assert names in answer["detail"]
    assert "Traceback" not in answer["detail"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"GET /run_code HTTP/1.1\r\n\r\n", 405),
        (b"DELETE /health HTTP/1.1\r\n\r\n", 405),
        (b"POST /run_code HTTP/1.1\r\n\r\n", 411),
        (b"POST /run_code HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST /run_code HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /run_code HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /run_code HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST /run_code HTTP/1.1\r\nContent-Length: 2\r\nOrigin: http://evil.example\r\n\r\n{}", 403),
        (b"GET /health HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n" + b"a: b\r\n" * 65 + b"\r\n", 431),
        (b"GET /health HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/2\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00 not TLS here \r\n\r\n", 400),
    ],
)
def test_a_request_that_is_none_is_refused(request_bytes: bytes, status: int, plain: Server) -> None:
    said = raw(plain, request_bytes, end=True)
    assert said.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(said.partition(b"\r\n\r\n")[2])["detail"]


def test_a_refusal_of_a_large_body_is_read_before_the_connection_ends() -> None:
    with serving(Toy(), body_bytes=1000) as server:
        connection = connect(server)
        body = b"x" * 5_000_000  # more than the sockets buffer: the client is still sending when it is refused
        connection.request("POST", "/run_code", body)
        assert connection.getresponse().status == 413
        connection.close()


def test_a_token_is_asked_for() -> None:
    with serving(Toy(), token="swordfish") as server:
        body = json.dumps(HELLO).encode()
        for given in ({}, {"Authorization": "Bearer swordfis"}, {"Authorization": "swordfish"}):
            status, data, headers = ask(server, "POST", "/run_code", body, given)
            assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "swordfish" not in data["detail"]
        assert ask(server, "GET", "/health")[0] == 401
        assert ask(server, "GET", "/v1/ping")[0] == 200
        assert ask(server, "POST", "/run_code", body, {"Authorization": "Bearer swordfish"})[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"port": -1},
        {"workers": 0},
        {"queue": True},
        {"token": ""},
        {"token": "ü"},
        {"host": ""},
        {"host": "a..b"},
        {"host": "\0"},
        {"host": None},
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Settings(**changes)


def test_the_settings_do_not_show_the_token() -> None:
    assert "swordfish" not in repr(Settings(token="swordfish"))


# --- Room ----------------------------------------------------------------------------------------------------------


def test_a_full_queue_is_answered_at_once_and_has_room_again() -> None:
    toy = Toy()
    with serving(toy, workers=1, queue=1) as server:
        first = Background(server, {**HELLO, "code": "wait"})
        assert toy.begun.acquire(timeout=10)
        second = Background(server, HELLO)
        until(lambda: ask(server, "GET", "/health")[1]["waiting"] == 1)
        start = time.monotonic()
        status, _, headers = ask(server, "POST", "/run_code", json.dumps(HELLO).encode())
        assert (status, headers["Retry-After"]) == (429, "1")
        assert time.monotonic() - start < 5  # the others take until the gate opens
        toy.gate.set()
        assert [first.result()[0], second.result()[0]] == [200, 200]
        assert post(server, HELLO)[0] == 200


def test_a_client_that_leaves_gives_its_place_in_the_queue_back() -> None:
    toy = Toy()
    with serving(toy, workers=1, queue=1) as server:
        first = Background(server, {**HELLO, "code": "wait"})
        assert toy.begun.acquire(timeout=10)
        connection = connect(server)
        connection.request("POST", "/run_code", json.dumps({**HELLO, "code": "left"}))
        until(lambda: ask(server, "GET", "/health")[1]["waiting"] == 1)
        connection.close()
        until(lambda: ask(server, "GET", "/health")[1]["waiting"] == 0)
        toy.gate.set()
        assert first.result()[0] == 200
    assert toy.runs == ["wait"]


def test_requests_under_way_together_are_bounded() -> None:
    with serving(Toy(), held_bytes=1000) as server:
        assert ask(server, "POST", "/run_code", b"x" * 1001)[0] == 429
        for _ in range(5):
            assert post(server, {**HELLO, "stdin": "x" * 500})[0] == 200


# --- Ids -----------------------------------------------------------------------------------------------------------


def test_the_same_id_joins_the_execution_and_later_gets_its_answer() -> None:
    toy = Toy()
    data = {**HELLO, "code": "wait", "request_id": "r1"}
    with serving(toy, workers=2) as server:
        first = Background(server, data)
        assert toy.begun.acquire(timeout=10)
        second = Background(server, data)
        time.sleep(0.2)
        toy.gate.set()
        answers = [first.result(), second.result(), post(server, data)]
        assert answers[0][1]["run_result"]["stdout"] == "wait"
        assert answers[0] == answers[1] == answers[2]
        assert toy.runs == ["wait"]
        assert post(server, {**data, "code": "other"})[0] == 409
        assert post(server, {**data, "request_id": "r2"})[0] == 200
        assert toy.runs == ["wait", "wait"]


def test_an_answer_that_was_lost_can_be_had_again() -> None:
    toy = Toy()
    data = {**HELLO, "code": "wait", "request_id": "r1"}
    with serving(toy, workers=1) as server:
        connection = connect(server)
        connection.request("POST", "/run_code", json.dumps(data))
        assert toy.begun.acquire(timeout=10)
        connection.close()
        toy.gate.set()
        assert post(server, data)[1]["status"] == "Success"
    assert toy.runs == ["wait"]


def test_a_failure_of_ours_is_not_kept() -> None:
    toy = Toy()
    with serving(toy) as server:
        for _ in range(2):
            assert post(server, {**HELLO, "code": "fail", "request_id": "r1"})[1]["status"] == "SandboxError"
    assert toy.runs == ["fail", "fail"]


def test_requests_without_an_id_are_apart(plain: Server) -> None:
    assert [post(plain, {**HELLO, "code": str(i)})[1]["run_result"]["stdout"] for i in range(3)] == ["0", "1", "2"]


def test_a_request_may_ask_for_more_isolation_than_there_is(plain: Server) -> None:
    data = post(plain, {**HELLO, "min_isolation": "isolated"})[1]
    assert data["status"] == "SandboxError"
    assert "'limits'" in data["message"]
    assert post(plain, {**HELLO, "min_isolation": "limits"})[1]["status"] == "Success"


# --- Hostile clients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"POST /run", b"408"),
        (b"POST /run_code HTTP/1.1\r\nContent-Length: 10\r\n\r\n{", b"408"),
    ],
)
def test_a_client_that_is_too_slow_is_left(sent: bytes, status: bytes) -> None:
    with serving(Toy(), idle_s=0.2, head_s=0.2, body_s=0.2) as server:
        start = time.monotonic()
        assert raw(server, sent)[9:12] == status
        assert time.monotonic() - start < 10


def test_bytes_that_trickle_do_not_extend_the_deadline() -> None:
    with serving(Toy(), head_s=0.4) as server:
        parts = urlsplit(server.url)
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=15) as sock:
            start = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while time.monotonic() - start < 8:
                    sock.sendall(b"a")
                    time.sleep(0.05)
                    sock.settimeout(0.001)
                    with contextlib.suppress(TimeoutError):
                        if sock.recv(100):
                            break
                    sock.settimeout(15)
            assert time.monotonic() - start < 5


def test_a_client_that_does_not_read_does_not_hold_the_server() -> None:
    toy = Toy()
    with serving(toy, write_s=0.3, workers=1) as server:
        parts = urlsplit(server.url)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((str(parts.hostname), parts.port or 0))
            body = json.dumps({**HELLO, "stdin": "x" * 20_000_000}).encode()
            sock.sendall(b"POST /run_code HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert toy.begun.acquire(timeout=10)
            until(lambda: not server._connections)
        assert post(server, HELLO)[0] == 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from([b"", b"POST /run_code HTTP/1.1\r\nContent-Length: 20\r\n\r\n", b"GET /health HTTP/1.1\r\n"]),
    noise=st.binary(max_size=200),
)
def test_whatever_bytes_come_the_server_lives(start: bytes, noise: bytes, plain: Server) -> None:
    said = raw(plain, start + noise, end=True)
    assert said == b"" or said.startswith(b"HTTP/1.1 ")
    assert b"Traceback" not in said
    assert ask(plain, "GET", "/v1/ping")[0] == 200


def test_requests_may_follow_each_other_without_waiting(plain: Server) -> None:
    one = b"GET /v1/ping HTTP/1.1\r\n\r\n"
    said = raw(plain, one + one + b"GET /v1/ping HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b'"pong"') == 3


def test_an_old_client_without_keep_alive_is_served(plain: Server) -> None:
    assert raw(plain, b"GET /v1/ping HTTP/1.0\r\n\r\n").endswith(b'"pong"')


def test_a_client_may_ask_before_it_sends_a_body(plain: Server) -> None:
    body = json.dumps(HELLO).encode()
    head = b"POST /run_code HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    said = raw(plain, head + body)
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


# --- Shutting down -------------------------------------------------------------------------------------------------


def test_stopping_finishes_what_runs_and_refuses_what_waits() -> None:
    toy = Toy()
    with serving(toy, workers=1) as server:
        running = Background(server, {**HELLO, "code": "wait"})
        assert toy.begun.acquire(timeout=10)
        waiting = Background(server, HELLO)
        until(lambda: ask(server, "GET", "/health")[1]["waiting"] == 1)
        server.stop()
        assert waiting.result()[0] == 503
        with pytest.raises(ConnectionError):
            post(server, HELLO)
        toy.gate.set()
        assert running.result()[1]["status"] == "Success"
    assert toy.runs == ["wait"]


def test_a_port_that_is_taken_is_an_error() -> None:
    with serving(Toy()) as server:
        port = urlsplit(server.url).port or 0
        with pytest.raises(OSError, match="address already in use"):
            Server(Toy(), Settings(port=port)).run()
        with pytest.raises(OSError, match="address already in use"):
            Server(Toy(), Settings(port=port)).__enter__()


# --- Parsers -------------------------------------------------------------------------------------------------------


def outcome(function: Callable[[Any], Any], value: Any) -> Any:
    """What it gives, or the error that it is allowed to raise."""
    try:
        return function(value)
    except (FieldError, HttpError) as error:
        return error


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
request_like = st.fixed_dictionaries(
    {
        "code": st.text(max_size=20) | json_values,
        "language": st.sampled_from(["python", "nodejs", "cpp"]) | json_values,
    },
    optional=dict.fromkeys(
        "stdin stdin_b64 run_timeout compile_timeout memory_limit_MB files fetch_files argv limits request_id build "
        "min_isolation peer".split(),
        json_values,
    ),
)


@settings(max_examples=300, deadline=None)
@given(data=request_like | json_values)
def test_any_value_is_a_request_or_an_error_that_says_why(data: Any) -> None:
    request = outcome(read_request, data)
    if isinstance(request, FieldError):
        assert str(request)
    else:
        assert all(value <= getattr(MOST, name) for name, value in request.spec.limits.to_dict().items())


@settings(max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=300)
    | st.lists(st.sampled_from([b"POST /run_code HTTP/1.1", b"GET / HTTP/1.0", b"\r\n", b"a: b", b": ", b"\0"])).map(
        b"".join
    )
)
def test_any_bytes_are_a_head_or_an_error_that_says_why(content: bytes) -> None:
    head = outcome(parse_head, content + b"\r\n\r\n")
    if isinstance(head, HttpError):
        assert 400 <= head.status <= 501
        assert head.message
    else:
        assert head.method
        assert head.path


texts = st.text(st.characters(exclude_categories=()), max_size=20)
paths = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True)
specs = st.builds(
    RunSpec,
    code=texts,
    language=st.sampled_from(["python", "javascript", "cpp"]),
    stdin=st.binary(max_size=20),
    argv=st.lists(st.text(st.characters(categories=["L", "N", "P"])), max_size=3),
    files=st.dictionaries(paths, st.binary(max_size=20), max_size=3),
    collect=st.lists(paths, max_size=3),
    limits=st.builds(Limits, wall_s=st.floats(0.001, 300), memory_bytes=st.integers(1, MOST.memory_bytes)),
)


@settings(max_examples=100, deadline=None)
@given(spec=specs, peer=st.none() | specs, request_id=st.just("") | st.from_regex("[!-~]{1,128}", fullmatch=True))
def test_a_request_arrives_as_it_was_sent(spec: RunSpec, peer: RunSpec | None, request_id: str) -> None:
    if peer is not None:
        spec = replace(spec, stdin=b"", peer=replace(peer, stdin=b""))
    request = Request(spec, request_id, spec.language == "cpp" and peer is None, "confined")
    arrived = read_request(json.loads(json.dumps(write_request(request)).encode()))
    assert (arrived.request_id, arrived.build, arrived.min_isolation) == (request_id, request.build, "confined")
    if request.build:  # the limits of a compiler are the server's
        arrived = replace(arrived, spec=replace(arrived.spec, limits=spec.limits))
    assert arrived.spec == spec


results = st.builds(
    RunResult,
    exit_code=st.integers(0, 255),
    signal=st.none(),
    stdout=st.binary(max_size=20),
    stderr=st.binary(max_size=20),
    limit=st.none() | st.sampled_from(["cpu", "wall", "memory", "output", "processes", "file"]),
    cpu_s=st.floats(0, 1e6),
    wall_s=st.floats(0, 1e6),
    peak_memory_bytes=st.integers(0, 2**50),
    isolation=st.sampled_from([Isolation(), Isolation(("rlimits", "landlock"), {"seccomp": "no"})]),
    files=st.dictionaries(st.sampled_from(["a", "b"]), st.binary(max_size=20)),
)


@settings(max_examples=100, deadline=None)
@given(result=results)
def test_a_result_arrives_as_it_was(result: RunResult) -> None:
    request = Request(RunSpec("x", collect=("a", "b")))
    assert read_answer(json.loads(json.dumps(write_answer(result))), request) == result


@settings(max_examples=300, deadline=None)
@given(
    data=st.fixed_dictionaries(
        {"status": st.sampled_from(["Success", "Failed"]) | json_values},
        optional={
            "rlvr": st.just(1),
            "run_result": json_values
            | st.dictionaries(st.sampled_from(["status", "return_code", "stdout"]), json_values),
            "compile_result": json_values,
            "isolation": json_values,
            "files": json_values,
        },
    )
    | json_values
)
def test_any_answer_is_a_result_or_a_failure_of_ours(data: Any) -> None:
    with contextlib.suppress(SandboxError):
        assert isinstance(read_answer(data, Request(RunSpec("x"))), RunResult)
