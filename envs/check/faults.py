"""Checks by injected faults: a judge that fails is our failure, never the policy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.check.api import MOST_TURNS
from rlvr_gym.envs.check.golds import broken
from rlvr_gym.envs.check.play import Env, answered
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import UNSURE, Subject, base_of, other_solutions, played_in, with_private
from rlvr_gym.envs.text_env import Info
from rlvr_gym.verifiers import Status, Verdict, Verifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import ungradable

INJECTED = "a fault that the conformance kit injected"


class FaultyVerifier:
    """A verifier of which the first judgements fail in a chosen way.

    Args:
        verifier: Judges afterwards.
        fault: What happens instead at first.
        times: How often; by default always.
    """

    def __init__(self, verifier: Verifier, fault: Callable[[Verifier], Verdict], times: float = float("inf")) -> None:
        self.verifier, self.fault, self.times, self.asked = verifier, fault, times, 0

    def verify(self, *args: Any, **kwargs: Any) -> Verdict:
        """See `Verifier.verify`."""
        self.asked += 1
        return self.fault(self.verifier) if self.asked <= self.times else self.verifier.verify(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.verifier, name)


def verifier_raises(subject: Subject) -> str | None:
    """An exception in the judge is an exception, or an ungradable episode."""
    return _never_a_zero(subject, _raise_runtime_error, "the verifier raised an exception")


def ungradable_verdict(subject: Subject) -> str | None:
    """An ungradable verdict ends an ungradable episode."""
    for status in (Status.SANDBOX_ERROR, Status.VERIFIER_ERROR, Status.REFERENCE_ERROR):
        fault = partial(_ungradable, status)
        if found := _never_a_zero(subject, fault, f"the verifier's verdict was {status.value}"):
            return found
    return None


def bad_gold(subject: Subject) -> str | None:
    """A gold that is empty or malformed decides nothing."""
    env = subject.fresh()
    verifier, task = base_of(env).verifier, base_of(env).taskset.task(0)
    env.reset(options={"task": task})
    right = subject.answers(env)
    wrong = [(answer,) for answer in (UNSURE, "", *other_solutions(env, 0, 1))]
    judge = _inject(env, _raise_timeout, 0)  # counts: what a wrapper refuses by itself needs no gold
    for gold in broken(task.reference):
        usable = verifier.check_reference(gold).ok  # which may be meant: then it is to let nothing pass that is wrong
        for answers in wrong if usable else [right, *wrong]:
            judge.asked = 0
            passed = _passed(env, {"task": with_private(task, {"reference": gold})}, answers)
            if passed or (passed is False and judge.asked and not usable):
                what = "which the verifier takes" if usable else "which the verifier refuses"
                return f"passed={passed} with the gold {shown(gold)}, {what}, after {shown(answers)}"
    return None


def _passed(env: Env, options: dict[str, Any], answers: Sequence[str]) -> bool | None:
    """How the episode ended; None where it was ungradable or undecided, or the environment raised."""
    ended = guarded(partial(_answered, env, options, answers))
    return None if isinstance(ended, Failure) else ended.get("passed")


def _answered(env: Env, options: dict[str, Any], answers: Sequence[str]) -> Info:
    """The last answer is repeated until the episode is over."""
    env.reset(seed=0, options=options)
    return answered(env, [*answers, *(list(answers[-1:]) * MOST_TURNS)])[1]


def recovers(subject: Subject) -> str | None:
    """A judge that hung once and was given up judges the next answer."""
    env = subject.fresh()
    seed = subject.seeds[0]
    env.reset(seed=seed)
    answers = subject.answers(env)
    if not answers:
        raise NotApplicable("needs a task with a solution, or solve=")
    judge = _inject(env, _raise_timeout, 1)
    guarded(lambda: answered(env, answers))
    if not judge.asked:
        raise NotApplicable("the environment does not ask its verifier")
    for attempt in (1, 2):
        env.reset(seed=seed)
        terminated, info = answered(env, answers)
        if not (terminated and info.get("passed") is True):
            return f"episode {attempt} after a timeout in the verifier did not pass with the right answer: {info}"
    return None


def _never_a_zero(subject: Subject, fault: Callable[[Verifier], Verdict], what: str) -> str | None:
    env = subject.fresh()
    env.reset(seed=subject.seeds[0])
    judge = _inject(env, fault)
    answers = subject.answers(env) or (UNSURE,)
    for turn in range(MOST_TURNS):
        answer = answers[min(turn, len(answers) - 1)]
        outcome = guarded(partial(env.step, answer))
        if isinstance(outcome, Failure):
            return None if judge.asked else f"{what}, and step() raised before it was asked: {outcome.error}"
        _, reward, terminated, truncated, info = outcome
        if judge.asked or terminated or truncated:
            break
    if not judge.asked:
        raise NotApplicable("the environment does not ask its verifier")
    masked = truncated and not terminated and info.get("stop_reason") == "ungradable" and "passed" not in info
    told = {key: info.get(key) for key in ("stop_reason", "passed")}
    flags = f"terminated={terminated}, truncated={truncated}"
    return None if masked else f"{what}: reward={reward}, {flags}, info has {told}"


def _inject(env: Env, fault: Callable[[Verifier], Verdict], times: float = float("inf")) -> FaultyVerifier:
    base = played_in(env)
    judge = FaultyVerifier(base.verifier, fault, times)
    base.verifier = judge  # type: ignore[assignment]
    return judge


def _ungradable(status: Status, verifier: Verifier) -> Verdict:
    return ungradable(status, "injected", INJECTED, verifier.id)


def _raise_runtime_error(verifier: Verifier) -> Verdict:
    raise RuntimeError(INJECTED)


def _raise_timeout(verifier: Verifier) -> Verdict:
    raise TimeoutError(INJECTED)


_NEVER = "never a zero to learn from"
CHECKS = (
    Check(
        "verifier_raises",
        f"Where the verifier raises, step() raises, or truncates as 'ungradable' without passed: {_NEVER}.",
        "Catch nothing around the verifier: the rollout boundary makes a record of the exception.",
        verifier_raises,
    ),
    Check(
        "ungradable_verdict",
        f"An ungradable verdict truncates the episode as 'ungradable' without passed: {_NEVER}.",
        "Pass the verdict on in Transition(verdict=...), and let wrappers leave what is ungradable alone.",
        ungradable_verdict,
    ),
    Check(
        "bad_gold",
        "A gold that is missing, empty or of the wrong form decides nothing: no pass, and no fail to learn from.",
        "Refuse it in the verifier's parse_reference, which makes the episode ungradable.",
        bad_gold,
        ("ungradable_verdict",),
    ),
    Check(
        "recovers",
        "After a verifier that timed out once, right answers pass again.",
        "Replace a worker that was given up, and remember nothing of the failure.",
        recovers,
        ("same_seed",),
    ),
)
