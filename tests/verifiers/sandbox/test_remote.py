"""The client: through real servers, ones that are killed, ones that misbehave, and ones of SandboxFusion."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.errors import ConfigError, UnknownNameError
from rlvr_gym.verifiers.sandbox import (
    LAYERS,
    Isolation,
    Limits,
    RunResult,
    RunSpec,
    SandboxError,
    make_sandbox,
)
from rlvr_gym.verifiers.sandbox.remote.answer import write_answer
from rlvr_gym.verifiers.sandbox.remote.client import Remote

QUICK = Limits(wall_s=0.2)
GOOD = RunResult(0, None, b"good\n", b"", None, 0.0, 0.1, 0, Isolation(("rlimits",)))


# --- Real server processes -----------------------------------------------------------------------------------------


def launch(*words: str, port: int = 0) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "rlvr_gym", "sandbox", "serve", "--port", str(port), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    if found is None:
        process.kill()
        raise AssertionError(line + process.communicate()[1])
    return process, found[0]


@contextlib.contextmanager
def launched(*words: str, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, url = launch(*words, port=port)
    try:
        yield process, url
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with launched("--workers", "2", "--min-isolation", "limits") as (_, url):
        yield url


@pytest.fixture(scope="module")
def remote(url: str) -> Iterator[Remote]:
    with Remote(url=url, timeout_s=30) as sandbox:
        yield sandbox


def shape(result: RunResult) -> dict[str, Any]:
    """What two runs of one program have in common."""
    names = ("exit_code", "signal", "stdout", "stderr", "limit", "isolation", "files", "phase")
    data = {name: getattr(result, name) for name in names}
    return {**data, "peer": None if result.peer is None else shape(result.peer)}


PROGRAMS = {
    "exit status": RunSpec("raise SystemExit(7)"),
    "bytes": RunSpec(
        "import sys; b = sys.stdin.buffer.read(); sys.stdout.buffer.write(b[::-1]); sys.stderr.buffer.write(b)",
        stdin=b"\xff\xfe\x00a",
    ),
    "arguments": RunSpec("import sys; print(sys.argv[1:])", argv=("a b", "", "ü")),
    "files": RunSpec(
        "open('out', 'wb').write(open('d/in', 'rb').read() * 2)",
        files={"d/in": b"\0\xff"},
        collect=("out", "not there"),
    ),
    "wall": RunSpec("import time; time.sleep(30)", limits=QUICK),
    "output": RunSpec("while True: print('x' * 1000)", limits=Limits(output_bytes=5000)),
    "javascript": RunSpec("console.log('ü', process.argv.length)", "javascript"),
    "refused by its compiler": RunSpec("int main( {", "c"),
    "compiled": RunSpec('#include <stdio.h>\nint main(void) { puts("hi"); return 3; }', "c"),
    "a compiled peer": RunSpec(
        "print(input(), flush=True)",
        peer=RunSpec('#include <stdio.h>\nint main(void) { puts("a"); fflush(stdout); return getchar(); }', "c"),
    ),
    "peers": RunSpec(
        "import sys; print('ping', flush=True); print(input(), file=sys.stderr)",
        peer=RunSpec("print(input() + 'pong'); open('seen', 'w').write('1')", collect=("seen",)),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_ends_there_as_it_does_here(name: str, remote: Remote) -> None:
    with make_sandbox("forkserver") as local:
        assert shape(remote.run(PROGRAMS[name])) == shape(local.run(PROGRAMS[name]))


def test_costs_are_told(remote: Remote) -> None:
    result = remote.run(RunSpec("x = 'a' * 2**25\nfor i in range(10**6): pass"))
    assert result.ok
    assert 0.005 < result.cpu_s < 10
    assert result.wall_s > 0
    assert result.peak_memory_bytes > 2**25


def test_a_program_is_compiled_once_and_run_often(remote: Remote) -> None:
    source = RunSpec('#include <stdio.h>\nint main(void) { printf("%d\\n", getchar()); }', "c", stdin="A")
    built = remote.build(source)
    assert isinstance(built, RunSpec)
    assert built.code == ""
    assert [remote.run(built).stdout for _ in range(2)] == [b"65\n", b"65\n"]
    refused = remote.build(RunSpec("int main( {", "c"))
    assert isinstance(refused, RunResult)
    assert refused.phase == "compile"


def test_the_isolation_is_the_servers(remote: Remote) -> None:
    with make_sandbox("forkserver") as local:
        assert remote.isolation() == local.isolation() == remote.run(RunSpec("")).isolation


def test_batches_keep_their_order_and_share_connections(url: str) -> None:
    with Remote(url=url, concurrency=16) as sandbox:
        results = sandbox.run_batch([RunSpec(f"print({i})") for i in range(64)])
        assert [r.stdout for r in results if isinstance(r, RunResult)] == [b"%d\n" % i for i in range(64)]
        assert len(sandbox._connections._idle) <= 16


def test_a_copy_by_pickle_works_and_holds_no_secret(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_TOKEN", "swordfish")
    with Remote(url=url, token_env="SANDBOX_TOKEN", retries=3) as sandbox:
        assert sandbox.run(RunSpec("print(1)")).ok
        data = pickle.dumps(sandbox)
        assert b"swordfish" not in data
        assert "swordfish" not in json.dumps(sandbox.config())
        with pickle.loads(data) as copy:
            assert copy.config() == sandbox.config()
            assert copy.run(RunSpec("print(2)")).stdout == b"2\n"


def test_a_language_that_is_not_there_is_an_error_of_the_caller(remote: Remote) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'python'"):
        remote.run(RunSpec("", "pyhton"))


def test_what_the_server_does_not_grant_is_said(remote: Remote) -> None:
    with pytest.raises(SandboxError, match="at most 300"):
        remote.run(RunSpec("", limits=Limits(wall_s=301)))


def test_a_token_is_sent_from_a_file(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("swordfish\n")
    with launched("--token-file", str(token)) as (_, url):
        with Remote(url=url, token_file=str(token)) as sandbox:
            assert sandbox.isolation().layers
            assert sandbox.run(RunSpec("print(1)")).ok
        with Remote(url=url) as sandbox, pytest.raises(SandboxError, match="HTTP 401"):
            sandbox.run(RunSpec("print(1)"))


# --- A server that is killed ---------------------------------------------------------------------------------------

SLOW = RunSpec("import time; time.sleep(1.5); print('done')")


class Call(threading.Thread):
    """A run under way in another thread."""

    def __init__(self, sandbox: Remote, spec: RunSpec) -> None:
        super().__init__(daemon=True)
        self.sandbox, self.spec = sandbox, spec
        self.outcome: RunResult | SandboxError | None = None
        self.start()

    def run(self) -> None:
        self.outcome = self.sandbox.run_batch([self.spec])[0]

    def result(self, seconds: float = 20) -> RunResult | SandboxError | None:
        self.join(seconds)
        assert not self.is_alive(), "the client hangs"
        return self.outcome


def wait_until_running(url: str) -> None:
    with socket.create_connection((url.split("/")[2].split(":")[0], int(url.rpartition(":")[2]))) as sock:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            sock.sendall(b"GET /health HTTP/1.1\r\n\r\n")
            if b'"running": 1' in sock.recv(65536):
                return
            time.sleep(0.02)
    raise AssertionError("it never ran")


def test_a_server_that_is_killed_and_stays_away_is_an_error_of_ours() -> None:
    with launched() as (process, url), Remote(url=url, retries=2) as sandbox:
        call = Call(sandbox, SLOW)
        wait_until_running(url)
        process.kill()
        outcome = call.result()
        assert isinstance(outcome, SandboxError)
        assert "tried 3 times" in str(outcome)


def test_a_server_that_is_killed_and_comes_back_finishes_the_run() -> None:
    with launched() as (process, url), Remote(url=url, retries=20) as sandbox:
        assert sandbox.run(RunSpec("print(1)")).ok  # leaves a connection that will be stale
        call = Call(sandbox, SLOW)
        wait_until_running(url)
        process.kill()
        process.wait()
        with launched(port=int(url.rpartition(":")[2])):
            outcome = call.result(30)
            assert isinstance(outcome, RunResult), outcome
            assert outcome.stdout == b"done\n"
            assert sandbox.run(RunSpec("print(2)")).ok


def test_a_server_that_is_told_to_end_finishes_what_runs() -> None:
    with launched("--workers", "1") as (process, url), Remote(url=url, retries=0) as sandbox:
        call = Call(sandbox, SLOW)
        wait_until_running(url)
        process.send_signal(signal.SIGTERM)
        outcome = call.result()
        assert isinstance(outcome, RunResult), outcome
        assert outcome.stdout == b"done\n"
        assert process.wait(10) == 0
        assert process.communicate()[1] == ""


# --- Servers that misbehave ----------------------------------------------------------------------------------------

Behaviour = Callable[[socket.socket, dict[str, Any]], bool | None]


class Fake:
    """A server that answers one request after the other as told, the last way for ever, and notes what it was asked."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.ports: list[int] = []  # of the client, a new one for each connection
        self._behaviours, self._lock = list(behaviours), threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Fake:
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock = self._listener.accept()[0]
                threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError), sock.makefile("rb") as incoming:
            while line := incoming.readline():
                path, length = line.split()[1].decode(), 0
                while (header := incoming.readline()).strip():
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.partition(b":")[2])
                body = json.loads(incoming.read(length) or b"{}")
                with self._lock:
                    self.requests.append({"path": path, **body})
                    self.times.append(time.monotonic())
                    self.ports.append(sock.getpeername()[1])
                    behaviour = self._behaviours[0] if len(self._behaviours) == 1 else self._behaviours.pop(0)
                if not behaviour(sock, body):
                    return


