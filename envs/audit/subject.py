"""What is audited: an environment by its id or as it is, or a verifier by its name or as it is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
from gymnasium.error import Error as GymnasiumError
from rlvr_gym.envs.audit.golds import is_code
from rlvr_gym.envs.audit.references import REFERENCES, VERIFIER_FAMILIES
from rlvr_gym.envs.card import Card
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.task import ListTaskSet, Task
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError, UnknownNameError, Verifier, make_verifier, verifier_names
from rlvr_gym.verifiers.errors import shown

TextGymEnv = gym.Env[str, str]
_REWARDS = ("outcome", "dense")


@dataclass(frozen=True, slots=True)
class Subject:
    """An environment that can be made, once with each of its reward functions.

    Args:
        name: Its id, or the verifier's name.
        settings: Its keywords, as they were given.
        makers: Name of a reward function and how to make the environment with it; the name is empty where the
            environment has no choice of them.
        card: What it says of itself; None where it says nothing.
        family: Which attacks fit: the card's, else what its verifier or reference tells.
        references: It is a verifier, with so many references for tasks; 0 for an environment.
    """

    name: str
    settings: Mapping[str, Any]
    makers: tuple[tuple[str, Callable[[], TextGymEnv]], ...]
    card: Card | None
    family: str
    references: int = 0


def subject_of(
    target: str | TextGymEnv | Verifier,
    settings: Mapping[str, Any] | None = None,
    references: Sequence[Mapping[str, Any]] | None = None,
) -> Subject:
    """Find out what is to be audited; see `rlvr_gym.envs.audit.audit` for the arguments.

    Raises:
        ConfigError: It cannot be made, or the arguments do not go together.
        UnknownNameError: There is no such environment or verifier.

    Example:
        >>> subject_of("number@1").family, [reward for reward, _ in subject_of("rlvr/Countdown-v0").makers]
        ('math', ['outcome', 'dense'])
    """
    if isinstance(target, str) and "@" in target:
        return _verifier(target, _named_verifier(target, settings or {}), settings or {}, references)
    if isinstance(target, Verifier):
        if settings:
            raise ConfigError("settings build a verifier by its name: one that is built already takes none")
        return _verifier(target.key, target, target.config(), references)
    if references is not None:
        raise ConfigError("references belong to a verifier: an environment brings its own tasks")
    if isinstance(target, str):
        return _by_id(target, settings or {})
    if not isinstance(target, gym.Env):
        raise ConfigError(f"expected an environment, a verifier or the name of one, got {shown(target)}")
    if settings:
        raise ConfigError("settings build an environment by its id: one that is built already takes none")
    spec = target.spec
    name = spec.id if spec is not None else type(target.unwrapped).__name__
    given = dict(spec.kwargs) if spec is not None else {}
    reward = str(given.get("reward", "outcome")) if isinstance(target.unwrapped, TextEnv) else ""
    return _environment(name, given, ((reward, lambda: target),), target)


def _by_id(env_id: str, settings: Mapping[str, Any]) -> Subject:
    bare = env_id.removeprefix("rlvr_gym:")
    keywords = dict(settings)
    if bare.startswith("rlvr/") and not {"path", "hub"} & set(settings):
        keywords = {**sample_settings(bare), **settings}
    name = f"rlvr_gym:{bare}" if bare.startswith("rlvr/") else env_id
    env = _make(name, keywords)
    rewards = _rewards(name, keywords) if isinstance(env.unwrapped, TextEnv) else ("",)
    makers = tuple((reward, _Maker(name, {**keywords, **_asked(rewards, reward)})) for reward in rewards)
    return _environment(env_id, settings, makers, env)


def _rewards(name: str, keywords: Mapping[str, Any]) -> tuple[str, ...]:
    """The reward functions to try: the one that is asked for, else all that the environment takes."""
    if "reward" in keywords:
        return (str(keywords["reward"]),)
    try:
        gym.make(name, **keywords, reward=_REWARDS[-1])
    except TypeError:  # its constructor takes no reward
        return _REWARDS[:1]
    return _REWARDS


def _asked(rewards: Sequence[str], reward: str) -> dict[str, str]:
    return {"reward": reward} if len(rewards) > 1 else {}


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes an environment of an id and keywords."""

    name: str
    keywords: Mapping[str, Any]

    def __call__(self) -> TextGymEnv:
        return _make(self.name, self.keywords)


