"""What a reward is: a frozen spec that maps what was judged to named terms, with the range that it may take.

A verifier judges once; a `Reward` is a pure function of that verdict, of a `RewardContext` and of a `SchedulePoint`. It
gives terms, never a verdict, so that no reward can touch `passed`. An ungradable verdict has no terms: the episode is
truncated and learners mask it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, ClassVar, NamedTuple, TypeVar

from rlvr_gym.reward_shaping.plans import Filling, Live, Plan, Worth, filling
from rlvr_gym.reward_shaping.ranges import Ranges
from rlvr_gym.reward_shaping.schedules.point import START, SchedulePoint
from rlvr_gym.verifiers import ConfigError, Status, UnknownNameError, Verdict
from rlvr_gym.verifiers.errors import shown, suggestion
from rlvr_gym.verifiers.verdict import UNGRADABLE

RewardTerms = dict[str, float]


class RewardContext(NamedTuple):
    """What a reward may know besides the verdict; JSON.

    Args:
        prompt_id: The task.
        group_id: Responses with the same one are compared with each other.
        turn: Steps taken in the episode, this one included; 0 where that is not known.
        tokens: Length of the response, or of all responses of the episode, as who counts has it; None where nobody did.
        response: The last response.
        answer_key: The answer that the verifier read, as a text without white space; empty where there is none.
        behaviour_key: What the response does, as a key: the same, where nobody has a better one (a hash of a program,
            the bits of its tests).
        history: Answer keys of the earlier attempts of the episode.
        extras: What single terms read, by name; each says which.
        given: The reward that the whole episode was paid, where a learner shapes it; None elsewhere.
        longest: The longest response that may be given, in tokens; None where nobody says.

    Example:
        >>> context = RewardContext(prompt_id="t", turn=2, extras={"tool_calls": 3})
        >>> RewardContext.from_dict(context.to_dict()) == context
        True
    """

    prompt_id: str = ""
    group_id: str = ""
    turn: int = 0
    tokens: int | None = None
    response: str = ""
    answer_key: str = ""
    behaviour_key: str = ""
    history: tuple[str, ...] = ()
    extras: Mapping[str, Any] = {}  # a default of a NamedTuple; nobody writes into it
    given: float | None = None
    longest: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**self._asdict(), "history": list(self.history), "extras": dict(self.extras)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RewardContext:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: It has a key that no context has.
        """
        for key in data:
            if key not in cls._fields:
                raise ConfigError(f"a reward context has no {key!r}{suggestion(str(key), cls._fields)}")
        return cls(**{**data, "history": tuple(data.get("history", ()))})


NO_CONTEXT = RewardContext()


@dataclass(slots=True)
class Judged:
    """A verdict and where it was given; nobody changes it.

    Every step of an environment makes one. A frozen dataclass, or a tuple with names, takes twice as long to make.
    """

    verdict: Verdict
    context: RewardContext = NO_CONTEXT


