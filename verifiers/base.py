"""The verifier contract: immutable, picklable, pure, deterministic, total on strings, safe in threads.

A family implements two methods: `parse_reference`, which turns the gold into what the comparison needs or says why it
cannot, and `judge`, which compares one response with it. Everything else is here.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self

from rlvr_gym.verifiers.errors import ConfigError, shown, suggestion
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict, VerifierId, ungradable

MAX_RESPONSE_CHARS = 1_000_000

Context = Mapping[str, Any]


class ReferenceFault(ValueError):
    """Raised by `parse_reference`: this gold cannot be used, and why. Never leaves `Verifier`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code, text)


class ReferenceReport(NamedTuple):
    """What `check_reference` found: `ok`, else the reason. Data sets call it when they are built."""

    ok: bool
    reason: Reason


class Step(NamedTuple):
    """One step of an explanation: its name and one sentence."""

    name: str
    text: str


class Item(NamedTuple):
    """One unit of work for `Verifier.verify_batch`."""

    response: str
    reference: Any
    context: Context | None = None


@dataclass(frozen=True)
class Verifier(ABC):
    """Judges a response against a reference.

    Subclasses are frozen dataclasses whose fields are the configuration (JSON values; tuples for lists), with three
    class attributes: `name`, `version` and `blind_spots`. The version is bumped whenever any verdict may change. The
    blind spots are sentences: what the family is known to overlook and what right answers it is known to refuse.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> verifier = make_verifier("number@1")
        >>> verifier.verify("6 * 7 is 42\\n#### 42", "42").passed
        True
        >>> make_verifier("number@1", **verifier.config()) == verifier
        True
    """

    name: ClassVar[str]
    version: ClassVar[int]
    blind_spots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), list):
                object.__setattr__(self, field.name, tuple(value))
        canonical = json.dumps(self.config(), sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).hexdigest()[:8]
        object.__setattr__(self, "_id", VerifierId(self.name, self.version, digest))

    @property
    def id(self) -> VerifierId:
        """Name, version and configuration hash; stored with every verdict."""
        return self._id  # type: ignore[attr-defined, no-any-return]

    @property
    def key(self) -> str:
        """The registered name, `name@version`."""
        return f"{self.name}@{self.version}"

    def config(self) -> dict[str, Any]:
        """The configuration as plain JSON values; `make_verifier(self.key, **self.config())` builds an equal one."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build from plain JSON values.

        Raises:
            ConfigError: A key is unknown (near matches are offered) or a value is refused.
        """
        known = [f.name for f in fields(cls)]
        for key in config:
            if key not in known:
                raise ConfigError(f"{cls.name}@{cls.version} has no setting {key!r}{suggestion(str(key), known)}")
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"{cls.name}@{cls.version}: {error}") from error

    def verify(self, response: str, reference: Any, *, context: Context | None = None) -> Verdict:
        """Judge one response.

        Args:
            response: Any string: the model's whole response. Untrusted; never evaluated.
            reference: The gold, in the form that this family documents.
            context: What else the judgement may look at, for example the prompt.

        Returns:
            A verdict; no string makes this method raise.

        Raises:
            TypeError: `response` is not a string: a mistake of the caller, not of the model.
        """
        if not isinstance(response, str):
            raise TypeError(f"response must be a str, got {type(response).__name__}: {shown(response)}")
        response = str.__str__(response)  # of a subclass, its characters and none of its methods
        try:
            gold = self.parse_reference(reference)
        except ReferenceFault as fault:
            # The sentence of the fault quotes the gold, and a verdict travels to where a policy could read it.
            text = "the reference cannot be used; check_reference says why"
            return ungradable(Status.REFERENCE_ERROR, fault.reason.code, text, self.id)
        if len(response) > MAX_RESPONSE_CHARS:
            text = f"the response has {len(response):,} characters; at most {MAX_RESPONSE_CHARS:,} are read"
            return Verdict(Status.LIMIT_EXCEEDED, 0.0, Reason("response_too_long", text), self.id)
        return self.judge(response, gold, context)

    def verify_batch(self, items: Iterable[Item | tuple[Any, ...]]) -> list[Verdict]:
        """Judge many; order is kept.

        Args:
            items: `Item`s, or tuples `(response, reference)` or `(response, reference, context)`.
        """
        return [self.verify(i.response, i.reference, context=i.context) for i in (Item(*item) for item in items)]

    async def averify(self, response: str, reference: Any, *, context: Context | None = None) -> Verdict:
        """`verify` in a thread, for callers that run an event loop."""
        import asyncio  # who calls this has loaded it; who does not need not wait for it

        return await asyncio.to_thread(self.verify, response, reference, context=context)

    def check_reference(self, reference: Any) -> ReferenceReport:
        """Whether a gold can be used at all; data sets call this once per row when they are loaded."""
        try:
            self.parse_reference(reference)
        except ReferenceFault as fault:
            return ReferenceReport(False, fault.reason)
        return ReferenceReport(True, Reason("ok", "the reference can be used"))

    def explain(self, response: str, reference: Any, *, context: Context | None = None) -> list[Step]:
        """The verdict and the way to it, one step after another, for people.

        Families with more to tell (what was read, which comparison decided) add their steps.
        """
        verdict = self.verify(response, reference, context=context)
        steps = [Step("extracted", repr(verdict.extracted)), *self.reasoning(verdict, reference)]
        return [*steps, Step("verdict", f"{verdict.status.value}: {verdict.reason.text} ({verdict.reason.code})")]

    def reasoning(self, verdict: Verdict, reference: Any) -> list[Step]:
        """The steps between what was extracted and the verdict; none unless a family has some."""
        return [Step(part.name, part.detail or str(part.passed)) for part in verdict.parts]

    @abstractmethod
    def parse_reference(self, reference: Any) -> Any:
        """Turn the gold into what `judge` compares with.

        Raises:
            ReferenceFault: It cannot be used; an empty list of obligations is such a fault, never a pass.
        """

    @abstractmethod
    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """Compare. Must be total on strings and depend on nothing but its arguments and the configuration."""


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
