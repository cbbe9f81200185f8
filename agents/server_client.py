"""Requests to a server that may be busy, slow or wrong: bounded in number, time and size, and tried again.

All requests of a client are made by one event loop in a thread of its own, which keeps the connections: callers with
an event loop and callers without one share them, and the limit of how many requests are under way.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from rlvr_gym.agents.policy import seed_from, unit_interval
from rlvr_gym.envs.task import check_int
from rlvr_gym.verifiers import ConfigError, MissingExtraError, RlvrError
from rlvr_gym.verifiers.errors import shown

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_SHOWN = 300  # characters of an answer in an error message
_READ_OF_A_REFUSAL = 1 << 16  # bytes
_LONGEST_WAIT_S = 60.0  # between two tries, whatever the server asks for
_RETRIED = (408, 409, 425, 429)  # and 5xx
_REFUSED = (400, 413, 422)  # what is asked is wrong, not the address or the key


class BackendError(RlvrError, RuntimeError):
    """What stands behind a policy failed, or gave something that is no completion."""


class RefusedError(BackendError):
    """A server refused one request for what is in it (status 400, 413, 422), such as a context that is too long."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Args:
        path: What follows the client's url.
        body: JSON to post; None for a GET.
        seed: Spreads the waits between tries, so that requests that failed together do not come back together.
        most_bytes: Longest answer that is read.
    """

    path: str
    body: Mapping[str, Any] | None = None
    seed: int = 0
    most_bytes: int = 1 << 22


@dataclass(frozen=True, slots=True)
class _Failure:
    """A try that brought no answer; `wait_s` is what the server asks for."""

    what: str
    again: bool
    wait_s: float = 0.0
    refused: bool = False


class ServerClient:
    """JSON over HTTP.

    Args:
        url: Where the paths of the calls begin.
        key_env: Environment variable of a key, which is sent as `Authorization: Bearer` where the variable is set. It
            is read once, here, and stands in no error.
        concurrency: Most requests under way.
        timeout_s: Seconds that one try may take from connecting to the last byte.
        retries: How often a request is tried again after a failed connection, a timeout, or a status of 408, 409, 425,
            429 or 5xx.
        backoff_s: Seconds before the second try, half as much to half as much again. Each further wait is twice as
            long, and not shorter than the `Retry-After` of the server, but at most a minute.

    Raises:
        ConfigError: A setting is refused.
        MissingExtraError: httpx is not installed.
    """

    def __init__(
        self, url: str, *, key_env: str, concurrency: int, timeout_s: float, retries: int, backoff_s: float
    ) -> None:
        check_int("concurrency", concurrency, 1, None)
        check_int("retries", retries, 0, None)
        if not 0 < timeout_s < float("inf") or not 0 <= backoff_s < float("inf"):
            raise ConfigError(f"timeout_s must be positive, backoff_s at least 0, got {timeout_s!r} and {backoff_s!r}")
        self.url = checked_url(url)
        self._key = _key(key_env)
        self._concurrency, self._timeout_s, self._retries, self._backoff_s = concurrency, timeout_s, retries, backoff_s
        self._httpx = _httpx()
        self._lock = threading.Lock()
        self._thread: _Thread | None = None
        self._stop: weakref.finalize[Any, ServerClient] | None = None

    def ask(self, calls: Sequence[Call]) -> list[Any]:
        """The JSON of each answer, in order; a `RefusedError` in place of one that the server refused.

        The first call that fails for good in another way ends the others.

        Raises:
            BackendError: A call failed for good; the message names address, status and the beginning of the answer.
        """
        thread = self._running()
        asked = [_or_refusal(self._ask(thread, call)) for call in calls]
        future = asyncio.run_coroutine_threadsafe(_together(asked), thread.loop)
        try:
            return future.result()
        finally:
            future.cancel()

    async def aask(self, call: Call) -> Any:
        """The JSON of the answer. Cancelling it ends the request.

        Raises:
            RefusedError: The server refused it.
            BackendError: See `ask`.
        """
        thread = self._running()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._ask(thread, call), thread.loop))

    def wrong(self, path: str, what: str, found: object) -> BackendError:
        """The error for an answer that is JSON and not what it should be.

        Args:
            path: What was called.
            what: What is wrong.
            found: The part of the answer in which it is.
        """
        return BackendError(
            f"{self.url}{path} gave {what}: {self._shown(shown(found, 4 * _SHOWN).encode('utf-8', 'replace'))}"
        )

    def close(self) -> None:
        """End what is under way, close the connections and end the thread. A later request begins anew."""
        with self._lock:
            stop, self._stop, self._thread = self._stop, None, None
        if stop is not None:
            stop()

    def _running(self) -> _Thread:
        with self._lock:
            if self._thread is None:
                headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
                limits = self._httpx.Limits(
                    max_connections=self._concurrency, max_keepalive_connections=self._concurrency
                )
                http = self._httpx.AsyncClient(headers=headers, limits=limits, timeout=None)
                self._thread = _Thread(http, self._concurrency)
                self._stop = weakref.finalize(self, self._thread.stop)
            return self._thread

    async def _ask(self, thread: _Thread, call: Call) -> Any:
        url = self.url + call.path
        async with thread.free:
            outcome = await self._try(thread.http, url, call)
            tries = 1
            while isinstance(outcome, _Failure) and outcome.again and tries <= self._retries:
                spread = 0.5 + unit_interval(seed_from("backoff", call.seed, tries))
                wait_s = max(self._backoff_s * 2.0 ** min(tries - 1, 30) * spread, outcome.wait_s)
                await asyncio.sleep(min(wait_s, _LONGEST_WAIT_S))
                outcome = await self._try(thread.http, url, call)
                tries += 1
        if isinstance(outcome, _Failure):
            after = "" if tries == 1 else f" after {tries} tries"
            kind = RefusedError if outcome.refused else BackendError
            raise kind(f"{url} gave no answer{after}: {outcome.what}")
        return self._read(url, outcome)

    async def _try(self, http: httpx.AsyncClient, url: str, call: Call) -> bytes | _Failure:
        body = None if call.body is None else json.dumps(call.body).encode()
        head = {"Content-Type": "application/json"} if body is not None else {}
        method = "GET" if body is None else "POST"
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                http.stream(method, url, content=body, headers=head) as answer,
            ):
                if answer.is_success:
                    read = await _bounded(answer, call.most_bytes)
                    if len(read) <= call.most_bytes:
                        return read
                    most = f"more than the {call.most_bytes:,} bytes that it may have"
                    return _Failure(f"status {answer.status_code}, and {most}: {self._shown(read)}", again=False)
                code, start = answer.status_code, self._shown(await _bounded(answer, _READ_OF_A_REFUSAL))
                return _Failure(
                    f"status {code}: {start}",
                    again=code in _RETRIED or code >= 500,
                    wait_s=_seconds(answer.headers.get("Retry-After", "")),
                    refused=code in _REFUSED,
                )
        except TimeoutError:
            return _Failure(f"it took longer than {self._timeout_s:g} s", again=True)
        except self._httpx.RequestError as error:
            return _Failure(f"{type(error).__name__}: {self._shown(str(error).encode('utf-8', 'replace'))}", again=True)

    def _read(self, url: str, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise BackendError(f"{url} gave no JSON ({type(error).__name__}): {self._shown(answer)}") from None

    def _shown(self, answer: bytes) -> str:
        """The beginning of an answer on one line, without the key, which some servers repeat when they refuse it."""
        text = answer.decode("utf-8", "replace")
        if self._key:
            text = text.replace(self._key, "[key]")
        return " ".join(text[: 4 * _SHOWN].split())[:_SHOWN] or "(empty)"


class _Thread:
    """An event loop in a thread, with its connections. Nothing in it refers to the client, which may be collected."""

    def __init__(self, http: httpx.AsyncClient, concurrency: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.http = http
        self.free = asyncio.Semaphore(concurrency)
        self._thread = threading.Thread(target=self._run, name="rlvr-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the loop and wait for the thread, but in the thread itself."""
        with suppress(RuntimeError):  # the loop has ended already
            self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        self.loop.run_forever()
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.http.aclose()