def says(status: int, data: Any, headers: str = "") -> Behaviour:
    def behave(sock: socket.socket, request: dict[str, Any]) -> bool:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        sock.sendall(f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return True

    return behave


def answers(result: RunResult = GOOD, **changes: Any) -> Behaviour:
    """As a server of ours does."""

    def behave(sock: socket.socket, request: dict[str, Any]) -> bool | None:
        data = {**write_answer(result, request_id=request.get("request_id") or ""), **changes}
        return says(200, data)(sock, request)

    return behave


def answers_and_closes(sock: socket.socket, request: dict[str, Any]) -> None:
    """Promises that the connection stays open."""
    answers()(sock, request)


def answers_short(sock: socket.socket, request: dict[str, Any]) -> None:
    """The JSON is whole; what was to follow it is missing."""
    body = json.dumps(write_answer(GOOD, request_id=request["request_id"])).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 1) + body)


def drops(sock: socket.socket, request: dict[str, Any]) -> None:
    pass


def resets(sock: socket.socket, request: dict[str, Any]) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def hangs(sock: socket.socket, request: dict[str, Any]) -> None:
    sock.recv(1)  # until the client gives up


def drips(sock: socket.socket, request: dict[str, Any]) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000:
        sock.sendall(bytes([byte]))
        time.sleep(0.02)


