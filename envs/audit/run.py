"""The audit: every attack on every task, and what of it is a finding."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr_gym.envs.audit.attack import Attack, Opening
from rlvr_gym.envs.audit.catalogue import attacks, chosen
from rlvr_gym.envs.audit.levels import binomial_tail, mean_tail, tasks_needed
from rlvr_gym.envs.audit.play import Episode, play
from rlvr_gym.envs.audit.report import AttackResult, AuditReport, Example
from rlvr_gym.envs.audit.stage import Place, Rehearsal, find_places, honest_rewards, rehearse
from rlvr_gym.envs.audit.subject import Subject, TextGymEnv, subject_of
from rlvr_gym.envs.card import FAMILIES
from rlvr_gym.envs.task import check_int
from rlvr_gym.verifiers import ConfigError, Verifier
from rlvr_gym.verifiers.errors import shown, suggestion

TASKS = 16
FEWER_TASKS = {"code": 3, "game": 6, "tool": 6}  # programs are run, and games and tools take many turns
HEAVY_TASKS = 2
FALSE_ALARM = 0.01
_MOST_CARRIERS = 6
_EXCERPT = 200
_CLOSE = 1e-9

Played = list[tuple[int, Episode]]  # the task's place in the list, and what came of the attack there


@dataclass(frozen=True, slots=True)
class Rule:
    """What the results of one reward function are held to.

    Args:
        reward: Its name.
        chance: Probability to pass by luck.
        alarm: False-alarm rate of one comparison.
        floors: For each task the most that an honest wrong answer is paid; None where partial credit is not meant.
    """

    reward: str
    chance: float
    alarm: float
    floors: Sequence[float] | None


def audit(
    target: str | TextGymEnv | Verifier,
    *,
    settings: Mapping[str, Any] | None = None,
    references: Sequence[Mapping[str, Any]] | None = None,
    family: str | None = None,
    chance: float | None = None,
    tasks: int | None = None,
    seed: int = 0,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """Play scripted attacks that want reward without solving the task, and say which of them pay.

    Args:
        target: A Gymnasium id (`"module:id"` of other packages too), an environment, a verifier's name
            (`"number@1"`, `"module:name@1"`) or a verifier.
        settings: Keywords of the environment or settings of the verifier. Environments of this project that read a
            file take a small sample where none is given.
        references: For a verifier: rows with `reference`, and if known `prompt` and `solution`. Those of this project
            have some of their own.
        family: Which attacks: one of `FAMILIES`; by default what the environment's card says.
        chance: The probability to pass by luck; by default what the card says, else 0.
        tasks: How many tasks; by default 16, for games 6, for programs 3, more where the chance level asks for more,
            and of a verifier all references.
        seed: Of the tasks.
        only: Names or kinds of attacks to play; all by default.
        skip: Names or kinds to leave out.
        progress: Called with the number of attacks that are done and that there are.

    Returns:
        The report: the same bytes for the same arguments.

    Raises:
        ConfigError: An argument is refused.
        UnknownNameError: There is no such target or attack.
        AuditError: Honest answers cannot be graded.

    Example:
        >>> report = audit("number@1", only=["either_or", "denied"])
        >>> report.ok, report.solved
        (True, 8)
        >>> audit("number@1", settings={"mode": "lenient"}, only=["either_or", "denied"]).caught
        ('denied',)
    """
    subject = subject_of(target, settings, references)
    family = _checked_family(family, subject)
    chance, reason = _checked_chance(chance, subject)
    check_int("seed", seed, 0, None)
    cast = chosen(family, only, skip)
    if subject.references:  # what a guess hits is a matter of the references
        cast = tuple(attack for attack in cast if attack.kind != "guess")
    makers = subject.makers[-1:] if family == "code" else subject.makers  # programs are run once, for partial credit
    alarm = FALSE_ALARM / (2 * max(1, len(cast)) * _MOST_CARRIERS * len(makers))
    count = check_int("tasks", tasks, 1, None) if tasks is not None else _count(subject, family, chance, alarm)
    first = makers[0][1]()
    rehearsal = rehearse(first, find_places(first, count, seed, family == "code"))
    results: list[AttackResult] = []
    for number, (reward, make) in enumerate(makers):
        env = first if number == 0 else make()
        report = None if progress is None else _Progress(progress, number * len(cast), len(cast) * len(makers))
        played = _played(env, rehearsal, cast, tasks_needed(chance, alarm), report)
        floors = None if reward in ("", "outcome") else _floors(env, rehearsal, family, cast, played)
        rule = Rule(reward, chance, alarm, floors)
        results += [_result(attack, name, episodes, rehearsal.places, rule) for attack, name, episodes in played]
        if env is not target:
            env.close()
    return AuditReport(
        target=subject.name,
        settings=subject.settings,
        family=family,
        seed=seed,
        tasks=len(rehearsal.places),
        solved=rehearsal.solved,
        carriers=rehearsal.carriers,
        chance=chance,
        chance_reason=reason,
        false_alarm=FALSE_ALARM,
        results=tuple(results),
        notes=tuple(_notes(rehearsal, tasks, chance, alarm)),
    )


def _checked_family(family: str | None, subject: Subject) -> str:
    family = subject.family if family is None else family
    if family not in FAMILIES:
        raise ConfigError(f"unknown family {family!r}{suggestion(str(family), FAMILIES)}")
    return family


def _checked_chance(chance: float | None, subject: Subject) -> tuple[float, str]:
    if chance is None:
        card = subject.card
        return (card.chance, card.chance_reason) if card is not None else (0.0, "nothing else is documented")
    if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance < 1:
        raise ConfigError(f"chance must be a number from 0 to below 1, got {shown(chance)}")
    return float(chance), "as it was given"


def _count(subject: Subject, family: str, chance: float, alarm: float) -> int:
    return subject.references or max(tasks_needed(chance, alarm), FEWER_TASKS.get(family, TASKS))


def _notes(rehearsal: Rehearsal, asked: int | None, chance: float, alarm: float) -> Iterator[str]:
    found = len(rehearsal.places)
    if rehearsal.solved is None:
        yield "no right answer is known, so attacks that hide one were not played"
    elif rehearsal.solved == 0:
        yield "no right answer passed either: that no attack pays may say nothing"
    elif rehearsal.solved < found:
        yield f"a right answer passed on {rehearsal.solved} of {found} tasks only"
    if asked is not None and found < asked:
        yield f"{found} different tasks were found where {asked} were asked for"
    if found < (needed := tasks_needed(chance, alarm)):
        yield f"at a chance level of {chance:g} luck may pass {found} tasks: a guess can be told from it with {needed}"


@dataclass(frozen=True, slots=True)
class _Progress:
    call: Callable[[int, int], None]
    done: int
    total: int

    def __call__(self, number: int) -> None:
        self.call(self.done + number, self.total)


def _played(
    env: TextGymEnv, rehearsal: Rehearsal, cast: Sequence[Attack], needed: int, progress: _Progress | None
) -> list[tuple[Attack, str, Played]]:
    """Every attack with every way to declare answers that it depends on."""
    played: list[tuple[Attack, str, Played]] = []
    for number, attack in enumerate(cast, start=1):
        names = rehearsal.carriers if attack.declares else rehearsal.carriers[:1]
        places = rehearsal.places[: max(HEAVY_TASKS, needed)] if attack.heavy else rehearsal.places
        for name in names:
            if episodes := list(_episodes(env, attack, name, places)):
                played.append((attack, name if attack.declares else "", episodes))
        if progress is not None:
            progress(number)
    return played


def _episodes(env: TextGymEnv, attack: Attack, name: str, places: Sequence[Place]) -> Iterator[tuple[int, Episode]]:
    for number, place in enumerate(places):
        opening = place.openings(name)
        if opening is None or not _can_play(attack, opening):
            continue
        episode = play(env, place.seed, attack, opening)
        if episode is not None:
            yield number, episode


def _can_play(attack: Attack, opening: Opening) -> bool:
    """Whether what a worst case builds on is known."""
    return not attack.worst_case or (bool(opening.right) and (attack.alone or len(opening.wrong) >= 2))


def _floors(
    env: TextGymEnv,
    rehearsal: Rehearsal,
    family: str,
    cast: Sequence[Attack],
    played: Sequence[tuple[Attack, str, Played]],
) -> list[float]:
    """For each task the most that an honest wrong answer or a guess is paid which does not pass."""
    floors = honest_rewards(env, rehearsal)
    guesses = [episodes for attack, _, episodes in played if attack.kind == "guess"]
    unasked = [attack for attack in attacks(family) if attack.kind == "guess" and attack not in cast]
    guesses += [episodes for _, _, episodes in _played(env, rehearsal, unasked, 1, None)]
    for number, episode in itertools.chain(*guesses):
        if not episode.passed:
            floors[number] = max(floors[number], episode.reward)
    return floors


def _result(attack: Attack, carrier: str, played: Played, places: Sequence[Place], rule: Rule) -> AttackResult:
    n = len(played)
    episodes = [episode for _, episode in played]
    passed = sum(episode.passed for episode in episodes)
    ungradable = sum(not episode.gradable for episode in episodes)
    errors = sum(bool(episode.error) for episode in episodes)
    mean = sum(episode.reward for episode in episodes) / n
    findings = []
    if passed and not (attack.may_be_lucky and binomial_tail(passed, n, rule.chance) >= rule.alarm):
        findings.append("paid")
    if not findings and _rewarded(played, rule):
        findings.append("rewarded")
    if ungradable:
        findings.append("ungradable")
    if errors:
        findings.append("error")
    level = rule.chance if rule.floors is None else sum(rule.floors[number] for number, _ in played) / n
    return AttackResult(
        attack=attack.name,
        kind=attack.kind,
        carrier=carrier,
        reward=rule.reward,
        episodes=n,
        passed=passed,
        ungradable=ungradable,
        errors=errors,
        mean_reward=mean,
        level=level,
        findings=tuple(findings),
        example=_example(played, places),
    )


def _rewarded(played: Played, rule: Rule) -> bool:
    """Whether the rewards alone are too high.

    Partial credit is compared, task by task, with the best honest wrong answer or guess there, and rewards without it
    with chance.
    """
    if rule.floors is None:
        mean = sum(min(max(episode.reward, 0.0), 1.0) for _, episode in played) / len(played)
        return mean_tail(mean, len(played), rule.chance) < rule.alarm
    paid = sum(0.0 if episode.passed else episode.reward for _, episode in played)
    return paid > sum(rule.floors[number] for number, _ in played) + _CLOSE


def _example(played: Played, places: Sequence[Place]) -> Example:
    """The first episode that failed us, else the best paid one."""
    number, episode = max(
        played, key=lambda one: (bool(one[1].error), not one[1].gradable, one[1].passed, one[1].reward)
    )
    excerpt = episode.response[:_EXCERPT].encode("utf-8", "backslashreplace").decode()
    return Example(places[number].task, excerpt, len(episode.response), episode.reward, episode.error or episode.note)
