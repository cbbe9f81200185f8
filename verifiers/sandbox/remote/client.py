"""The remote back end: programs run on a server of ours (`rlvr sandbox serve`) or of SandboxFusion.

A failure between here and there is tried again under one request id, which our server runs once, and ends as a
`SandboxError`; it never looks like a result. Nothing waits beyond its deadline, whatever the server does.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import json
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.sandbox.base import Job, Sandbox
from rlvr_gym.verifiers.sandbox.languages import find_language
from rlvr_gym.verifiers.sandbox.remote.answer import is_ours, read_answer, read_isolation
from rlvr_gym.verifiers.sandbox.remote.connection import Connections, Response, TooLargeError
from rlvr_gym.verifiers.sandbox.remote.fields import FieldError
from rlvr_gym.verifiers.sandbox.remote.request import Request, needs_ours, write_request
from rlvr_gym.verifiers.sandbox.spec import (
    COMPILE_LIMITS,
    LAYERS,
    MIB,
    Isolation,
    Limits,
    RunResult,
    RunSpec,
    SandboxError,
)

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_HEALTH_S = 30.0
_ESCAPED = 6  # bytes of JSON for one of the program's, at worst: \u0000
_TOLD = 3  # a failure that the server tells of is rarely a passing one: it counts for three


class Remote(Sandbox):
    r"""Runs programs on a server over HTTP, with any back end behind it.

    The isolation is what the server tells. One of SandboxFusion tells nothing, so no layer is reported; it has no
    arguments, no peers and no binary stdin, and a program that needs them ends as a `SandboxError`.

    Args:
        url: Where the server listens; with or without `/run_code` at its end.
        token_file: File with the server's token.
        token_env: Name of the environment variable that holds it, in place of a file.
        timeout_s: Seconds that a run may take beyond the limits of its program: in the queue of the server, on the way,
            and in further tries.
        retries: Further tries after a failure. A server without room is asked again as long as there is time.
        min_isolation: See `Sandbox`. Without a server that tells its layers nothing runs.
        concurrency: Programs that `run_batch` has under way at one time.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> Remote(url="http://127.0.0.1:8080/run_code", retries=2).config()["retries"]
        2
    """

    name: ClassVar[str] = "remote"

    def __init__(
        self,
        *,
        url: str = "http://127.0.0.1:8080",
        token_file: str | None = None,
        token_env: str | None = None,
        timeout_s: float = 120.0,
        retries: int = 8,
        min_isolation: str = "none",
        concurrency: int = 32,
    ) -> None:
        super().__init__(min_isolation=min_isolation, concurrency=concurrency)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not 0 < timeout_s <= 86_400:
            raise ConfigError(f"timeout_s must be a number of seconds, at most a day; got {shown(timeout_s)}")
        if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= 100:
            raise ConfigError(f"retries must be an integer from 0 to 100, got {shown(retries)}")
        for key, value in (("token_file", token_file), ("token_env", token_env)):
            if value is not None and (not isinstance(value, str) or not value or "\0" in value):
                raise ConfigError(f"{key} must be a name, got {shown(value)}")
        if token_file is not None and token_env is not None:
            raise ConfigError("the token comes from token_file or from token_env, not from both")
        self.url, self.token_file, self.token_env = url, token_file, token_env
        self.timeout_s, self.retries = float(timeout_s), retries
        self._connections = Connections(url)
        self._ours: bool | None = None  # whether the server is one of ours, once it was asked
        self._strong = False  # whether it was found to reach min_isolation

    def config(self) -> dict[str, Any]:
        """See `Sandbox.config`; where the token lies, never the token."""
        own = ("url", "token_file", "token_env", "timeout_s", "retries")
        return {**super().config(), **{name: getattr(self, name) for name in own}}

    def run(self, spec: RunSpec) -> RunResult:
        """See `Sandbox.run`; the server compiles."""
        find_language(spec.language)
        self.check_isolation()
        return self._ask(spec)

    def build(self, spec: RunSpec) -> RunSpec | RunResult:
        """See `Sandbox.build`; a server of SandboxFusion cannot, and compiles for each run."""
        if find_language(spec.language).compile and not self._asked_if_ours():
            return spec
        return super().build(spec)

    def isolation(self) -> Isolation:
        """See `Sandbox.isolation`: what the server tells of its own."""
        data = self._health()
        if data is None:
            return Isolation((), dict.fromkeys(LAYERS, "the server does not tell"))
        try:
            return read_isolation(data.get("isolation"))
        except FieldError as error:
            raise SandboxError(f"{self.url}: {error}") from error

    def execute(self, job: Job) -> RunResult:
        """See `Sandbox.execute`."""
        return self._ask(_spec_of(job), build=job.compiling)

    def close(self) -> None:
        """See `Sandbox.close`."""
        self._ours, self._strong = None, False
        self._connections.close()

    def languages(self) -> list[str] | None:
        """See `Sandbox.languages`: the server's matter, which it tells when it is asked to run one."""
        return None

    def check_isolation(self) -> None:
        """See `Sandbox.check_isolation`."""
        if self.min_isolation == "none" or self._strong:
            return
        found = self.isolation()
        if not found.reaches(self.min_isolation):
            told = f"reaches isolation {found.level!r}" if self._ours else "does not tell its isolation"
            raise SandboxError(f"{self.url} {told}, and {self.min_isolation!r} is asked for")
        self._strong = True  # from here on every request asks for the level, and every answer tells it

    def _asked_if_ours(self) -> bool:
        if self._ours is None:
            self._health()
        return bool(self._ours)

    def _ask(self, spec: RunSpec, *, build: bool = False) -> RunResult:
        needs = needs_ours(spec)
        if needs and not self._asked_if_ours():
            raise SandboxError(f"{self.url} speaks SandboxFusion only, which cannot have {needs}")
        request = Request(spec, uuid.uuid4().hex, build, self.min_isolation)
        payload = json.dumps(write_request(request)).encode()
        own_s = _own_s(request)
        tried = functools.partial(self._run_code, request, payload, own_s + self.timeout_s / 2)
        result = self._retrying(request.request_id, time.monotonic() + own_s + self.timeout_s, tried)
        if not result.isolation.reaches(self.min_isolation):
            self._strong = False
            raise SandboxError(
                f"{self.url} ran a program with isolation {result.isolation.level!r}; "
                f"{self.min_isolation!r} is asked for, so its result is not taken"
            )
        return result

    def _health(self) -> dict[str, Any] | None:
        """What `/health` tells; None where the server has none of ours."""
        deadline = time.monotonic() + min(_HEALTH_S, self.timeout_s)
        data = self._retrying(uuid.uuid4().hex, deadline, self._get_health)
        self._ours = data is not None
        return data

    def _retrying(self, key: str, deadline: float, attempt: Callable[[float], T]) -> T:
        """The result of an attempt, which gets a deadline; failures that may pass are tried again.

        Pauses double, and are scattered by a hash of the key, so that clients that failed together return apart.
        """
        tries = failures = 0
        while True:
            try:
                return attempt(deadline)
            except _Failure as failure:
                tries += 1
                failures += failure.weight
                scatter = hashlib.sha256(f"{key}:{tries}".encode()).digest()[0] / 255
                pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (tries - 1)) * (0.5 + scatter / 2)
                pause = max(pause, failure.after_s)
                if failure.final or failures > self.retries or time.monotonic() + pause >= deadline:
                    often = f" (tried {tries} times)" if tries > 1 else ""
                    raise SandboxError(f"{self.url}: {failure}{often}") from failure
                time.sleep(pause)

    def _run_code(self, request: Request, payload: bytes, attempt_s: float, deadline: float) -> RunResult:
        deadline = min(deadline, time.monotonic() + attempt_s)
        response = self._exchange("POST", "/run_code", payload, deadline, _most(request))
        if response.status != 200:
            raise _refusal(response)
        data = _decoded(response)
        if is_ours(data):
            if data.get("request_id") != request.request_id:
                raise _Failure("the answer to another request")
        elif request.build or needs_ours(request.spec):
            raise _Failure("the server speaks SandboxFusion only now", final=True)
        try:
            return read_answer(data, request)
        except SandboxError as error:
            raise _Failure(str(error), weight=_TOLD) from error

    def _get_health(self, deadline: float) -> dict[str, Any] | None:
        response = self._exchange("GET", "/health", b"", deadline, MIB)
        if response.status in (404, 405):
            return None
        if response.status != 200:
            raise _refusal(response)
        try:
            data = json.loads(response.body)
        except (ValueError, RecursionError):
            return None
        return data if is_ours(data) else None

    def _exchange(self, method: str, path: str, body: bytes, deadline: float, most: int) -> Response:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self._authorization()}
        try:
            return self._connections.ask(method, path, body=body, headers=headers, deadline=deadline, most=most)
        except TooLargeError as error:
            raise _Failure(str(error), final=True) from error
        except TimeoutError as error:
            raise _Failure(f"no answer in time ({error})") from error
        except (OSError, http.client.HTTPException) as error:
            raise _Failure(f"{type(error).__name__}: {error}") from error

    def _authorization(self) -> dict[str, str]:
        if self.token_file is None and self.token_env is None:
            return {}
        try:
            token = os.environ[self.token_env] if self.token_env else Path(str(self.token_file)).read_text("ascii")
        except KeyError as error:
            raise SandboxError(f"no token: the environment variable {self.token_env} is not set") from error
        except (OSError, UnicodeDecodeError) as error:
            raise SandboxError(f"no token: cannot read {self.token_file!r}: {error}") from error
        if not token.strip().isprintable() or not token.isascii():
            raise SandboxError("the token must be printable ASCII text")
        return {"Authorization": f"Bearer {token.strip()}"}


