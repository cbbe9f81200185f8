"""The keywords of an environment of ours, with what its docstrings say of them.

An environment may pass keywords on: a procedural one to its task set, one with `**settings` to its base. What a
keyword means stands in the `Args` section of the class that takes it; "See `Other`" there leads to that of another.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr_gym.envs.procedural import ProceduralEnv

from rlvr_gym.registration import COMPOSITES, ENTRY_POINTS

_SECTION = re.compile(r"^Args:\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^ {4}\**(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_ELSEWHERE = re.compile(r"See `(\w+)`[.;]?\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Knob:
    """One keyword.

    Args:
        name: As it is given to `gym.make`.
        default: Its default value; `inspect.Parameter.empty` where it must be given.
        type: Its annotation; empty where it has none.
        meaning: What the docstrings say of it; empty where they say nothing.
    """

    name: str
    default: Any
    type: str
    meaning: str


def entry_point(env_id: str) -> Any:
    """What makes the environments of a registered id: a class, or a function that gives one; imported on first use.

    Example:
        >>> entry_point("rlvr/GSM8K-v0").__name__
        'GSM8KEnv'
    """
    module, _, name = {**ENTRY_POINTS, **COMPOSITES}[env_id].partition(":")
    return getattr(importlib.import_module(module), name)


def lineage(entry: Any) -> tuple[Any, ...]:
    """A class and its bases; a function, the class that it gives and that one's bases.

    Example:
        >>> [one.__name__ for one in lineage(entry_point("rlvr/GSM8K-v0"))][:3]
        ['GSM8KEnv', 'DatasetEnv', 'TextEnv']
    """
    if isinstance(entry, type):
        return entry.__mro__
    made = vars(sys.modules[entry.__module__]).get(str(inspect.signature(entry).return_annotation))
    return (entry, *(made.__mro__ if isinstance(made, type) else ()))


def keywords(env_id: str) -> dict[str, inspect.Parameter]:
    """The keywords of an environment of ours: its own, and where it passes more on, its task set's and its bases'.

    Example:
        >>> list(keywords("rlvr/MBPP-v0"))[:4]
        ['path', 'hub', 'shown_tests', 'hub_name']
    """
    return {name: parameter for name, (_, parameter) in _owned(entry_point(env_id)).items()}


def knobs(env_id: str) -> tuple[Knob, ...]:
    """The same keywords with their meanings.

    Example:
        >>> knobs("rlvr/Arithmetic-v0")[1]
        Knob(name='operands', default=2, type='int', meaning='How many numbers, 2 to 100.')
    """
    return tuple(
        Knob(name, parameter.default, _annotation(parameter), _meaning(lineage(owner), name))
        for name, (owner, parameter) in _owned(entry_point(env_id)).items()
    )


def _owned(entry: Any) -> dict[str, tuple[Any, inspect.Parameter]]:
    """Each keyword with the class or function in whose lineage its meaning stands."""
    found: dict[str, tuple[Any, inspect.Parameter]] = {}
    procedural = isinstance(entry, type) and issubclass(entry, ProceduralEnv)
    if procedural:
        found = _taken(entry.taskset_class, entry.taskset_class)
        del found["seed"]  # by the environment, as `taskset_seed`
    return found | {name: one for name, one in _taken(entry, entry).items() if name not in found}


def _taken(owner: Any, entry: Any) -> dict[str, tuple[Any, inspect.Parameter]]:
    """What a class or function takes by name, and what its bases do where it passes more on."""
    found: dict[str, tuple[Any, inspect.Parameter]] = {}
    for one in lineage(entry):
        own = _parameters(one)
        for parameter in own:
            if parameter.kind is parameter.KEYWORD_ONLY or (one is entry and _is_named(entry, parameter)):
                found.setdefault(parameter.name, (owner, parameter))
        passes_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in own)
        if not passes_on or one is ProceduralEnv:  # which passes the rest to its task set
            break
    return found


def _parameters(one: Any) -> list[inspect.Parameter]:
    """Those of a function, or of a class's constructor."""
    called = one.__init__ if inspect.isclass(one) else one
    return list(inspect.signature(called).parameters.values())


def _is_named(entry: Any, parameter: inspect.Parameter) -> bool:
    """Whether a function takes this by name as well as by position."""
    return not isinstance(entry, type) and parameter.kind is parameter.POSITIONAL_OR_KEYWORD


def _annotation(parameter: inspect.Parameter) -> str:
    return "" if parameter.annotation is parameter.empty else str(parameter.annotation)


def _meaning(bases: Sequence[Any], name: str) -> str:
    return next((said for base in bases if (said := _said(base, name, bases))), "")


def _said(base: Any, name: str, others: Sequence[Any]) -> str:
    """What the docstring of this very class says of an argument, with what it refers to in its place."""
    text = dict(_entries(base)).get(name, "")
    elsewhere = _ELSEWHERE.fullmatch(text)
    if elsewhere is None:
        return text
    named = {other.__name__: other for other in others} | vars(sys.modules[base.__module__])
    other, rest = named.get(elsewhere[1]), elsewhere[2]
    said = _said(other, name, others) if isinstance(other, type) and other is not base else ""
    return f"{said} {rest[:1].upper()}{rest[1:]}".strip() if said else ""


def _entries(base: Any) -> Iterator[tuple[str, str]]:
    """Name and text of each entry of the `Args` section of a class's own docstring."""
    section = _SECTION.search(inspect.cleandoc(base.__doc__ or ""))
    for entry in _ENTRY.finditer(section[1] if section else ""):
        yield entry[1], " ".join(entry[2].split())
