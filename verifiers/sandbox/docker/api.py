"""The part of the Docker Engine's HTTP interface that the sandbox needs, by the standard library alone.

Every call has a time limit. What goes wrong below HTTP is a `SandboxError` that says what to do; an answer that refuses
is returned, since the caller knows what it means.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.sandbox.spec import SandboxError

_VERSION = (1, 41)  # the interface as it is used here; engines that are too new for it name the oldest that they speak
_CONNECT_S = 10.0
_ANSWER_S = 60.0
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What the engine answered.

    Args:
        status: HTTP status.
        data: The decoded body; None where there is none.
    """

    status: int
    data: Any

    @property
    def ok(self) -> bool:
        """The engine did it."""
        return 200 <= self.status < 300 or self.status == 304

    @property
    def message(self) -> str:
        """Why the engine refused."""
        told = self.data.get("message") if isinstance(self.data, dict) else None
        return str(told or f"HTTP status {self.status}")


class Engine:
    """One engine.

    Args:
        host: `unix:///path/to/socket` or `tcp://machine:port`.

    Raises:
        ConfigError: No such address, or one that needs TLS or SSH.

    Example:
        >>> Engine("unix:///var/run/docker.sock").host
        'unix:///var/run/docker.sock'
    """

    def __init__(self, host: str) -> None:
        try:
            parts = urlsplit(str(host))
            self._tcp = (parts.hostname or "", parts.port or 2375) if parts.scheme == "tcp" else None
        except ValueError:  # no port, or no machine
            parts, self._tcp = urlsplit(""), None
        self._path = parts.path
        secure = self._tcp is not None and bool(os.environ.get("DOCKER_TLS_VERIFY"))
        if secure or not ((parts.scheme == "unix" and self._path) or (self._tcp and self._tcp[0])):
            raise ConfigError(
                f"the engine's address must be unix:///path or tcp://machine:port without TLS, got {shown(host)}; "
                "forward any other to a local socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock machine"
            )
        self.host = host
        self._prefix = ""

    def call(self, method: str, path: str, body: object = None, *, timeout_s: float = _ANSWER_S) -> Answer:
        """One request.

        Raises:
            SandboxError: The engine does not answer.
        """
        prefix = self._prefix or self._agree()
        return self._exchange(method, prefix + path, body, timeout_s)

    def attach(self, container: str) -> socket.socket:
        """The container's three streams as one socket.

        Raises:
            SandboxError: The engine does not answer, or refuses.
        """
        path = f"{self._prefix or self._agree()}/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        head = f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        with ExitStack() as undo:
            try:
                connection = undo.enter_context(self._connect())
                connection.settimeout(_ANSWER_S)
                connection.sendall(head.encode())
                answer = _read_head(connection)
            except OSError as error:
                raise self._silent(error) from error
            if b" 101 " not in answer.partition(b"\r\n")[0]:
                raise SandboxError(f"the engine at {self.host} refused to attach to a container: {answer[:200]!r}")
            undo.pop_all()
        return connection

    def inspect(self, container: str) -> dict[str, Any] | None:
        """All about a container; None where there is no such container."""
        answer = self.call("GET", f"/containers/{container}/json", timeout_s=_CONNECT_S)
        if answer.status == 404:
            return None
        return dict(self.required(answer, "tell about a container"))

    def image(self, name: str) -> dict[str, Any]:
        """All about an image.

        Raises:
            SandboxError: The engine does not have it.
        """
        answer = self.call("GET", f"/images/{quote(name, safe='/:@')}/json")
        if answer.status == 404:
            raise SandboxError(
                f"the engine at {self.host} has no image {name!r}: docker pull {name}, or name another with image="
            )
        return dict(self.required(answer, f"tell about image {name!r}"))

    def labelled(self, label: str) -> list[dict[str, Any]]:
        """All containers, running or not, with a label."""
        wanted = quote(json.dumps({"label": [label]}))
        answer = self.call("GET", f"/containers/json?all=1&filters={wanted}")
        return list(self.required(answer, "list containers"))

    def remove(self, container: str) -> bool:
        """Kill and remove; True when the container is gone or going."""
        answer = self.call("DELETE", f"/containers/{container}?force=1&v=1")
        return answer.ok or answer.status in (404, 409)

    def required(self, answer: Answer, what: str) -> Any:
        """The body of an answer.

        Raises:
            SandboxError: The engine refused.
        """
        if not answer.ok:
            raise SandboxError(f"the engine at {self.host} refused to {what}: {answer.message}")
        return answer.data

    def _agree(self) -> str:
        told = self.required(self._exchange("GET", "/version", None, _CONNECT_S), "tell its version")
        self._prefix = "/v" + common_version(told.get("MinAPIVersion", "1.24"), told.get("ApiVersion", "1.41"))
        return self._prefix

    def _exchange(self, method: str, path: str, body: object, timeout_s: float) -> Answer:
        text = None if body is None else json.dumps(body)
        headers = (
            {"Connection": "close"} if text is None else {"Connection": "close", "Content-Type": "application/json"}
        )
        connection = http.client.HTTPConnection("docker")
        try:
            connection.sock = self._connect()
            connection.sock.settimeout(timeout_s)
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            data = answer.read()
            return Answer(answer.status, json.loads(data) if data.strip() else None)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._silent(error) from error
        finally:
            connection.close()

    def _connect(self) -> socket.socket:
        if self._tcp is not None:
            return socket.create_connection(self._tcp, _CONNECT_S)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_CONNECT_S)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        return connection

    def _silent(self, error: Exception) -> SandboxError:
        what = f"no Docker engine answers at {self.host} ({type(error).__name__}: {error})"
        if isinstance(error, PermissionError):
            return SandboxError(f"{what}: add this user to the group of the socket, or use a rootless engine")
        return SandboxError(f"{what}: start it, or name another with host= or DOCKER_HOST")


def common_version(oldest: str, newest: str) -> str:
    """The version of the interface to speak with an engine that knows these.

    Example:
        >>> common_version("1.12", "1.40"), common_version("1.24", "1.52"), common_version("1.44", "1.52")
        ('1.40', '1.41', '1.44')
    """
    known = [tuple(map(int, version.split("."))) for version in (oldest, newest)]
    return ".".join(map(str, min(max(_VERSION, known[0]), known[1])))


def default_host() -> str:
    """`DOCKER_HOST`, or the first usual socket that exists."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return named
    standard = Path("/var/run/docker.sock")
    own = Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere"), "docker.sock")
    desktop = Path.home() / ".docker" / "run" / "docker.sock"
    return f"unix://{next((path for path in (standard, own, desktop) if path.exists()), standard)}"


def _read_head(connection: socket.socket) -> bytes:
    """The head of an answer, and not a byte more: what follows is the container's."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_BYTES:
        byte = connection.recv(1)
        if not byte:
            raise ConnectionResetError("the connection was closed")
        head += byte
    return head
