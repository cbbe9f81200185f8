"""Connections to one HTTP server, under deadlines that hold: for a whole exchange, not for each of its packets."""

from __future__ import annotations

import http.client
import io
import os
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rlvr_gym.verifiers.errors import ConfigError, shown

_CONNECT_S = 10.0


@dataclass(frozen=True)
class Response:
    """What a server answered.

    Args:
        status: HTTP status.
        headers: By name, in any case.
        body: All of it.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class TooLargeError(http.client.HTTPException):
    """The response is larger than any that was asked for."""


class Connections:
    """Keep-alive connections to one server. Safe in threads; a forked process opens its own.

    Args:
        url: `http://host:port`, with a path in front of all paths or without.

    Raises:
        ConfigError: It is none.

    Example:
        >>> Connections("http://127.0.0.1:8080/run_code/").prefix
        ''
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            (host or "").encode("idna")
        except (ValueError, AttributeError, TypeError):
            parts, host, port = urlsplit(""), None, None
        if "@" in parts.netloc:  # and a password, which no message may show
            raise ConfigError("url must not hold a user: the token comes from token_file or token_env")
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise ConfigError(f"url must be like 'http://127.0.0.1:8080'; got {shown(url)}")
        self.prefix = parts.path.rstrip("/").removesuffix("/run_code")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = host, port
        self._idle: deque[_Link] = deque()

    def ask(
        self, method: str, path: str, *, body: bytes, headers: Mapping[str, str], deadline: float, most: int
    ) -> Response:
        """One exchange.

        Args:
            method: HTTP method.
            path: After the prefix.
            body: To send.
            headers: Besides those that HTTP needs.
            deadline: On the clock of `time.monotonic`.
            most: Bytes that the response may have.

        Raises:
            OSError: No connection, or it broke, or `TimeoutError` at the deadline.
            http.client.HTTPException: The response is none; `TooLargeError` where it is too large.
        """
        while True:
            link, reused = self._take(deadline)
            try:
                return self._exchange(link, method, self.prefix + path, body, headers, most)
            except ConnectionError:
                link.end()
                if not reused:
                    raise
                # else the server had closed it in the meantime
            except (OSError, http.client.HTTPException):
                link.end()
                raise

    def close(self) -> None:
        """Close what is idle."""
        while (link := self._pop()) is not None:
            link.end()

    def _pop(self) -> _Link | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _take(self, deadline: float) -> tuple[_Link, bool]:
        while (link := self._pop()) is not None:
            if link.owner == os.getpid():
                link.wire.deadline = deadline
                return link, True
            link.end()
        host, port = self._address
        connection = self._kind(host, port, timeout=min(_CONNECT_S, _left(deadline)))
        connection.connect()
        wire = _Wire(connection.sock, deadline)
        connection.sock = wire
        return _Link(os.getpid(), connection, wire), False

    def _exchange(
        self, link: _Link, method: str, path: str, body: bytes, headers: Mapping[str, str], most: int
    ) -> Response:
        link.connection.request(method, path, body or None, dict(headers))
        response = link.connection.getresponse()
        content = response.read(most + 1)
        if len(content) > most:
            raise TooLargeError(f"a response of more than {most} bytes")
        if response.length or (not response.isclosed() and response.read(1)):
            raise http.client.IncompleteRead(content)
        if response.will_close:
            link.end()
        else:
            self._idle.append(link)
        return Response(response.status, response.headers, content)


class _Wire:
    """As much of a socket as `http.client` needs. Each call waits until the deadline at most, all of them together."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock, self.deadline = sock, deadline

    def makefile(self, mode: str, *rest: Any) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self.sock, self.deadline), 64 * 1024)

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(_left(self.deadline))
        self.sock.sendall(data)  # its time-out is one for all of the data

    def close(self) -> None:
        """Nothing: `http.client` closes before it has read, and counts on the socket to wait for that."""


class _Incoming(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


@dataclass(frozen=True)
class _Link:
    """One connection, and the process that opened it."""

    owner: int
    connection: http.client.HTTPConnection
    wire: _Wire

    def end(self) -> None:
        self.connection.close()
        self.wire.sock.close()