def checked_url(url: str) -> str:
    """An address without a slash at its end.

    Raises:
        ConfigError: It is no address of HTTP, or holds a user, a query or a fragment.

    Example:
        >>> checked_url("http://localhost:8000/v1/")
        'http://localhost:8000/v1'
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise ConfigError(f"no address: {error}") from None
    if "@" in parts.netloc:
        raise ConfigError("an address must not hold a user or password: put the key into an environment variable")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"expected an address such as http://localhost:8000/v1, without query, got {url!r:.200}")
    return url.rstrip("/")


async def _or_refusal(answer: Coroutine[Any, Any, T]) -> T | RefusedError:
    try:
        return await answer
    except RefusedError as error:
        return error


async def _together(asked: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results, in order; where one raises, the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bounded(answer: httpx.Response, most: int) -> bytes:
    """The body, decompressed; where it is longer than `most` bytes, a beginning that is longer too."""
    read = bytearray()
    async for part in answer.aiter_bytes():
        read += part
        if len(read) > most:
            break
    return bytes(read)


def _seconds(text: str) -> float:
    """`Retry-After` in seconds; 0 for a date, which would have to be compared with a clock."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0


def _key(name: str) -> str:
    key = os.environ.get(name, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"the environment variable {name} holds what is no key: printable ASCII without spaces")
    return key


def _httpx() -> Any:
    try:
        import httpx
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "httpx":
            raise MissingExtraError("httpx", "server", "a policy behind a server") from error
        raise
    return httpx
