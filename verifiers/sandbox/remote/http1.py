"""HTTP/1.1 for one small service: requests are read under deadlines and caps, answers are written under them too.

It reads what clients of a JSON service send and refuses the rest: no chunked bodies, no folded headers, no trailers. A
client that sends or reads too slowly is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rlvr_gym.verifiers.errors import RlvrError, shown

HEAD_BYTES = 16 * 1024
_HEADERS = 64
_LEAVE_S = 2.0  # for a client that is refused to read why
_LEAVE_BYTES = 64 * 2**20

_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) ([!-~]{1,4096}) HTTP/1\.([01])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*)")
_LENGTH = re.compile(r"[0-9]{1,15}")


class HttpError(RlvrError):
    """A request is refused.

    Args:
        status: HTTP status.
        message: What was wrong, for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Head:
    """A request without its body.

    Args:
        method: `GET`, `POST` and the like.
        path: What is asked for, without the query.
        headers: By name in lower case.
        length: Bytes of the body; None where the client does not say.
        keep_alive: Another request may follow on this connection.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    length: int | None
    keep_alive: bool


@dataclass(frozen=True)
class Reply:
    """What is answered.

    Args:
        status: HTTP status.
        body: JSON text in UTF-8.
        headers: Further headers.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, status: int, data: Any, **headers: str) -> Reply:
        """A reply with a JSON value; `Retry_After="1"` is the header Retry-After."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"), named)


def parse_head(raw: bytes) -> Head:
    r"""The head of a request, up to and with its empty line.

    Raises:
        HttpError: It is none, or it asks for what is not spoken here.

    Example:
        >>> head = parse_head(b"POST /run_code HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
        >>> head.method, head.path, head.length, head.keep_alive
        ('POST', '/run_code', 2, True)
    """
    first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise HttpError(400, f"no HTTP/1.1 request: {shown(first)}")
    if len(lines) > _HEADERS:
        raise HttpError(431, f"more than {_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise HttpError(400, f"no header: {shown(line)}")
        name, value = found[1].lower(), found[2].rstrip(" \t")
        if name == "content-length" and headers.get(name, value) != value:
            raise HttpError(400, "two different Content-Length headers")
        headers[name] = value
    if "transfer-encoding" in headers:
        raise HttpError(501, "a body must come with Content-Length, not with Transfer-Encoding")
    length = headers.get("content-length")
    if length is not None and not _LENGTH.fullmatch(length):
        raise HttpError(400, f"Content-Length must be a number, got {shown(length)}")
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    keep_alive = "close" not in tokens and (match[3] == "1" or "keep-alive" in tokens)
    path = match[2].partition("?")[0]
    return Head(match[1], path, headers, None if length is None else int(length), keep_alive)


async def read_head(reader: asyncio.StreamReader, *, idle_s: float, head_s: float) -> Head | None:
    """The next request of a connection, without its body.

    Args:
        reader: The connection, opened with the limit `HEAD_BYTES`.
        idle_s: Seconds until its first byte.
        head_s: Seconds from there to its empty line.

    Returns:
        The head; None where the client has left or says nothing.

    Raises:
        HttpError: It is too long, too slow or no request.
    """
    try:
        async with asyncio.timeout(idle_s):
            first = await reader.readexactly(1)
    except (asyncio.IncompleteReadError, TimeoutError):
        return None
    try:
        async with asyncio.timeout(head_s):
            rest = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise HttpError(431, f"the headers are longer than {HEAD_BYTES} bytes") from error
    except TimeoutError as error:
        raise HttpError(408, f"the headers took more than {head_s:g} seconds") from error
    return parse_head(first + rest)


async def read_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head, body_s: float) -> bytes:
    """The body that belongs to a head.

    Args:
        reader: The connection.
        writer: The same.
        head: Its length must have been checked.
        body_s: Seconds for all of it.

    Raises:
        HttpError: It is too slow.
        asyncio.IncompleteReadError: The client left.
    """
    if not head.length:
        return b""
    if head.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(body_s):
            return await reader.readexactly(head.length)
    except TimeoutError as error:
        raise HttpError(408, f"the body took more than {body_s:g} seconds") from error


async def write_reply(writer: asyncio.StreamWriter, reply: Reply, *, keep_alive: bool, write_s: float) -> None:
    """Write a reply, to its last byte.

    Raises:
        TimeoutError: The client does not read.
        ConnectionError: The client has left.
    """
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(reply.body)),
        "Connection": "keep-alive" if keep_alive else "close",
        **reply.headers,
    }
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + reply.body)
    async with asyncio.timeout(write_s):
        await writer.drain()


async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End a connection on which unread bytes may be under way.

    To close at once would send a reset, which can reach the client before the reply that tells it why.
    """
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()
        async with asyncio.timeout(_LEAVE_S):
            left = _LEAVE_BYTES
            while left > 0 and (chunk := await reader.read(64 * 1024)):
                left -= len(chunk)
