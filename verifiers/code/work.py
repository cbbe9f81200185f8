"""Work in progress: a kind of test asks for runs, somebody runs them, the kind judges what came out.

A kind is a generator that yields what it wants to have run, is sent the results, and returns its judgement.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.outcomes import Judged, Test, Ungradable
from rlvr_gym.verifiers.code.pool import Pool
from rlvr_gym.verifiers.code.wire import WireError, decode
from rlvr_gym.verifiers.errors import ConfigError, shown, suggestion
from rlvr_gym.verifiers.sandbox import Limits, RunResult, RunSpec, SandboxError
from rlvr_gym.verifiers.verdict import Status

MAX_TESTS = 10_000


class Ask(NamedTuple):
    """What a kind wants: programs to be run, or one to be compiled.

    Args:
        specs: The programs.
        build: Compile only.
    """

    specs: Sequence[RunSpec]
    build: bool = False


Work = Generator[Ask, list[Any], Judged]


@dataclass(frozen=True)
class Setup:
    """What the configuration says about runs.

    Args:
        limits: What one run may use.
        language: The language of the candidate.
        fresh_state: One run for each test.
        joined: The prompt is continued by the response without a line break.
    """

    limits: Limits = field(default_factory=Limits)
    language: str = "python"
    fresh_state: bool = False
    joined: bool = False


class Kind(Protocol):
    """A reference that has been read."""

    @property
    def tests(self) -> tuple[Test, ...]:
        """What the verdict tells of the tests."""

    def language(self, default: str) -> str:
        """The language that the response must be in."""

    def work(self, code: str, setup: Setup) -> Work:
        """Judge a program."""


class Done(NamedTuple):
    """What came of a work.

    Args:
        result: How the tests went, or that what happened is not the candidate's doing.
        seconds: Wall-clock seconds that its runs took, one after the other.
    """

    result: Judged | Ungradable
    seconds: float


def drive(pool: Pool, work: Work) -> Done:
    """Run what a work asks for until it has judged."""
    seconds = 0.0
    try:
        ask = next(work)
        while True:
            answers = pool.build_all(ask.specs) if ask.build else pool.run_all(ask.specs)
            for answer in answers:
                if isinstance(answer, SandboxError):
                    raise Ungradable(Status.SANDBOX_ERROR, "sandbox_error", str(answer))
            seconds += sum(answer.wall_s for answer in answers if isinstance(answer, RunResult))
            ask = work.send(answers)
    except StopIteration as end:
        return Done(end.value, seconds)
    except Ungradable as ungradable:
        return Done(ungradable, seconds)
    finally:
        work.close()


# --- Reading references --------------------------------------------------------------------------------------------


def keys_of(value: Any, where: str, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """An object with these keys and no others.

    Raises:
        ReferenceFault: It is none.
    """
    if not isinstance(value, Mapping):
        raise ReferenceFault("bad_reference", f"{where} must be an object, got {shown(value)}")
    known = [*required, *optional]
    for key in value:
        if key not in known:
            raise ReferenceFault("unknown_key", f"{where} has no {shown(key)}{suggestion(str(key), known)}")
    for key in required:
        if key not in value:
            raise ReferenceFault("missing_key", f"{where} needs {key!r}")
    return dict(value)


def text_of(value: Any, where: str) -> str:
    """A text.

    Raises:
        ReferenceFault: It is none.
    """
    if not isinstance(value, str):
        raise ReferenceFault("bad_reference", f"{where} must be a text, got {shown(value)}")
    return value


def texts_of(value: Any, where: str) -> list[str]:
    """A list of texts.

    Raises:
        ReferenceFault: It is none.
    """
    if not isinstance(value, list | tuple):
        raise ReferenceFault("bad_reference", f"{where} must be a list of texts, got {shown(value)}")
    return [text_of(item, where) for item in value]


def rows_of(value: Any, where: str) -> list[Any]:
    """A list of obligations, which is never empty.

    Raises:
        ReferenceFault: It is no list, empty or too long.
    """
    if not isinstance(value, list | tuple) or not value:
        raise ReferenceFault("no_tests", f"{where} must be a list with at least one test, got {shown(value)}")
    if len(value) > MAX_TESTS:
        raise ReferenceFault("too_many_tests", f"{where} has {len(value):,} tests; at most {MAX_TESTS:,} are run")
    return list(value)


def common_of(row: dict[str, Any]) -> tuple[float, bool]:
    """Weight and publicity of a test.

    Raises:
        ReferenceFault: The weight is no number from above 0 to 1,000,000, or `public` is no boolean.
    """
    weight, public = row.get("weight", 1), row.get("public", False)
    if type(weight) not in (int, float) or not 0 < weight <= 1e6:
        raise ReferenceFault("bad_weight", f"a weight is a number above 0 and at most 1000000, got {shown(weight)}")
    if not isinstance(public, bool):
        raise ReferenceFault("bad_reference", f"'public' must be true or false, got {shown(public)}")
    return float(weight), public


def limits_of(value: Any, default: Limits) -> Limits:
    """The limits that a reference declares, over those of the configuration.

    Raises:
        ReferenceFault: A limit is unknown or its value refused.
    """
    try:
        return Limits.from_dict({**default.to_dict(), **keys_of(value, "'limits'", (), tuple(default.to_dict()))})
    except ConfigError as error:
        raise ReferenceFault("bad_limit", str(error)) from error


def messages_of(data: bytes) -> list[tuple[str, tuple[Any, ...]]] | None:
    """The messages of a report, each with its kind; what a killed program left unfinished at the end is passed over.

    Returns:
        None where the bytes are something else than messages.
    """
    found: list[tuple[str, tuple[Any, ...]]] = []
    at = 0
    while at + 8 <= len(data):
        try:
            size = int(data[at : at + 8], 16)
            if at + 8 + size > len(data):
                break
            tag, parts = decode(data[at + 8 : at + 8 + size], lambda tag, content: (tag, content))
        except (WireError, ValueError):
            return None
        if size < 0 or tag != b"t" or not parts or parts[0][0] != b"s":
            return None
        found.append((parts[0][1], tuple(parts[1:])))
        at += 8 + size
    return found


def report_of(data: bytes) -> list[tuple[str, tuple[Any, ...]]] | None:
    """The messages that a harness wrote to what was its stderr; None where it did not come so far."""
    _, mark, rest = data.partition(b"\0report\n")
    return messages_of(rest) if mark else None