def drips_its_body(sock: socket.socket, request: dict[str, Any]) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(10_000):
        sock.sendall(b" ")
        time.sleep(0.02)


def sends(content: bytes, *, endlessly: bool = False) -> Behaviour:
    def behave(sock: socket.socket, request: dict[str, Any]) -> None:
        sock.sendall(content)
        while endlessly:
            sock.sendall(b"x" * 65536)

    return behave


MISBEHAVIOURS: dict[str, Behaviour] = {
    "closes": drops,
    "resets": resets,
    "half an answer": sends(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"status": "Success"'),
    "an answer shorter than it says": answers_short,
    "half a header": sends(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a chunk": sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}"),
    "no HTTP": sends(b"\0\1\2 what?\r\n\r\n"),
    "another protocol": sends(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "no JSON": says(200, b"<html>"),
    "deep JSON": says(200, b"[" * 100_000),
    "no object": says(200, []),
    "an empty object": says(200, {}),
    "a status of its own": says(200, {"status": "Maybe"}),
    "no result": says(200, {"status": "Success", "run_result": None, "compile_result": None}),
    "nothing run": says(
        200, {"status": "Success", "compile_result": {"status": "Finished", "return_code": 0, "stdout": ""}}
    ),
    "a result without an end": says(200, {"status": "Success", "run_result": {"status": "Finished"}}),
    "a command that failed": says(200, {"status": "Failed", "run_result": {"status": "Error", "stderr": "no fork"}}),
    "the answer to another": answers(request_id="0" * 32),
    "layers of no type": answers(isolation={"layers": 7}),
    "no layers": answers(isolation=None),
    "a peer that nobody asked for": answers(peer={"run_result": {}}),
    "a server error": says(500, {"detail": "oops"}),
    "a bad gateway": says(502, b"<html>bad gateway</html>"),
    "a failure of the sandbox": says(200, {"status": "SandboxError", "message": "no room"}),
}


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a tenth."""
    monkeypatch.setattr("rlvr_gym.verifiers.sandbox.remote.client._FIRST_PAUSE_S", 0.01)


@pytest.mark.usefixtures("in_haste")
@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_server_that_fails_is_asked_again_and_then_an_error_of_ours(name: str) -> None:
    with Fake(MISBEHAVIOURS[name]) as server, Remote(url=server.url, retries=3, timeout_s=20) as sandbox:
        with pytest.raises(SandboxError):
            sandbox.run(RunSpec("x", limits=QUICK))
        assert 2 <= len(server.requests) <= 4
        assert len({request["request_id"] for request in server.requests}) == 1


@pytest.mark.usefixtures("in_haste")
@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_failure_that_passes_does_not_show(name: str) -> None:
    with Fake(MISBEHAVIOURS[name], answers()) as server, Remote(url=server.url, retries=3, timeout_s=20) as sandbox:
        assert sandbox.run(RunSpec("x", limits=QUICK)) == GOOD


def test_a_connection_that_the_server_closed_in_the_meantime_is_no_failure() -> None:
    with Fake(answers_and_closes) as server, Remote(url=server.url, retries=0) as sandbox:
        for _ in range(3):
            assert sandbox.run(RunSpec("x")) == GOOD
            time.sleep(0.05)
        assert len(set(server.ports)) == 3


def test_connections_are_kept_and_a_forked_process_opens_its_own() -> None:
    with Fake(answers()) as server, Remote(url=server.url, retries=0) as sandbox:
        assert [sandbox.run(RunSpec("x")) for _ in range(2)] == [GOOD, GOOD]
        child = os.fork()
        if child == 0:
            os._exit(0 if sandbox.run(RunSpec("y")) == GOOD else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert sandbox.run(RunSpec("x")) == GOOD
        mine, also_mine, theirs, mine_again = server.ports
        assert mine == also_mine == mine_again != theirs


@pytest.mark.parametrize("behaviour", [hangs, drips, drips_its_body])
def test_no_server_makes_the_client_wait_beyond_its_deadline(behaviour: Behaviour) -> None:
    # 0.2 s for the program and 1 s beyond: an attempt gets 0.7 s of them, a second one the rest.
    with Fake(behaviour) as server, Remote(url=server.url, timeout_s=1) as sandbox:
        start = time.monotonic()
        with pytest.raises(SandboxError, match="in time"):
            sandbox.run(RunSpec("x", limits=QUICK))
        assert 1.0 < time.monotonic() - start < 3
        assert len(server.requests) == 2


def test_an_address_that_nobody_listens_at_is_an_error_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Remote(url=f"http://127.0.0.1:{port}", retries=1) as sandbox:
        with pytest.raises(SandboxError, match="Connection refused"):
            sandbox.run(RunSpec("x"))
        with pytest.raises(SandboxError, match="Connection refused"):
            sandbox.isolation()
        assert isinstance(sandbox.run_batch([RunSpec("x"), RunSpec("y")])[1], SandboxError)


@pytest.mark.parametrize(
    "behaviour",
    [
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", endlessly=True),
        sends(b"HTTP/1.1 200 OK\r\n\r\n", endlessly=True),
    ],
)
def test_an_answer_larger_than_any_right_one_is_not_read(behaviour: Behaviour) -> None:
    with Fake(behaviour) as server, Remote(url=server.url, timeout_s=20) as sandbox:
        with pytest.raises(SandboxError, match="more than 1060576 bytes"):  # 2**20, and 2 * 6 * 1000
            sandbox.run(RunSpec("x", limits=Limits(output_bytes=1000)))
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    with Fake(says(status, {"detail": "not so"})) as server, Remote(url=server.url) as sandbox:
        with pytest.raises(SandboxError, match=f"HTTP {status}.*not so"):
            sandbox.run(RunSpec("x"))
        assert len(server.requests) == 1


STARTS = [
    b"",
    b"HTTP/1.1 ",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
    b'HTTP/1.1 200 OK\r\n\r\n{"status": "Success", "run_result": {"status": "Finished", "return_code": 0, ',
]


@settings(max_examples=80, deadline=None)
@given(start=st.sampled_from(STARTS), noise=st.binary(max_size=60) | st.text("0123456789abcdef\r\n:{}").map(str.encode))
def test_whatever_a_server_says_is_a_failure_of_ours(start: bytes, noise: bytes) -> None:
    with Fake(sends(start + noise)) as server, Remote(url=server.url, retries=0, timeout_s=10) as sandbox:
        assert isinstance(sandbox.run_batch([RunSpec("x", limits=QUICK)])[0], SandboxError)


def test_a_server_without_room_is_asked_until_the_deadline_when_it_says() -> None:
    full = says(429, {"detail": "full"}, "Retry-After: 1\r\n")
    with Fake(full, full, answers()) as server, Remote(url=server.url, retries=0) as sandbox:
        assert sandbox.run(RunSpec("x")) == GOOD
        assert all(later - sooner > 0.95 for sooner, later in zip(server.times, server.times[1:], strict=False))
    with Fake(full) as server, Remote(url=server.url, retries=0, timeout_s=1.5) as sandbox:
        with pytest.raises(SandboxError, match="HTTP 429"):
            sandbox.run(RunSpec("x", limits=QUICK))
        assert len(server.requests) == 2


def test_pauses_grow_and_depend_on_nothing_but_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("rlvr_gym.verifiers.sandbox.remote.client.time.sleep", pauses.append)
    monkeypatch.setattr("rlvr_gym.verifiers.sandbox.remote.client.uuid.uuid4", lambda: type("", (), {"hex": "7"}))
    with Fake(says(500, {})) as server, Remote(url=server.url, retries=4) as sandbox:
        for _ in range(2):
            with pytest.raises(SandboxError):
                sandbox.run(RunSpec("x"))
    assert pauses[:4] == pauses[4:]
    assert all(0.05 * 2**i <= pause <= 0.1 * 2**i for i, pause in enumerate(pauses[:4]))


# --- Servers of SandboxFusion --------------------------------------------------------------------------------------


def theirs(status: str = "Success", run: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """An answer as its documentation shows them (docs/docs/docs/how-to/run-code/upload-download-files.mdx)."""
    result = {"status": "Finished", "execution_time": 0.02, "return_code": 0, "stdout": "hi\n", "stderr": ""}
    return {
        "status": status,
        "message": "",
        "compile_result": None,
        "run_result": {**result, **(run or {})},
        "executor_pod_name": None,
        "files": {},
        **changes,
    }


NOT_FOUND = says(404, {"detail": "Not Found"})


def test_its_requests_are_what_it_knows() -> None:
    with Fake(says(200, theirs())) as server, Remote(url=server.url + "/run_code") as sandbox:
        spec = RunSpec(
            "console.log(1)", "javascript", "in", files={"a": b"\0"}, collect=("b",), limits=Limits(wall_s=3)
        )
        assert sandbox.run(spec).stdout == b"hi\n"
        asked = server.requests[0]
        known = {
            "path": "/run_code",
            "code": "console.log(1)",
            "language": "nodejs",
            "stdin": "in",
            "compile_timeout": 90.0,
            "run_timeout": 3.0,
            "memory_limit_MB": -1,  # node reserves more address space than it uses, and there the limit is on that
            "files": {"a": "AA=="},
            "fetch_files": ["b"],
        }
        assert known.items() <= asked.items()
        sandbox.run(RunSpec("x", limits=Limits(memory_bytes=2**20 + 1)))
        assert server.requests[1]["memory_limit_MB"] == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (theirs(), {"exit_code": 0, "stdout": b"hi\n", "wall_s": 0.02, "ok": True}),
        (theirs("Failed", {"return_code": 1, "stderr": "ü"}), {"exit_code": 1, "stderr": "ü".encode(), "ok": False}),
        (theirs("Failed", {"return_code": -9}), {"exit_code": None, "signal": 9}),
        (theirs("Failed", {"status": "TimeLimitExceeded", "return_code": None}), {"limit": "wall", "signal": 9}),
        (theirs("Success", {"stdout": None, "stderr": None, "execution_time": None}), {"stdout": b"", "wall_s": 0.0}),
        (theirs("Success", {"stdout": "x" * 2000}), {"limit": "output", "stdout": b"x" * 1000, "ok": False}),
        (theirs(files={"b": "AP8=", "c": "AA=="}), {"files": {"b": b"\0\xff"}}),
        (
            theirs("Failed", run_result=None, compile_result={"status": "Finished", "return_code": 1, "stderr": "no"}),
            {"phase": "compile", "exit_code": 1, "stderr": b"no", "ok": False},
        ),
        (
            theirs("Failed", run_result=None, compile_result={"status": "TimeLimitExceeded"}),
            {"phase": "compile", "limit": "wall", "ok": False},
        ),
    ],
)
def test_its_answers_are_understood(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    spec = RunSpec("x", collect=("b",), limits=Limits(output_bytes=1000))
    with Fake(says(200, answer)) as server, Remote(url=server.url) as sandbox:
        result = sandbox.run(spec)
    assert {name: getattr(result, name) for name in expected} == expected
    assert result.isolation == Isolation()


def test_it_tells_no_layer_so_none_is_reported_and_no_level_reached() -> None:
    with Fake(NOT_FOUND) as server:
        with Remote(url=server.url) as sandbox:
            found = sandbox.isolation()
            assert (found.level, found.layers, set(found.missing)) == ("none", (), set(LAYERS))
        with (
            Remote(url=server.url, min_isolation="limits") as sandbox,
            pytest.raises(SandboxError, match="does not tell its isolation"),
        ):
            sandbox.run(RunSpec("x"))
        assert {request["path"] for request in server.requests} == {"/health"}


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (RunSpec("x", peer=RunSpec("y")), "a peer"),
        (RunSpec("x", argv=("a",)), "arguments"),
        (RunSpec("x", stdin=b"\xff"), "stdin that is not UTF-8"),
        (RunSpec("", "c", files={"main": b"ELF"}), "built already"),
    ],
)
def test_what_it_cannot_have_is_not_run_there(spec: RunSpec, what: str) -> None:
    with Fake(NOT_FOUND) as server, Remote(url=server.url) as sandbox:
        with pytest.raises(SandboxError, match=what):
            sandbox.run(spec)
        assert [request["path"] for request in server.requests] == ["/health"]


def test_it_compiles_for_each_run() -> None:
    spec = RunSpec("int main(void) { return 0; }", "c")
    with Fake(NOT_FOUND) as server, Remote(url=server.url) as sandbox:
        assert sandbox.build(spec) is spec


def test_a_server_of_ours_that_becomes_one_of_theirs_is_noticed() -> None:
    health = says(200, {"rlvr": 1, "isolation": {"layers": ["rlimits"]}})
    spec = RunSpec("x", argv=("a",))
    with Fake(health, says(200, theirs())) as server, Remote(url=server.url) as sandbox:
        error = sandbox.run_batch([spec])[0]
    assert isinstance(error, SandboxError)
    assert "SandboxFusion only now" in str(error)


def test_a_result_below_the_level_is_not_taken() -> None:
    health = says(200, {"rlvr": 1, "isolation": {"layers": ["rlimits"]}})
    weak = RunResult(0, None, b"", b"", None, 0.0, 0.0, 0, Isolation())
    with Fake(health, answers(), answers(weak)) as server, Remote(url=server.url, min_isolation="limits") as sandbox:
        assert sandbox.run(RunSpec("x")) == GOOD
        assert server.requests[1]["min_isolation"] == "limits"
        with pytest.raises(SandboxError, match="its result is not taken"):
            sandbox.run(RunSpec("x"))


# --- Settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"url": "127.0.0.1:8080"},
        {"url": "ftp://host"},
        {"url": "http://"},
        {"url": "http://host:99999"},
        {"url": "http://[host"},
        {"url": "http://host/?a=b"},
        {"url": "http://a..b"},
        {"url": None},
        {"url": 7},
        {"timeout_s": 0},
        {"timeout_s": "1"},
        {"timeout_s": float("nan")},
        {"retries": -1},
        {"retries": True},
        {"token_env": ""},
        {"token_file": "a", "token_env": "b"},
        {"min_isolation": "most"},
        {"token": "secret"},
    ],
)
def test_a_wrong_setting_is_refused_when_the_sandbox_is_made(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make_sandbox("remote", **config)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="token_file") as caught:
        make_sandbox("remote", url="http://user:swordfish@host")
    assert "swordfish" not in str(caught.value)


def test_a_token_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    for config, said in (
        ({"token_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE is not set"),
        ({"token_file": str(tmp_path / "none")}, "cannot read"),
    ):
        with make_sandbox("remote", **config) as sandbox, pytest.raises(SandboxError, match=said):
            sandbox.run(RunSpec("x"))


def test_the_path_of_the_url_goes_before_all_paths() -> None:
    with Fake(answers()) as server, Remote(url=server.url + "/a/b/run_code/") as sandbox:
        sandbox.run(RunSpec("x"))
        assert server.requests[0]["path"] == "/a/b/run_code"


def test_base64_of_files_is_what_they_decode() -> None:
    with Fake(answers()) as server, Remote(url=server.url) as sandbox:
        sandbox.run(RunSpec("x", files={"a": "ü"}))
        assert base64.b64decode(server.requests[0]["files"]["a"]) == "ü".encode()
