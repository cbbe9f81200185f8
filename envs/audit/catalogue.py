"""All attacks, and those that are meant for a family of environments."""

from __future__ import annotations

from collections.abc import Sequence

from rlvr_gym.envs.audit.answers import DECLARATIONS, DUMPS, HEDGES, LOOKALIKES, NEAR
from rlvr_gym.envs.audit.attack import Attack
from rlvr_gym.envs.audit.guesses import DEFERRALS, GUESSES
from rlvr_gym.envs.audit.programs import PROGRAM_ATTACKS, PROGRAM_GUESSES
from rlvr_gym.envs.audit.texts import TEXTS
from rlvr_gym.envs.audit.tools import TOOL_ATTACKS
from rlvr_gym.envs.card import FAMILIES
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import suggestion

_ALL = (
    *GUESSES,
    *PROGRAM_GUESSES,
    *HEDGES,
    *DECLARATIONS,
    *DUMPS,
    *NEAR,
    *LOOKALIKES,
    *TEXTS,
    *DEFERRALS,
    *PROGRAM_ATTACKS,
    *TOOL_ATTACKS,
)


def attacks(family: str = "any") -> tuple[Attack, ...]:
    """The attacks for a family, guesses first.

    Args:
        family: One of `FAMILIES`; `"any"` for all attacks.

    Raises:
        ConfigError: There is no such family.

    Example:
        >>> names = [attack.name for attack in attacks("math")]
        >>> "either_or" in names, "program_exit" in names, "empty" in names
        (True, False, True)
    """
    if family not in FAMILIES:
        raise ConfigError(f"unknown family {family!r}{suggestion(str(family), FAMILIES)}")
    if family == "any":
        return _ALL
    return tuple(attack for attack in _ALL if "any" in attack.families or family in attack.families)


def chosen(family: str, only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[Attack, ...]:
    """The attacks for a family, by name.

    Args:
        family: See `attacks`.
        only: Names or kinds to keep; all where there are none.
        skip: Names or kinds to leave out.

    Raises:
        UnknownNameError: No attack of the family has such a name or kind.
        ConfigError: None is left.

    Example:
        >>> [attack.name for attack in chosen("math", only=["empty", "prompt"])]
        ['empty', 'prompt']
    """
    everything = attacks(family)
    known = {word for attack in everything for word in (attack.name, attack.kind)}
    for word in (*only, *skip):
        if word not in known:
            raise UnknownNameError("attack", word, known)
    kept = [a for a in everything if not only or a.name in only or a.kind in only]
    kept = [a for a in kept if a.name not in skip and a.kind not in skip]
    if not kept:
        raise ConfigError("no attack is left: skip fewer")
    return tuple(kept)
