"""Sandboxes that all verifiers of this process share: one for each name and configuration, started when first used."""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rlvr_gym.verifiers.sandbox import RunResult, RunSpec, Sandbox, SandboxError, make_sandbox


class Pool:
    """A sandbox that runs as many programs at one time as it is made for, whoever asks and from how many threads.

    Args:
        sandbox: The sandbox.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._places = threading.BoundedSemaphore(sandbox.concurrency)

    def run_all(self, specs: Sequence[RunSpec]) -> list[RunResult | SandboxError]:
        """Run programs; order is kept."""
        return self._all(self.sandbox.run, specs)

    def build_all(self, specs: Sequence[RunSpec]) -> list[RunSpec | RunResult | SandboxError]:
        """Compile programs; order is kept."""
        return self._all(self.sandbox.build, specs)

    def _all(self, action: Callable[[RunSpec], Any], specs: Sequence[RunSpec]) -> list[Any]:
        if len(specs) < 2:
            return [self._one(action, spec) for spec in specs]
        with ThreadPoolExecutor(min(self.sandbox.concurrency, len(specs)), thread_name_prefix="code") as threads:
            return list(threads.map(lambda spec: self._one(action, spec), specs))

    def _one(self, action: Callable[[RunSpec], Any], spec: RunSpec) -> Any:
        with self._places:
            try:
                return action(spec)
            except SandboxError as error:
                return error


_LOCK = threading.Lock()
_SHARED: dict[str, Pool] = {}


def shared_pool(name: str, config: dict[str, Any]) -> Pool:
    """The pool around the sandbox of this name and configuration.

    Raises:
        UnknownNameError: As `make_sandbox`.
        ConfigError: As `make_sandbox`.

    Example:
        >>> shared_pool("forkserver", {}) is shared_pool("forkserver", {})
        True
    """
    key = json.dumps([name, config], sort_keys=True)
    with _LOCK:
        if key not in _SHARED:
            _SHARED[key] = Pool(make_sandbox(name, **config))
        return _SHARED[key]


def _close_all() -> None:
    for pool in _SHARED.values():
        pool.sandbox.close()


def _forget() -> None:
    """In a fork of this process: what was started belongs to the parent."""
    _LOCK._at_fork_reinit()  # type: ignore[attr-defined]
    _SHARED.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
