"""The verdict: what a verifier says, once, about one response.

Rewards, shaping, advantages and pass@k are pure functions of this value. `passed` is derived from `status`, so no
later layer can move it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from rlvr_gym.verifiers.errors import ConfigError, shown


class Status(StrEnum):
    """The closed list of outcomes.

    What the candidate can cause is gradable (and wrong unless `PASSED`); what it cannot cause (`REFERENCE_ERROR`,
    `SANDBOX_ERROR`, `VERIFIER_ERROR`) is ungradable: learners mask it, benchmarks count it apart, and it is never a
    reward of zero by accident.

    Example:
        >>> Status.TIMEOUT.gradable, Status.SANDBOX_ERROR.gradable
        (True, False)
    """

    PASSED = "passed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    AMBIGUOUS = "ambiguous"
    MALFORMED = "malformed"
    TIMEOUT = "timeout"
    LIMIT_EXCEEDED = "limit_exceeded"
    RUNTIME_ERROR = "runtime_error"
    REFERENCE_ERROR = "reference_error"
    SANDBOX_ERROR = "sandbox_error"
    VERIFIER_ERROR = "verifier_error"

    @property
    def gradable(self) -> bool:
        """False for the three outcomes that the candidate cannot cause."""
        return self not in UNGRADABLE


# A tuple, not a set: membership is then by identity, without the enum's hash, which Python computes in Python.
UNGRADABLE = (Status.REFERENCE_ERROR, Status.SANDBOX_ERROR, Status.VERIFIER_ERROR)


class Reason(NamedTuple):
    """Why: a stable machine-readable code and one sentence for a person."""

    code: str
    text: str


class Part(NamedTuple):
    """One obligation inside a verdict: a test, a constraint, or a child of a combinator.

    `passed` is None where this part could not be judged.
    """

    name: str
    passed: bool | None
    score: float
    detail: str = ""


class Timing(NamedTuple):
    """Wall-clock seconds that one stage of a verification took."""

    stage: str
    seconds: float


class VerifierId(NamedTuple):
    """Which verifier judged: name, integer version (bumped when a verdict may change), hash of its configuration."""

    name: str
    version: int
    config_hash: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}#{self.config_hash}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement of one response.

    Args:
        status: One of `Status`; `passed` and `gradable` are derived from it.
        score: Dense score in [0, 1]. 1 when passed (a verifier may declare a lower threshold), 0 when ungradable.
        reason: Stable code and sentence.
        verifier: Identity of the verifier.
        extracted: The answer that was judged, as text; None where none was found.
        method: How it was found and decided, for example `####/exact`.
        parts: Obligations one by one (per test, per constraint, per child).
        timings: Seconds per stage. Left out of equality and of `to_dict`, since clocks are not reproducible.

    Raises:
        ConfigError: The score is outside [0, 1], an ungradable verdict carries a score, or the status is no `Status`.

    Example:
        >>> v = Verdict(Status.FAILED, 0.0, Reason("different", "5 is not 7"), VerifierId("number", 1, "ab"), "5")
        >>> v.passed, v.gradable, v.to_dict()["reason"]
        (False, True, {'code': 'different', 'text': '5 is not 7'})
        >>> Verdict.from_dict(v.to_dict()) == v
        True
    """

    status: Status
    score: float
    reason: Reason
    verifier: VerifierId
    extracted: str | None = None
    method: str = ""
    parts: tuple[Part, ...] = ()
    timings: tuple[Timing, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if type(self.status) is not Status:  # a plain string would compare equal and still not be `PASSED`
            raise ConfigError(f"status must be a Status, got {shown(self.status)}")
        if not 0.0 <= self.score <= 1.0:  # also false for NaN
            raise ConfigError(f"score must lie in [0, 1], got {self.score!r}")
        if self.score and self.status in UNGRADABLE:
            raise ConfigError(f"an ungradable verdict ({self.status.value}) must have score 0, got {self.score!r}")

    @property
    def passed(self) -> bool:
        """The strict outcome; pass@k is computed from this and nothing else."""
        return self.status is Status.PASSED

    @property
    def gradable(self) -> bool:
        """False where we, not the candidate, failed."""
        return self.status not in UNGRADABLE

    def to_dict(self) -> dict[str, Any]:
        """A JSON object, without timings: equal verdicts give equal objects."""
        return {
            "status": self.status._value_,
            "passed": self.status is Status.PASSED,
            "score": self.score,
            "gradable": self.status not in UNGRADABLE,
            "reason": {"code": self.reason[0], "text": self.reason[1]},
            "extracted": self.extracted,
            "method": self.method,
            "parts": [{"name": p.name, "passed": p.passed, "score": p.score, "detail": p.detail} for p in self.parts],
            "verifier": str(self.verifier),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing, or `passed` or `gradable` contradicts `status`.
        """
        try:
            name, _, rest = data["verifier"].partition("@")
            version, _, config_hash = rest.partition("#")
            verdict = cls(
                status=Status(data["status"]),
                score=float(data["score"]),
                reason=Reason(data["reason"]["code"], data["reason"]["text"]),
                verifier=VerifierId(name, int(version), config_hash),
                extracted=data["extracted"],
                method=data["method"],
                parts=tuple(Part(p["name"], p["passed"], p["score"], p["detail"]) for p in data["parts"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ConfigError(f"not a verdict: {error!r} while reading {shown(data)}") from error
        for key in ("passed", "gradable"):
            if data.get(key, getattr(verdict, key)) is not getattr(verdict, key):
                raise ConfigError(
                    f"not a verdict: {key}={shown(data[key])} contradicts status {verdict.status.value!r}"
                )
        return verdict


def ungradable(status: Status, code: str, text: str, verifier: VerifierId) -> Verdict:
    """A verdict for a failure of ours.

    Args:
        status: One of the three ungradable states.
        code: Stable reason code.
        text: One sentence for a person.
        verifier: Who could not judge.

    Raises:
        ConfigError: `status` is a gradable one.
    """
    if status.gradable:
        raise ConfigError(f"{status.value} is gradable; expected one of {sorted(s.value for s in UNGRADABLE)}")
    return Verdict(status, 0.0, Reason(code, text), verifier)
