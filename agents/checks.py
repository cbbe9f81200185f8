"""How the pieces of recipes and strategies check their settings, and are made of JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

T = TypeVar("T")


def check_names(piece: Any, known: Mapping[str, Sequence[str]]) -> None:
    """Refuse a field whose value is not among its names.

    Raises:
        ConfigError: With the names that exist.
    """
    for name, names in known.items():
        if (value := getattr(piece, name)) not in names:
            raise ConfigError(f"{name} must be one of {', '.join(names)}; got {shown(value)}")


def check_counts(piece: Any, least: Mapping[str, int]) -> None:
    """Refuse a field that is no integer of at least so much.

    Raises:
        ConfigError: With what was given.
    """
    for name, bound in least.items():
        value = getattr(piece, name)
        if type(value) is not int:
            raise ConfigError(f"{name} must be an integer, got {shown(value)}")
        if value < bound:
            raise ConfigError(f"{name} must be at least {bound}, got {value}")


def check_numbers(piece: Any, names: Sequence[str], most: float = math.inf) -> None:
    """Refuse a field that is no finite number from 0 to `most`.

    Raises:
        ConfigError: With what was given.
    """
    for name in names:
        value = getattr(piece, name)
        if not is_number(value):
            raise ConfigError(f"{name} must be a number of at least 0, got {shown(value)}")
        if value > most:
            raise ConfigError(f"{name} must lie in [0, {most:g}], got {shown(value)}")


def check_read(piece: Any, unread: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Refuse a field that was set and that another one keeps from being read.

    Args:
        piece: A dataclass with defaults.
        unread: Of the fields that decide: for each of their values the fields that are then not read.

    Raises:
        ConfigError: With both, and with the default that has to stand there.
    """
    defaults = {field.name: field.default for field in fields(piece)}
    for key, table in unread.items():
        value = getattr(piece, key)
        for name in table.get(value, ()):
            if (given := getattr(piece, name)) != defaults[name]:
                raise ConfigError(
                    f"{name}={shown(given)} would not be read with {key}={value!r}: leave it at {shown(defaults[name])}"
                )


def is_number(value: Any) -> bool:
    """Whether it is a finite number of at least 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def check_flags(piece: Any, names: Sequence[str]) -> None:
    """Refuse a field that is no boolean.

    Raises:
        ConfigError: With what was given.
    """
    for name in names:
        if not isinstance(value := getattr(piece, name), bool):
            raise ConfigError(f"{name} must be true or false, got {shown(value)}")


def made_of(cls: type[T], given: Any) -> T:
    """A piece, from itself or from its settings as a mapping.

    Raises:
        ConfigError: It is neither, or a setting is unknown or refused.
    """
    if isinstance(given, cls):
        return given
    what = f"a {cls.__name__.lower()}"
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    if not isinstance(given, Mapping):
        raise ConfigError(f"{what} is its settings, an object; got {shown(given)}")
    for key in given:
        if key not in known:
            raise ConfigError(f"{what} has no {key!r}{suggestion(str(key), known)}")
    return cls(**given)
