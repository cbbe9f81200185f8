"""Sandboxes by name: `make_sandbox("forkserver", min_isolation="isolated")`."""

from __future__ import annotations

import importlib
from typing import Any

from rlvr_gym.verifiers.errors import ConfigError, UnknownNameError, shown
from rlvr_gym.verifiers.sandbox.base import Sandbox

_ENTRY_POINTS: dict[str, str] = {
    "bubblewrap": "rlvr_gym.verifiers.sandbox.local.bubblewrap:Bubblewrap",
    "docker": "rlvr_gym.verifiers.sandbox.docker.back_end:Docker",
    "forkserver": "rlvr_gym.verifiers.sandbox.forkserver:ForkServer",
    "remote": "rlvr_gym.verifiers.sandbox.remote.client:Remote",
    "subprocess": "rlvr_gym.verifiers.sandbox.local.plain:Plain",
}


def sandbox_names() -> list[str]:
    """All back ends, sorted; whether one works here is told by its `isolation()`.

    Example:
        >>> "forkserver" in sandbox_names()
        True
    """
    return sorted(_ENTRY_POINTS)


def make_sandbox(name: str, /, **config: Any) -> Sandbox:
    """Build a sandbox; nothing is started before its first run.

    Args:
        name: One of `sandbox_names()`.
        **config: Its settings, JSON values.

    Raises:
        UnknownNameError: No such back end; near matches are offered.
        ConfigError: A setting is unknown or has a wrong value.

    Example:
        >>> make_sandbox("forkserver", concurrency=4).config()["concurrency"]
        4
    """
    if not isinstance(name, str) or name not in _ENTRY_POINTS:
        raise UnknownNameError("sandbox", name if isinstance(name, str) else shown(name), _ENTRY_POINTS)
    module, _, attribute = _ENTRY_POINTS[name].partition(":")
    cls: type[Sandbox] = getattr(importlib.import_module(module), attribute)
    try:
        return cls(**config)
    except TypeError as error:
        raise ConfigError(f"sandbox {name!r}: {error}") from error
