"""`ServerSpec`: which MCP server, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

_STDIO = ("command", "args", "env", "cwd")
_HTTP = ("url", "headers")
SERVER_KEYS = (*_STDIO, *_HTTP)


@dataclass(frozen=True)
class ServerSpec:
    """A program that speaks MCP over its standard input and output, or an address that speaks it over HTTP.

    Args:
        command: The program.
        args: Its arguments.
        env: Environment variables that it gets besides `HOME`, `PATH` and a few others; those of this process it does
            not get.
        cwd: The folder in which it runs.
        url: Instead of a program: where a server listens.
        headers: Of each HTTP request.

    Example:
        >>> ServerSpec.of({"command": "python", "args": ["server.py"]}).label
        "'python server.py'"
        >>> ServerSpec.of({"comand": "python"})
        Traceback (most recent call last):
        rlvr_gym.verifiers.errors.ConfigError: a server has no key 'comand'; did you mean 'command'?
    """

    command: str = ""
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: Any) -> ServerSpec:
        """Read the JSON object.

        Raises:
            ConfigError: It is no object, has an unknown key or a wrong value, or names neither or both of a program
                and an address.
        """
        if not isinstance(given, Mapping):
            raise ConfigError(f'a server is {{"command": ..., "args": [...]}} or {{"url": ...}}, got {shown(given)}')
        for key in given:
            if key not in SERVER_KEYS:
                raise ConfigError(f"a server has no key {key!r}{suggestion(str(key), SERVER_KEYS)}")
        if ("command" in given) == ("url" in given):
            raise ConfigError(f"a server has either a 'command' or a 'url', got {shown(dict(given))}")
        foreign = [key for key in given if key in (_HTTP if "command" in given else _STDIO)]
        if foreign:
            raise ConfigError(f"a server with a {'command' if 'command' in given else 'url'} has no {foreign[0]!r}")
        url = _text(given, "url")
        if url and not url.startswith(("http://", "https://")):
            raise ConfigError(f"the url of a server begins with http:// or https://, got {shown(url)}")
        return cls(
            command=_text(given, "command"),
            args=_texts(given.get("args", ())),
            env=_pairs(given, "env"),
            cwd=_text(given, "cwd") or None,
            url=url,
            headers=_pairs(given, "headers"),
        )

    @property
    def label(self) -> str:
        """How messages name it; without variables and headers, which may be secret."""
        return shown(self.url or " ".join((self.command, *self.args)), 200)


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str) or "\0" in value or (key in given and not value):
        raise ConfigError(f"the {key} of a server is a text, got {shown(value)}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and "\0" not in item for item in value):
        raise ConfigError(f"the args of a server are a list of texts, got {shown(value)}")
    return tuple(value)


def _pairs(given: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    value = given.get(key, {})
    whole = isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair)
    if not whole or any("\0" in part for pair in value.items() for part in pair):
        raise ConfigError(f"the {key} of a server is an object of texts")
    return tuple(sorted(value.items()))