def _make(name: str, keywords: Mapping[str, Any]) -> TextGymEnv:
    try:
        env: TextGymEnv = gym.make(name, **keywords)
    except (GymnasiumError, ModuleNotFoundError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"cannot make {name!r}: {' '.join(str(error).split())}") from error
    if not isinstance(env.action_space, gym.spaces.Text):
        raise ConfigError(f"{name} is no environment of texts: its action space is {shown(env.action_space)}")
    return env


def _environment(
    name: str,
    settings: Mapping[str, Any],
    makers: tuple[tuple[str, Callable[[], TextGymEnv]], ...],
    env: TextGymEnv,
) -> Subject:
    base = env.unwrapped
    card = getattr(base, "card", None)
    card = card if isinstance(card, Card) else None
    family = card.family if card is not None else "any"
    if card is None and isinstance(base, TextEnv):
        family = _family(base.verifier)
    return Subject(name, settings, makers, card, family)


def _named_verifier(target: str, settings: Mapping[str, Any]) -> Verifier:
    """The verifier of `name@version`, or of `module:name@version` after importing the module that registers it."""
    module, _, name = target.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ConfigError(f"{target!r}: there is no module {module!r} to import") from error
    if name not in verifier_names():
        raise UnknownNameError("verifier", name, verifier_names())
    return make_verifier(name, **settings)


def _verifier(
    name: str, verifier: Verifier, settings: Mapping[str, Any], references: Sequence[Mapping[str, Any]] | None
) -> Subject:
    if references is None:
        if _basis(verifier) not in REFERENCES:
            raise ConfigError(f"there are no references for {name} here: give some to audit it with (--references)")
        references = REFERENCES[_basis(verifier)]
    tasks = [_task(number, row, verifier) for number, row in enumerate(references, start=1)]
    if not tasks:
        raise ConfigError("there are no references: give one at least")
    makers = tuple((reward, _Judged(tuple(tasks), verifier, reward)) for reward in _REWARDS)
    family = "code" if is_code(tasks[0].reference) else _family(verifier)
    return Subject(name, settings, makers, None, family, references=len(tasks))


@dataclass(frozen=True, slots=True)
class _Judged:
    """Makes an environment of tasks and a verifier."""

    tasks: tuple[Task, ...]
    verifier: Verifier
    reward: str

    def __call__(self) -> TextGymEnv:
        return TextEnv(ListTaskSet(list(self.tasks)), self.verifier, reward=self.reward)


def _task(number: int, row: Mapping[str, Any], verifier: Verifier) -> Task:
    if not isinstance(row, Mapping) or "reference" not in row:
        raise ConfigError(f"reference {number}: expected an object with 'reference', got {shown(row)}")
    report = verifier.check_reference(row["reference"])
    if not report.ok:
        raise ConfigError(f"reference {number}: {verifier.key} cannot use it: {report.reason.text}")
    prompt, solution = row.get("prompt", "Answer the question."), row.get("solution")
    if not isinstance(prompt, str) or not isinstance(solution, str | None):
        raise ConfigError(f"reference {number}: 'prompt' and 'solution' are texts")
    return Task.create(prompt, {"reference": row["reference"], **({"solution": solution} if solution else {})})


def _basis(verifier: Verifier) -> str:
    """The name of the verifier, or of the first child of one made of verifiers."""
    children = getattr(verifier, "children", ())
    return _basis(children[0]) if children else verifier.name


def _family(verifier: Verifier) -> str:
    return VERIFIER_FAMILIES.get(_basis(verifier), "any")
