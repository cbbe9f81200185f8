"""Cards put together: what an environment says of itself, what its docstrings and its verifier say, what playing gives.

`card_of` makes the card of a registered id, `gaps` names what is missing for it. Nothing here depends on the machine:
the figures come from fixed seeds, and a sample file is named without its folder.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.card import NO_DATA, ONE_TURN, Card
from rlvr_gym.envs.knobs import Knob, entry_point, knobs, lineage
from rlvr_gym.envs.measured import CardError, Played, Score, play, scores, solution, text_env
from rlvr_gym.envs.procedural import ProceduralEnv, TaskRandom
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.verifiers import Verifier

SEED = 0  # of the episodes that are shown
_TRIED = 20  # tasks whose solutions may serve as a wrong response


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an environment without playing it.

    Args:
        env_id: Its id.
        summary: The first paragraph of its docstring.
        make: The line of Python that makes it with its sample.
        sample: Name of the sample's file; empty where it has none.
        card: What it says of itself.
        max_turns: Most turns of an episode.
        tasks: Number of tasks of what was made.
        verifier: Who judges.
        knobs: Its keywords.
    """

    env_id: str
    summary: str
    make: str
    sample: str
    card: Card
    max_turns: int
    tasks: int
    verifier: Verifier
    knobs: tuple[Knob, ...]

    @property
    def name(self) -> str:
        """The id without its namespace and version, which is the name of its page."""
        return self.env_id.partition("/")[2].rpartition("-v")[0]

    def has(self, knob: str) -> bool:
        """Whether there is a knob of this name."""
        return any(known.name == knob for known in self.knobs)


@dataclass(frozen=True, slots=True)
class EnvCard:
    """All that is known of one environment.

    Args:
        facts: Without playing.
        right: An episode with the reference solution.
        wrong: The same task with a wrong response.
        scores: What simple policies earn.
    """

    facts: Facts
    right: Played
    wrong: Played
    scores: tuple[Score, ...]


def card_of(env_id: str) -> EnvCard:
    """Collect a card: this plays some thousand episodes, and runs programs where responses are programs.

    Raises:
        CardError: Something is missing for it, or an episode could not be judged.

    Example:
        >>> card = card_of("rlvr/Arithmetic-v0")
        >>> card.right.turns[0].response, card.scores[0].policy, card.scores[0].reward
        ('#### 54', 'gold', 1.0)
    """
    facts = facts_of(env_id)
    env = _made(env_id)
    return EnvCard(facts, _right(env), _wrong(env), scores(env))


def facts_of(env_id: str) -> Facts:
    """What is known without playing.

    Raises:
        CardError: Something is missing, which is named.

    Example:
        >>> facts = facts_of("rlvr/GSM8K-v0")
        >>> facts.name, facts.max_turns, facts.tasks, facts.make
        ('GSM8K', 1, 20, 'env = gym.make("rlvr_gym:rlvr/GSM8K-v0", path="GSM8K.jsonl")')
    """
    card = _card(env_id)
    if (missing := gaps(env_id)) or card is None:
        raise CardError("\n".join([f"the card of {env_id} lacks", *missing]))
    base = text_env(_made(env_id))
    return Facts(
        env_id=env_id,
        summary=_summary(env_id),
        make=f'env = gym.make("rlvr_gym:{env_id}"{_settings(sample_settings(env_id))})',
        sample=Path(sample_settings(env_id).get("path", "")).name,
        card=card,
        max_turns=base.max_turns,
        tasks=len(base.taskset),
        verifier=base.verifier,
        knobs=knobs(env_id),
    )


def gaps(env_id: str) -> list[str]:
    """What is missing for the card of an id: one sentence each, which says what to write where.

    Example:
        >>> gaps("rlvr/Countdown-v0")
        []
    """
    return list(_gaps(env_id))


def _gaps(env_id: str) -> Iterator[str]:
    entry = entry_point(env_id)
    where = f"{entry.__module__}.{entry.__qualname__}"
    if not _summary(env_id):
        yield f"- a docstring: say in the first paragraph of {where} what the task is"
    base, known = text_env(_made(env_id)), knobs(env_id)
    for knob in known:
        if not knob.meaning:
            yield f"- a meaning of the knob {knob.name}: write it in the section Args of the class that takes it"
        if not knob.type:
            yield f"- a type of the knob {knob.name}: annotate it where it is taken"
    if not base.verifier.blind_spots:
        yield f"- blind spots of {base.verifier.key}: set blind_spots of {type(base.verifier).__name__} to sentences"
    if not base.expert(base.taskset[0]):
        yield "- a reference solution: put one in the private part of each task, or in the rows of the sample"
    card = _card(env_id)
    if card is None:
        yield f"- a card: set card = Card(family=..., answer_format=..., licence=..., ...) in {where}"
        return
    for field in fields(card):
        if getattr(card, field.name) == "":
            yield f"- {field.name}: write it in card = Card(...) of {where}"
    if isinstance(base, ProceduralEnv) and (card.distinct is None or not card.levels):
        yield f"- distinct and levels: write them in card = Card(...) of {where}"
    if base.max_turns > 1 and card.told == ONE_TURN:
        yield f"- told: episodes have several turns; say in card = Card(...) of {where} what a policy is told"
    if any(knob.name == "path" for knob in known) and card.data == NO_DATA:
        yield f"- data: it takes path=; name the columns in card = Card(...) of {where}"


def _made(env_id: str) -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make(f"rlvr_gym:{env_id}", **sample_settings(env_id))
    return env


def _card(env_id: str) -> Card | None:
    """The card of the very class that is registered, since that of a base says what is true of the base."""
    entry = entry_point(env_id)
    made = entry if isinstance(entry, type) else next(iter(lineage(entry)[1:]), entry)
    card: Card | None = vars(made).get("card")
    return card


def _summary(env_id: str) -> str:
    return " ".join((inspect.getdoc(entry_point(env_id)) or "").split("\n\n")[0].split())


def _settings(settings: Mapping[str, Any]) -> str:
    """Keywords as they are written, the folder of a path left out."""
    shown = {key: Path(value).name if key == "path" else value for key, value in settings.items()}
    return "".join(f", {key}={json.dumps(value)}" for key, value in shown.items())


def _right(env: gym.Env[str, str]) -> Played:
    played = play(env, solution, seed=SEED)
    if played.verdict is None or not played.verdict.passed:
        raise CardError(f"the reference solution of the task of seed {SEED} does not pass")
    return played


def _wrong(env: gym.Env[str, str]) -> Played:
    """The task of the same seed with the first reference solution of another task that does not pass."""
    base = text_env(env)
    for index in range(min(len(base.taskset), _TRIED)):
        answers = base.expert(base.taskset.task(index))
        played = play(env, _Always(answers[-1] if answers else ""), seed=SEED)
        if played.verdict is not None and not played.verdict.passed:
            return played
    raise CardError(f"the solutions of {_TRIED} other tasks all pass in the task of seed {SEED}")


@dataclass(frozen=True)
class _Always:
    """The policy that says one thing."""

    response: str

    def __call__(self, env: gym.Env[str, str], seen: str, rng: TaskRandom, turn: int) -> str:
        return self.response
