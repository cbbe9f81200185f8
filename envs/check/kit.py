"""`check_text_env`: whether an environment of texts behaves, check by check."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.check import anchors, api, elsewhere, faults, infos, judging, privacy, seeding, state, together
from rlvr_gym.envs.check.report import (
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    SKIPPED,
    Check,
    CheckFailed,
    CheckReport,
    NotApplicable,
    Outcome,
)
from rlvr_gym.envs.check.subject import Solve, Subject, expert_answers, made
from rlvr_gym.envs.task import check_int
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown

Progress = Callable[[int, int, str], None]

_MODULES = (seeding, infos, api, elsewhere, state, anchors, privacy, judging, faults, together)
CHECKS: tuple[Check, ...] = (*(check for module in _MODULES for check in module.CHECKS), *infos.LAST)


def checks() -> dict[str, str]:
    """Every check's name and what holds where it passes, in the order in which they are reported.

    Example:
        >>> checks()["flags"]
        'terminated and truncated are booleans and never both True; the reward is a finite number.'
    """
    return {check.name: check.sentence for check in CHECKS}


def check_text_env(
    env: gym.Env[Any, Any] | str | Callable[[], gym.Env[Any, Any]],
    *,
    settings: Mapping[str, Any] | None = None,
    skip: Collection[str] = (),
    only: Collection[str] | None = None,
    seeds: int = 3,
    tasks: int = 3,
    turns: int = 6,
    solve: Solve = expert_answers,
    raise_on_failure: bool = True,
    progress: Progress | None = None,
) -> CheckReport:
    """Check that an environment behaves as Gymnasium and `TextEnv` promise.

    Every check plays in copies that nobody has used, and the environment that is given is left as it is. A check whose
    outcome would say nothing, because another that it builds on failed, is reported as not applicable.

    Args:
        env: An environment from `gym.make`, wrapped or not; an id; or a function that makes one. One without a spec is
            copied, which must be possible, and should not have been used.
        settings: Keywords of `gym.make` for an id.
        skip: Names of checks to leave out; see `checks`.
        only: Names of the checks to run; all by default.
        seeds: How many episodes are compared in each check.
        tasks: How many tasks are answered where an answer's worth is looked at.
        turns: At most so many steps of an episode are compared.
        solve: The right answer to the task of an environment that was just reset, a list of them turn by turn, or None;
            by default what solves the task by its own account. To be given where a wrapper wants another form.
        raise_on_failure: Whether a failed check raises.
        progress: Called with (checks done, checks, name of the next one).

    Returns:
        The report.

    Raises:
        CheckFailed: At least one check failed; the message has all of them.
        UnknownNameError: `skip` or `only` names no check.
        ConfigError: `env` is nothing of the kind, or a number is refused.

    Example:
        >>> report = check_text_env("rlvr_gym:rlvr/Arithmetic-v0", only=["same_seed", "gold_passes"])
        >>> print(report)
        <OrderEnforcing<ArithmeticEnv<rlvr/Arithmetic-v0>>>: 2 passed
        ok   same_seed
        ok   gold_passes
    """
    known = checks()
    for name in (*skip, *(only or ())):
        if name not in known:
            raise UnknownNameError("check", name, known)
    build, spec = _source(env, settings)
    counts = [check_int(name, value, 1, None) for name, value in (("seeds", seeds), ("tasks", tasks), ("turns", turns))]
    first = build()
    subject = Subject(build, spec, first.render_mode, tuple(range(counts[0])), counts[1], counts[2], solve)
    if not isinstance(first.action_space, gym.spaces.Text):
        raise ConfigError(f"{first} is no environment of texts: its actions are {first.action_space}")
    chosen = [check for check in CHECKS if only is None or check.name in only]
    outcomes: list[Outcome] = []
    unsound: dict[str, str] = {}  # checks that failed, and checks that build on them
    for check in chosen:
        if progress is not None:
            progress(len(outcomes), len(chosen), check.name)
        root = next((unsound[name] for name in check.needs if name in unsound), None)
        outcomes.append(_outcome(check, subject, check.name in skip, root))
        if root or outcomes[-1].status == FAILED:
            unsound[check.name] = root or check.name
    report = CheckReport(str(first), tuple(outcomes))
    subject.close()
    if raise_on_failure and not report.ok:
        raise CheckFailed(report)
    return report


def _outcome(check: Check, subject: Subject, skipped: bool, root: str | None) -> Outcome:
    if skipped:
        return Outcome(check.name, SKIPPED, check.sentence)
    if root:
        return Outcome(check.name, NOT_APPLICABLE, check.sentence, f"says nothing as long as {root} fails")
    found = guarded(partial(_run, check, subject))
    if isinstance(found, NotApplicable):
        return Outcome(check.name, NOT_APPLICABLE, check.sentence, str(found))
    if isinstance(found, Failure):
        found = f"{found.error} ({_place(found.traceback)})"
    if found is None:
        return Outcome(check.name, PASSED, check.sentence)
    return Outcome(check.name, FAILED, check.sentence, found, check.advice)


def _run(check: Check, subject: Subject) -> str | NotApplicable | None:
    try:
        return check.run(subject)
    except NotApplicable as reason:
        return reason
    finally:
        subject.close()


def _place(traceback: str) -> str:
    """Where an exception was raised: the last line of its traceback that names a file."""
    lines = [line.strip() for line in traceback.splitlines() if line.lstrip().startswith("File ")]
    return lines[-1] if lines else "no traceback"


def _source(env: Any, settings: Mapping[str, Any] | None) -> tuple[Callable[[], gym.Env[Any, Any]], Any]:
    """How copies are made, and the spec where there is one."""
    if settings and not isinstance(env, str):
        raise ConfigError("settings are keywords of an id: an environment or a function has its own")
    if isinstance(env, str):
        return _from_spec(gym.make(env, disable_env_checker=True, **(settings or {})).spec)
    if isinstance(env, gym.Env):
        if env.spec is not None and not isinstance(guarded(partial(made, env.spec, None)), Failure):
            return _from_spec(env.spec)
        return partial(copy.deepcopy, copy.deepcopy(env)), env.spec
    if callable(env):
        first = env()
        if isinstance(first, gym.Env):
            return env, first.spec
        raise ConfigError(f"the function made no Gymnasium environment but {shown(first)}")
    raise ConfigError(f"expected an environment, an id or a function that makes one, got {shown(env)}")


def _from_spec(spec: Any) -> tuple[Callable[[], gym.Env[Any, Any]], Any]:
    """Copies are made from the spec, and render as text where they can."""
    first = made(spec, None)
    texts = first.render_mode is None and "ansi" in (first.metadata.get("render_modes") or ())
    return partial(made, spec, "ansi" if texts else None), spec
