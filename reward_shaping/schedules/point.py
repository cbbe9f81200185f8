"""`SchedulePoint`: where a reward schedule stands, the only thing of it that a reward or a worker is told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


@dataclass(frozen=True, slots=True)
class SchedulePoint:
    """Named numbers that a reward reads, with a version that names them.

    Two points of one run are equal where their versions are. A reward that was computed under a point carries its
    version, so that the members of a group can be seen to have been scored alike.

    Args:
        version: 0 for the first point; every other point of a run has a higher one.
        stage: Name of the stage, for a person.
        values: Number by name; finite. `Anneal(a, b, key)` reads `values[key]`.

    Raises:
        ConfigError: A field is none of this.

    Example:
        >>> point = SchedulePoint(3, "binary", {"mix": 1.0})
        >>> point.to_dict()
        {'version': 3, 'stage': 'binary', 'values': {'mix': 1.0}}
        >>> SchedulePoint.from_dict(point.to_dict()) == point
        True
    """

    version: int
    stage: str
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 0:
            raise ConfigError(f"version must be an integer of at least 0, got {shown(self.version)}")
        if not isinstance(self.stage, str):
            raise ConfigError(f"stage must be a text, got {shown(self.stage)}")
        if not isinstance(self.values, Mapping):
            raise ConfigError(f"values must be numbers by name, got {shown(self.values)}")
        for key, value in self.values.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not isinstance(key, str) or not number:
                raise ConfigError(f"values must be finite numbers by name, got {shown(key)}: {shown(value)}")
        own = {key: float(self.values[key]) for key in sorted(self.values)}
        object.__setattr__(self, "values", own)

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"version": self.version, "stage": self.stage, "values": dict(self.values)}

    @classmethod
    def from_dict(cls, data: Any) -> SchedulePoint:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: It is no such object.
        """
        if not isinstance(data, Mapping) or set(data) != {"version", "stage", "values"}:
            raise ConfigError(f"a schedule point has version, stage and values, got {shown(data)}")
        return cls(data["version"], data["stage"], data["values"])


START = SchedulePoint(0, "start", {})
"""Before any schedule."""
