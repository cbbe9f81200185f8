"""Frames to and from the agent of one container, over the socket that is attached to the container's streams."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Iterator

from rlvr_gym.verifiers.sandbox.docker.agent import CHUNK, HEAD
from rlvr_gym.verifiers.sandbox.spec import SandboxError

_STREAM = struct.Struct(">BxxxI")  # the engine's own framing of stdout and stderr
_STDOUT = 1
_READ_BYTES = 1 << 18
_COMPLAINT_BYTES = 2000
_LONGEST = CHUNK + 4


class HungUpError(Exception):
    """The other end is gone."""


class Wire:
    """One attached socket, without blocking.

    Args:
        connection: From `Engine.attach`; closed by `close`.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.complaint = b""
        self._engine, self._agent = bytearray(), bytearray()
        self._outgoing: deque[memoryview] = deque()

    @property
    def sending(self) -> bool:
        """Something waits to be sent."""
        return bool(self._outgoing)

    def put(self, kind: bytes, content: bytes = b"") -> None:
        """Send a frame as soon as the socket takes it."""
        self._outgoing.append(memoryview(HEAD.pack(kind, len(content)) + content))

    def put_bytes(self, content: bytes) -> None:
        """Send bytes that are in no frame."""
        if content:
            self._outgoing.append(memoryview(content))

    def flush(self) -> None:
        """Send what the socket takes now.

        Raises:
            HungUpError: The other end is gone.
        """
        try:
            while self._outgoing:
                count = self.connection.send(self._outgoing[0])
                self._outgoing[0] = self._outgoing[0][count:]
                if not self._outgoing[0]:
                    self._outgoing.popleft()
        except BlockingIOError:
            return
        except OSError as error:
            raise HungUpError(str(error)) from error

    def receive(self) -> Iterator[tuple[bytes, bytes]]:
        """The frames that have arrived.

        Raises:
            HungUpError: The other end is gone, and all that it said was given before.
            SandboxError: What arrived is no frame.
        """
        try:
            data = self.connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise HungUpError(str(error)) from error
        if not data:
            raise HungUpError("the connection was closed")
        self._engine += data
        self._unwrap()
        while len(self._agent) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._agent)
            if length > _LONGEST:
                raise SandboxError("the agent of a container does not keep to the protocol")
            if len(self._agent) < HEAD.size + length:
                return
            content = bytes(self._agent[HEAD.size : HEAD.size + length])
            del self._agent[: HEAD.size + length]
            yield kind, content

    def quiet(self) -> bool:
        """The other end is there and says nothing."""
        try:
            self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Hang up, upon which the agent ends itself."""
        self.connection.close()

    def _unwrap(self) -> None:
        position = 0
        while len(self._engine) - position >= _STREAM.size:
            stream, length = _STREAM.unpack_from(self._engine, position)
            end = position + _STREAM.size + length
            if len(self._engine) < end:
                break
            content = self._engine[position + _STREAM.size : end]
            if stream == _STDOUT:
                self._agent += content
            else:
                self.complaint = (self.complaint + content)[-_COMPLAINT_BYTES:]
            position = end
        del self._engine[:position]
