"""Messages between the client, the zygote and its children: one packet each, over sequenced-packet sockets.

A packet is a dict of plain values, with descriptors beside it. What a program is and what it wrote never pass through
the zygote's memory: every later program is a fork of that memory and could search it. They travel in anonymous files,
whose descriptors the zygote hands on unread.

Requests are marshalled: who reads them trusts who wrote them, and reading them touches a third of the memory that JSON
does, which a fork copies page by page. Answers are JSON: who waits for them has more to lose than the zygote.
"""

from __future__ import annotations

import json
import marshal
import os
import socket
from typing import Any, NamedTuple

KILLED = "the program was killed from outside of the sandbox"
_PACKET = 100_000
_FDS = 16


class Message(NamedTuple):
    """One message: its fields, and the descriptors that came along, which the receiver owns."""

    head: dict[str, Any]
    fds: list[int]


class Closed(Exception):
    """The other side is gone."""


def send(sock: socket.socket, head: dict[str, Any], fds: list[int] | tuple[int, ...] = ()) -> None:
    """Send a request, from the client to the zygote or from there to a child.

    Raises:
        OSError: The other side is gone, or the packet does not fit.
    """
    socket.send_fds(sock, [marshal.dumps(head)], list(fds))


def receive(sock: socket.socket) -> Message:
    """Wait for a request.

    Raises:
        Closed: The other side is gone.
    """
    packet, fds = _packet(sock)
    return Message(marshal.loads(packet), fds)


def answer(sock: socket.socket, head: dict[str, Any], fds: list[int] | tuple[int, ...] = ()) -> None:
    """Send an answer to the client.

    Raises:
        OSError: The other side is gone, or the packet does not fit.
    """
    socket.send_fds(sock, [json.dumps(head).encode()], list(fds))


def receive_answer(sock: socket.socket) -> Message:
    """Wait for an answer.

    Raises:
        Closed: The other side is gone.
        OSError: The socket timed out.
        ValueError: It is no answer.
    """
    packet, fds = _packet(sock)
    return Message(json.loads(packet), fds)


def _packet(sock: socket.socket) -> tuple[bytes, list[int]]:
    try:
        packet, fds, _, _ = socket.recv_fds(sock, _PACKET, _FDS)
    except ConnectionError as error:
        raise Closed from error
    if not packet:
        raise Closed
    return packet, fds


def memory_file(parts: list[bytes]) -> int:
    """An anonymous file that holds `parts`, at its beginning.

    Raises:
        OSError: There is no memory left.
    """
    fd = os.memfd_create("", os.MFD_CLOEXEC)
    try:
        for part in parts:
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(fd, rest) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        os.close(fd)
        raise
    return fd


def content(fd: int) -> bytes:
    """All of an anonymous file, which is closed."""
    try:
        size, read = os.fstat(fd).st_size, b""
        while len(read) < size:
            read += os.pread(fd, size - len(read), len(read))
        return read
    finally:
        os.close(fd)
