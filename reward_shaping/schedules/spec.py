"""Specs of the pieces of a schedule: frozen dataclasses with a name, written as a name or as `{name: settings}`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown, suggestion

P = TypeVar("P")


def to_spec(piece: Any) -> str | dict[str, Any]:
    """The name, or `{name: settings}` with the settings that are not the default."""
    settings = settings_of(piece)
    return {piece.name: settings} if settings else str(piece.name)


def settings_of(piece: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not the default, as JSON."""
    return {
        field.name: plain(getattr(piece, field.name))
        for field in fields(piece)
        if field.default is MISSING or getattr(piece, field.name) != field.default
    }


def made(what: str, kinds: Mapping[str, type[P]], spec: Any) -> P:
    """The piece of a spec; a piece stays as it is.

    Args:
        what: What is wanted, for messages.
        kinds: The classes by name.
        spec: A name, `{name: settings}`, or a piece.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec, or a setting is refused.
    """
    for kind in kinds.values():
        if isinstance(spec, kind):
            return spec
    if isinstance(spec, Mapping) and len(spec) == 1:
        [(name, settings)] = spec.items()
    else:
        name, settings = spec, {}
    if not isinstance(name, str) or not isinstance(settings, Mapping):
        raise ConfigError(f"a {what} is a name or {{name: {{setting: value}}}}, got {shown(spec)}")
    if name not in kinds:
        raise UnknownNameError(what, name, kinds)
    return built(f"{what} {name!r}", kinds[name], settings)


def built(owner: str, kind: type[P], settings: Mapping[str, Any]) -> P:
    """A dataclass of settings.

    Raises:
        ConfigError: A setting is unknown, missing or refused.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise ConfigError(f"{owner} has no setting {key!r}{suggestion(str(key), known)}")
    missing = [
        field.name
        for field in fields(kind)  # type: ignore[arg-type]
        if field.default is MISSING and field.default_factory is MISSING and field.name not in settings
    ]
    if missing:
        raise ConfigError(f"{owner} needs {', '.join(missing)}")
    return kind(**settings)


def plain(value: Any) -> Any:
    """A setting as JSON."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def check_number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Refuse what is no finite number in [low, high].

    Raises:
        ConfigError: With the name, the value and the range.
    """
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high:
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)


def check_count(name: str, value: Any, low: int) -> int:
    """Refuse what is no integer of at least `low`.

    Raises:
        ConfigError: With the name and the value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"{name} must be an integer of at least {low}, got {shown(value)}")
    return value