@dataclass(frozen=True)
class Reward(ABC):
    """A named reward of one response; a subclass is a frozen dataclass of its settings, which are JSON or rewards.

    `parts` gives the terms of a gradable verdict, `ranges` what their sum may be, `term_ranges` what each may be. Both
    are declared and hold for every verdict and context; a property test of the project draws some and compares.
    """

    name: ClassVar[str]
    child_fields: ClassVar[tuple[str, ...]] = ()
    about_answer: ClassVar[bool] = False
    """Whether the term measures the answer, and not its form, length or cost."""
    verdict_only: ClassVar[bool] = False
    """Whether the terms are a function of the verdict, so that nobody need build a context."""
    only_passed: ClassVar[bool] = False
    """Whether the terms read no more of the verdict than whether it passed."""
    reads: ClassVar[tuple[str, ...]] = ()
    """What the terms read of the context; see `rlvr_gym.reward_shaping.contexts`."""

    def terms(self, judged: Judged, point: SchedulePoint = START) -> RewardTerms:
        """The terms, whose sum is the reward; none for an ungradable verdict.

        Raises:
            ConfigError: The context lacks what a term reads, or a term needs the whole batch (see `terms_of`).
        """
        constant, live = self.fillings[judged.verdict.status]
        if live is None:
            return self.parts(judged, point)
        found = constant.copy()
        for name, worth, factor in live:
            found[name] = worth(judged, point) * factor
        return found

    def terms_of(self, batch: Sequence[Judged], point: SchedulePoint = START) -> list[RewardTerms]:
        """The terms of each of a batch.

        Raises:
            ConfigError: A context lacks what a term reads.
        """
        graded = [place for place, judged in enumerate(batch) if judged.verdict.gradable]
        found = self.parts_of([batch[place] for place in graded], point)
        terms: list[RewardTerms] = [{} for _ in batch]
        for place, row in zip(graded, found, strict=True):
            terms[place] = row
        return terms

    @abstractmethod
    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """The terms of a gradable verdict."""

    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """The terms of each of a batch of gradable verdicts."""
        return [self.terms(judged, point) for judged in batch]

    def plan(self, status: Status) -> Plan | None:
        """What `parts` gives for verdicts with a gradable status, known beforehand; None where only `parts` can say."""
        return None

    @abstractmethod
    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """What the sum of the terms may be: at a point, or at any."""

    def term_ranges(self, point: SchedulePoint | None = None) -> dict[str, Ranges]:
        """What each term may be: at a point, or at any."""
        return {self.name: self.ranges(point)}

    def term_topics(self) -> dict[str, bool]:
        """For each term whether it measures the answer."""
        return {self.name: self.about_answer}

    @property
    def resolution(self) -> float:
        """The smallest difference between two different values; 0 where there is none."""
        return 0.0

    @cached_property
    def children(self) -> tuple[Reward, ...]:
        """The rewards that this one is made of."""
        values = (getattr(self, name) for name in self.child_fields)
        return tuple(child for value in values for child in (value if isinstance(value, tuple) else (value,)))

    @cached_property
    def batch_scoped(self) -> bool:
        """Whether a response's terms depend on the others of its batch."""
        return any(child.batch_scoped for child in self.children)

    @cached_property
    def reads_context(self) -> bool:
        """Whether a part of it reads the context."""
        return any(child.reads_context for child in self.children) if self.children else not self.verdict_only

    @cached_property
    def needs(self) -> frozenset[str]:
        """What it and its parts read of the context, so that those who cannot tell it refuse the reward."""
        return frozenset(self.reads).union(*(child.needs for child in self.children))

    @cached_property
    def point_keys(self) -> frozenset[str]:
        """The values of a schedule that it or a part of it reads."""
        return frozenset[str]().union(*(child.point_keys for child in self.children))

    @cached_property
    def reads_given(self) -> bool:
        """Whether a part of it reads what the episode was paid."""
        return any(child.reads_given for child in self.children)

    @cached_property
    def reads_verdict(self) -> bool:
        """Whether a part of it reads more of the verdict than whether it passed."""
        return any(child.reads_verdict for child in self.children) if self.children else not self.only_passed

    @cached_property
    def fillings(self) -> dict[Status, Filling]:
        """How `terms` are computed, by status."""
        return {status: filling({} if status in UNGRADABLE else self.plan(status)) for status in Status}

    def __getstate__(self) -> dict[str, Any]:
        """The settings, without what was computed of them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to_dict(self) -> str | dict[str, Any]:
        """The spec: the name, or `{name: settings}` with those that are not the default; see `make_reward`."""
        settings = {
            field.name: _plain(getattr(self, field.name))
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        }
        return {self.name: settings} if settings else self.name


class Term(Reward):
    """A reward of one term: a subclass gives `worth`."""

    @abstractmethod
    def worth(self, status: Status) -> float | Worth:
        """What a verdict with this status is worth: a number, or who computes it."""

    def plan(self, status: Status) -> Plan:
        """See `Reward`."""
        found = self.worth(status)
        return {self.name: Live(found) if callable(found) else found}

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """See `Reward`."""
        return self.terms(judged, point)


class GroupReward(Reward):
    """A reward that compares responses with each other: it has a value in a batch alone. A subclass gives `parts_of`.

    The order of the batch changes nothing: neither places nor ties are read from it.
    """

    @cached_property
    def batch_scoped(self) -> bool:
        """See `Reward`."""
        return True

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """Refused.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"the reward {self.name!r} compares responses: use terms_of(batch) where the batch is known")

    @abstractmethod
    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """See `Reward`."""


_Maker = TypeVar("_Maker", bound=Callable[..., Reward])

REWARDS: dict[str, Callable[..., Reward]] = {}
"""Every reward by name: a class, or a function that builds one out of others."""


