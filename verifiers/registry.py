"""Verifiers by name: `make_verifier("number@1", markers=["boxed"])`.

Entry points are strings, so that a family (and what it needs) is imported when it is first used. A configuration is a
plain dict in both directions: it can stand in a JSON file and be sent to another process.
"""

from __future__ import annotations

import importlib
from typing import Any

from rlvr_gym.verifiers.base import Verifier
from rlvr_gym.verifiers.errors import ConfigError, UnknownNameError, shown

_ENTRY_POINTS: dict[str, str] = {
    "adventure@1": "rlvr_gym.verifiers.games.adventure:Adventure",
    "all_of@1": "rlvr_gym.verifiers.combinators:AllOf",
    "answer@1": "rlvr_gym.verifiers.answer:Answer",
    "any_of@1": "rlvr_gym.verifiers.combinators:AnyOf",
    "boolean@1": "rlvr_gym.verifiers.logic.boolean:Boolean",
    "bouncing@1": "rlvr_gym.verifiers.bouncing:Bouncing",
    "calculus@1": "rlvr_gym.verifiers.mathematics.calculus:Calculus",
    "calls@1": "rlvr_gym.verifiers.calls:Calls",
    "choice@1": "rlvr_gym.verifiers.structured.choice:MultipleChoice",
    "citations@1": "rlvr_gym.verifiers.citations:Citations",
    "code@1": "rlvr_gym.verifiers.code:Code",
    "colouring@1": "rlvr_gym.verifiers.logic.colouring:Colouring",
    "countdown@1": "rlvr_gym.verifiers.countdown:Countdown",
    "cryptarithm@1": "rlvr_gym.verifiers.logic.cryptarithm:Cryptarithm",
    "csv@1": "rlvr_gym.verifiers.structured.csv_table:CSVTable",
    "date@1": "rlvr_gym.verifiers.structured.date:Calendar",
    "deduction@1": "rlvr_gym.verifiers.logic.deduction:Deduction",
    "episode@1": "rlvr_gym.verifiers.conduct:Conduct",
    "equations@1": "rlvr_gym.verifiers.logic.equations:Equations",
    "first@1": "rlvr_gym.verifiers.combinators:First",
    "game2048@1": "rlvr_gym.verifiers.games.game2048:Game2048",
    "gate@1": "rlvr_gym.verifiers.combinators:Gate",
    "hanoi@1": "rlvr_gym.verifiers.games.hanoi:Hanoi",
    "instructions@1": "rlvr_gym.verifiers.instructions.verifier:Instructions",
    "json@1": "rlvr_gym.verifiers.structured.json_document:JSONDocument",
    "knights@1": "rlvr_gym.verifiers.logic.knights:Knights",
    "lake@1": "rlvr_gym.verifiers.games.lake:FrozenLake",
    "manufactoria@1": "rlvr_gym.verifiers.manufactoria:Manufactoria",
    "mastermind@1": "rlvr_gym.verifiers.mastermind:Mastermind",
    "math@1": "rlvr_gym.verifiers.math:Math",
    "minesweeper@1": "rlvr_gym.verifiers.games.minesweeper:Minesweeper",
    "number@1": "rlvr_gym.verifiers.number:Number",
    "path@1": "rlvr_gym.verifiers.logic.path:Path",
    "quantity@1": "rlvr_gym.verifiers.structured.quantity:QuantityAnswer",
    "queens@1": "rlvr_gym.verifiers.logic.queens:Queens",
    "questions@1": "rlvr_gym.verifiers.games.questions:Questions",
    "regex@1": "rlvr_gym.verifiers.structured.regex:RegexMatch",
    "sat@1": "rlvr_gym.verifiers.logic.sat:Sat",
    "sokoban@1": "rlvr_gym.verifiers.games.sokoban:Sokoban",
    "sql@1": "rlvr_gym.verifiers.structured.sql:SQLQuery",
    "state@1": "rlvr_gym.verifiers.state:State",
    "string@1": "rlvr_gym.verifiers.structured.string:String",
    "sudoku@1": "rlvr_gym.verifiers.logic.sudoku:Sudoku",
    "trajectory@1": "rlvr_gym.verifiers.trajectory:Trajectory",
    "walk@1": "rlvr_gym.verifiers.walk:Walk",
    "weighted@1": "rlvr_gym.verifiers.combinators:Weighted",
    "wordle@1": "rlvr_gym.verifiers.games.wordle:Wordle",
    "yaml@1": "rlvr_gym.verifiers.structured.yaml_document:YAMLDocument",
    "zebra@1": "rlvr_gym.verifiers.logic.zebra:Zebra",
}


def verifier_names() -> list[str]:
    """All registered names, sorted.

    Example:
        >>> "number@1" in verifier_names()
        True
    """
    return sorted(_ENTRY_POINTS)


def register_verifier(name: str, entry_point: str) -> None:
    """Make a family of another package available to `make_verifier`.

    Args:
        name: `name@version`, for example `"chess_mate@1"`.
        entry_point: `"package.module:Class"`, imported on first use.

    Raises:
        ConfigError: The name has no version, is taken, or the entry point has no colon.
    """
    family, _, version = name.partition("@")
    if not family or not (version.isascii() and version.isdigit()):
        raise ConfigError(f"a verifier is registered as 'name@version', for example 'number@1'; got {name!r}")
    if ":" not in entry_point:
        raise ConfigError(f"an entry point is 'package.module:Class'; got {entry_point!r}")
    if _ENTRY_POINTS.setdefault(name, entry_point) != entry_point:
        raise ConfigError(f"{name!r} is already registered for {_ENTRY_POINTS[name]!r}; choose another name or version")


def make_verifier(name: str, /, **config: Any) -> Verifier:
    """Build a verifier.

    Args:
        name: `name@version`, one of `verifier_names()`.
        **config: Its settings, JSON values.

    Raises:
        UnknownNameError: No such verifier; the message offers near matches.
        ConfigError: A setting is unknown or has a wrong value.

    Example:
        >>> make_verifier("number@1").verify("so it is \\\\boxed{1{,}200}", 1200).passed
        True
    """
    return verifier_class(name).from_config(config)


def verifier_class(name: str) -> type[Verifier]:
    """The class behind a registered name, imported on first use.

    Raises:
        UnknownNameError: No such verifier; the message offers near matches.
    """
    if not isinstance(name, str) or name not in _ENTRY_POINTS:
        raise UnknownNameError("verifier", name if isinstance(name, str) else shown(name), _ENTRY_POINTS)
    module, _, attribute = _ENTRY_POINTS[name].partition(":")
    cls: type[Verifier] = getattr(importlib.import_module(module), attribute)
    return cls