class _Failure(SandboxError):
    """One attempt failed.

    Args:
        message: How.
        weight: For how many failures it counts; 0 for a server without room.
        after_s: Seconds after which the server wants to be asked again.
        final: Another attempt would fail as well.
    """

    def __init__(self, message: str, *, weight: int = 1, after_s: float = 0.0, final: bool = False) -> None:
        super().__init__(message)
        self.weight, self.after_s, self.final = weight, after_s, final


def _refusal(response: Response) -> _Failure:
    message = f"HTTP {response.status}: {shown(response.body[:400].decode('utf-8', 'replace'), 400)}"
    if response.status == 429 or response.status == 408 or response.status >= 500:
        text = response.headers.get("Retry-After", "")
        after_s = min(60.0, float(text)) if text.isascii() and text.isdigit() else 0.0
        return _Failure(message, weight=int(response.status != 429), after_s=after_s)
    return _Failure(message, final=True)


def _decoded(response: Response) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise _Failure(f"the answer is not JSON: {shown(response.body[:200])}") from error


def _own_s(request: Request) -> float:
    """Seconds that the program may need by its own limits."""
    if request.build:
        return request.spec.compile_limits.wall_s
    specs = [request.spec] if request.spec.peer is None else [request.spec, request.spec.peer]
    compilers = sum(spec.compile_limits.wall_s for spec in specs if find_language(spec.language).compile)
    return compilers + max(spec.limits.wall_s for spec in specs)


def _most(request: Request) -> int:
    """Bytes that a right answer has at most."""
    if request.build:
        return MIB + request.spec.compile_limits.file_bytes * 4 // 3
    specs = [request.spec] if request.spec.peer is None else [request.spec, request.spec.peer]
    most = MIB
    for spec in specs:
        limits = spec.limits
        files = min(limits.disk_bytes + limits.file_bytes, len(spec.collect) * limits.file_bytes)
        most += 2 * _ESCAPED * limits.output_bytes + files * 4 // 3
    return most


def _spec_of(job: Job) -> RunSpec:
    files = dict(job.files)
    code = files.pop(job.language.source, b"").decode("utf-8", "surrogatepass")
    return RunSpec(
        code=code,
        language=job.language.name,
        stdin=job.stdin,
        argv=() if job.compiling else job.command[len(job.language.run) :],
        files=files,
        collect=() if job.compiling else job.collect,
        limits=Limits() if job.compiling else job.limits,
        compile_limits=job.limits if job.compiling else COMPILE_LIMITS,
        peer=None if job.peer is None else _spec_of(job.peer),
    )