def register(make: _Maker) -> _Maker:
    """Enter a reward class, or a function that builds a reward, under its `name` or that of the function."""
    REWARDS[getattr(make, "name", "") or getattr(make, "__name__", "")] = make
    return make


def make_reward(spec: str | Mapping[str, Any] | Reward) -> Reward:
    """The reward of a spec: a name, or `{name: settings}`, in which rewards are specs again.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec, or a setting is refused.

    Example:
        >>> make_reward("outcome")
        Outcome()
        >>> make_reward({"gate": {"on": "passed", "then": {"length": {"free": 100}}}}).to_dict()  # `on` is the default
        {'gate': {'then': {'length': {'free': 100}}}}
    """
    if isinstance(spec, Reward):
        return spec
    name, settings = next(iter(spec.items())) if isinstance(spec, Mapping) and len(spec) == 1 else (spec, {})
    if not isinstance(name, str) or not isinstance(settings, Mapping):
        raise ConfigError(f"a reward is a name or {{name: {{setting: value}}}}, got {shown(spec)}")
    if name not in REWARDS:
        if name.lstrip().startswith(("{", "[")):
            raise ConfigError(
                f"a reward is a name or {{name: {{setting: value}}}}; this text is no JSON: {shown(name)}"
            )
        raise UnknownNameError("reward", name, REWARDS)
    _check_settings(name, REWARDS[name], settings)
    try:
        return REWARDS[name](**settings)
    except TypeError as error:
        raise ConfigError(f"reward {name!r}: {error}") from error


def make_verdict_reward(spec: str | Mapping[str, Any] | Reward) -> Reward:
    """`make_reward`, for those who pay for verdicts.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec, a setting is refused, or the reward reads what the episode was paid.
    """
    reward = make_reward(spec)
    if reward.reads_given:
        raise ConfigError(
            f"the reward {reward.name!r} reads what the episode was paid ('given'), which shaping alone is told: "
            "put it into the shaping of a recipe"
        )
    return reward


def make_single_reward(spec: str | Mapping[str, Any] | Reward) -> Reward:
    """`make_verdict_reward`, for those who see one response at a time.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec, a setting is refused, or the reward reads what the episode was paid or compares
            responses with each other.
    """
    reward = make_verdict_reward(spec)
    if reward.batch_scoped:
        raise ConfigError(
            f"the reward {reward.name!r} compares responses with each other, and an environment sees them one by one: "
            "leave it to the trainer, with terms_of(batch)"
        )
    return reward


def make_shaping(spec: str | Mapping[str, Any] | Reward) -> Reward:
    """`make_reward`, for those who make something else of the reward that an episode was paid.

    An episode that ran into a limit has no verdict: of how it ended, shaping is told no more than whether it passed.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec, a setting is refused, or the reward does not read what the episode was paid or reads
            more of the verdict than whether it passed.
    """
    reward = make_reward(spec)
    wrong = "" if reward.reads_given else "does not read what the episode was paid: name 'given' in it"
    if reward.reads_verdict:
        wrong = "reads more of a verdict than whether it passed, and an episode that ran into a limit has none"
    if wrong:
        raise ConfigError(
            f"shaping {shown(reward.to_dict())} {wrong}; what verdicts are worth is said by the reward of the "
            "environment, or of the trainer"
        )
    return reward


def check_range(owner: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Refuse what is no finite number in [low, high].

    Raises:
        ConfigError: With the name, the value and the range.
    """
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high:
        raise ConfigError(f"{owner}: {name} must be a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)


def check_count(owner: str, name: str, value: Any, low: int) -> int:
    """Refuse what is no whole number of at least `low`.

    Raises:
        ConfigError: With the name and the value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"{owner}: {name} must be a whole number of at least {low}, got {shown(value)}")
    return value


def _check_settings(name: str, make: Callable[..., Reward], settings: Mapping[str, Any]) -> None:
    known = signature(make).parameters
    for key in settings:
        if key not in known:
            raise ConfigError(f"the reward {name!r} has no setting {key!r}; it has {', '.join(known) or 'none'}")
    if missing := [key for key, kind in known.items() if kind.default is Parameter.empty and key not in settings]:
        raise ConfigError(f"the reward {name!r} needs {', '.join(missing)}")


def _plain(value: Any) -> Any:
    if isinstance(value, Reward):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value
