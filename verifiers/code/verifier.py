"""`code@1`: programs and functions, judged by running them in a sandbox against tests that they never see.

Inputs go into the sandbox and answers come out as data; the judgement is made elsewhere. See the modules `stdio`,
`calls` and `tested` for the kinds of references.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rlvr_gym.verifiers.base import Context, Item, ReferenceFault, Verifier
from rlvr_gym.verifiers.code.blocks import BLOCKS, find_code
from rlvr_gym.verifiers.code.calls import parse_calls
from rlvr_gym.verifiers.code.outcomes import Ungradable, parts_of, score_of, status_of
from rlvr_gym.verifiers.code.pool import Pool, shared_pool
from rlvr_gym.verifiers.code.stdio import parse_stdio
from rlvr_gym.verifiers.code.tested import parse_asserts, parse_check, parse_pytest
from rlvr_gym.verifiers.code.work import Kind, Setup, drive
from rlvr_gym.verifiers.errors import ConfigError, shown, suggestion
from rlvr_gym.verifiers.extraction import NoSlot
from rlvr_gym.verifiers.sandbox import LANGUAGES, Limits, languages_here, sandbox_names
from rlvr_gym.verifiers.sandbox.spec import check_level
from rlvr_gym.verifiers.verdict import Status, Timing, Verdict, ungradable

DEFAULT_LIMITS = Limits(cpu_s=5, wall_s=20)
RESCALE = ("", "balanced_accuracy")
MAX_EXTRACTED = 20_000

KINDS: dict[str, Callable[[dict[str, Any]], Kind]] = {
    "asserts": parse_asserts,
    "calls": parse_calls,
    "check": parse_check,
    "pytest": parse_pytest,
    "stdio": parse_stdio,
}
_LOCAL = ("forkserver", "bubblewrap", "subprocess")  # these share the interpreters and compilers of this machine
_BELOW_ONE = math.nextafter(1.0, 0.0)


@dataclass(frozen=True)
class Code(Verifier):
    """Runs the program of a response against tests.

    The reference is an object whose `kind` says what the tests are: `stdio`, `calls`, `asserts`, `check` or `pytest`.
    The score is the share of the tests that passed, by weight; the verdict passes when all did.

    Args:
        sandbox: Name of the sandbox; see `sandbox.sandbox_names()`.
        sandbox_config: Its settings, an object.
        min_isolation: The level of isolation below which nothing is run; see `sandbox.LEVELS`.
        limits: What one run may use, an object over `DEFAULT_LIMITS`. One run is one test of `stdio`, and all tests of
            the other kinds unless `fresh_state` is set.
        blocks: Where the program stands: `last_block`, `unique` or `whole`; see `blocks.find_code`.
        language: Of the program; a reference of the kind `stdio` may name another.
        rescale: `balanced_accuracy` rescales the score of tests that expect one of two values; see `outcomes.score_of`.
        fresh_state: Every test has a process of its own, so that none finds what another left.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> verifier = Code()
        >>> reference = {"kind": "asserts", "asserts": ["assert double(2) == 4"], "names": ["double"]}
        >>> verifier.verify("```python\\ndef double(x):\\n    return x + x\\n```", reference).passed
        True
        >>> verifier.verify("```python\\ndef double(x):\\n    return x\\n```", reference).reason.code
        'wrong_answer'
    """

    name: ClassVar[str] = "code"
    version: ClassVar[int] = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A program is as right as its tests say: one that is wrong only where no test looks passes.",
        "A program sees the inputs of every test of its run, though no expected value: with few tests, or tests "
        "that all expect one answer, a table or a constant passes.",
        "Only what comes out within the limits is judged, not style, growth of the running time or how the answer "
        "was found.",
        "A program that draws random numbers, looks at a clock or runs close to a limit may be judged otherwise "
        "the next time.",
        "Tests that pass a candidate's text to `eval`, `exec` or a format string hand it the judge.",
    )

    sandbox: str = "forkserver"
    sandbox_config: Any = ()
    min_isolation: str = "confined"
    limits: Any = ()
    blocks: str = "last_block"
    language: str = "python"
    rescale: str = ""
    fresh_state: bool = False

    def __post_init__(self) -> None:
        for setting, value, known in (
            ("sandbox", self.sandbox, sandbox_names()),
            ("blocks", self.blocks, BLOCKS),
            ("language", self.language, LANGUAGES),
            ("rescale", self.rescale, RESCALE),
        ):
            if not isinstance(value, str) or value not in known:
                raise ConfigError(f"{setting} must be one of {', '.join(map(repr, known))}; got {shown(value)}")
        if not isinstance(self.fresh_state, bool):
            raise ConfigError(f"fresh_state must be true or false, got {shown(self.fresh_state)}")
        check_level(self.min_isolation)
        for setting in ("sandbox_config", "limits"):
            object.__setattr__(self, setting, _frozen(setting, getattr(self, setting)))
        meant = _limits(self.limits).to_dict()  # 2 and 2.0 seconds are one configuration
        object.__setattr__(self, "limits", _frozen("limits", {key: meant[key] for key, _ in self.limits}))
        self._pool()
        super().__post_init__()

    def config(self) -> dict[str, Any]:
        """See `Verifier.config`; `sandbox_config` and `limits` are objects."""
        objects = {key: _thawed(getattr(self, key)) for key in ("sandbox_config", "limits")}
        return {**super().config(), **objects}

    def parse_reference(self, reference: Any) -> Kind:
        """Read a reference. Sources of tests are parsed, and nothing is executed.

        Raises:
            ReferenceFault: It cannot be used.
        """
        if not isinstance(reference, Mapping):
            raise ReferenceFault("bad_reference", f"a reference must be an object, got {shown(reference)}")
        kind = reference.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            hint = suggestion(kind if isinstance(kind, str) else "", KINDS)
            raise ReferenceFault("bad_kind", f"a reference must name its kind, got {shown(kind)}{hint}")
        return KINDS[kind](dict(reference))

    def judge(self, response: str, gold: Kind, context: Context | None) -> Verdict:
        """See the class."""
        language = gold.language(self.language)
        code = find_code(response, language, self.blocks)
        if isinstance(code, NoSlot):
            return Verdict(code.status, 0.0, code.reason, self.id)
        if self.sandbox in _LOCAL and language != "python" and language not in languages_here():
            text = f"{language} is not installed here, and the sandbox {self.sandbox!r} uses what is"
            return ungradable(Status.SANDBOX_ERROR, "no_language", text, self.id)
        setup = Setup(_limits(self.limits), language, self.fresh_state, joined=self.blocks == "whole")
        done = drive(self._pool(), gold.work(code, setup))
        timings = (Timing("sandbox", done.seconds),)
        if isinstance(done.result, Ungradable):
            return replace(ungradable(done.result.status, *done.result.reason, self.id), timings=timings)
        tests = done.result.tests if done.result.tests is not None else gold.tests
        status, reason = status_of(done.result, len(tests))
        score = 1.0 if status is Status.PASSED else min(score_of(tests, done.result, self.rescale), _BELOW_ONE)
        parts = parts_of(tests, done.result)
        return Verdict(
            status, score, reason, self.id, code[:MAX_EXTRACTED], f"{self.blocks}/{language}", parts, timings
        )

    def verify_batch(self, items: Iterable[Item | tuple[Any, ...]]) -> list[Verdict]:
        """See `Verifier.verify_batch`; as many at one time as the sandbox runs together."""
        todo = [Item(*item) for item in items]
        threads = max(1, min(2 * self._pool().sandbox.concurrency, len(todo)))
        with ThreadPoolExecutor(threads, thread_name_prefix="code") as pool:
            return list(pool.map(self._verify_item, todo))

    def _verify_item(self, item: Item) -> Verdict:
        return self.verify(item.response, item.reference, context=item.context)

    def _pool(self) -> Pool:
        return shared_pool(self.sandbox, {**_thawed(self.sandbox_config), "min_isolation": self.min_isolation})


def _limits(pairs: Any) -> Limits:
    return Limits.from_dict({**DEFAULT_LIMITS.to_dict(), **_thawed(pairs)})


class _Object(tuple):  # type: ignore[type-arg]
    """A JSON object as sorted pairs, so that a configuration can be hashed."""

    __slots__ = ()


def _frozen(setting: str, value: Any) -> _Object:
    try:
        made = _deep(dict(value))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{setting} must be an object, got {shown(value)}") from error
    if not all(isinstance(key, str) for key, _ in made):
        raise ConfigError(f"{setting} must be an object, got {shown(value)}")
    return _Object(made)


def _deep(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Object((key, _deep(value[key])) for key in sorted(value))
    return tuple(_deep(item) for item in value) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, _Object):
        return {key: _thawed(item) for key, item in value}
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value
