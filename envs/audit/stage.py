"""The tasks of an audit, and a rehearsal with honest answers: what is declared how, what passes, what is paid.

Without it an audit of an environment in which nothing ever passes would find nothing and say that all is well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlvr_gym.envs.audit.attack import Carrier, Opening
from rlvr_gym.envs.audit.golds import (
    carriers_for,
    exact,
    is_code,
    names_of,
    own_carrier,
    right_of,
    wrong_answers,
    wrong_expressions,
)
from rlvr_gym.envs.audit.play import Episode, Scripted, play
from rlvr_gym.envs.audit.programs import program, stub
from rlvr_gym.envs.audit.subject import TextGymEnv
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.task import Task
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.verifiers import RlvrError

_DRAWS_A_TASK = 8
_MOST_OTHERS = 30


class AuditError(RlvrError, RuntimeError):
    """The target cannot be audited: right answers cannot be graded, or its observations are no texts."""


@dataclass(frozen=True, slots=True)
class Place:
    """One task.

    Args:
        seed: What the environment is reset with.
        task: Its id, or the seed as a text.
        opening: What attacks know of it.
        solution: A response that should pass; empty where none is known.
        carriers: The ways to declare an answer here.
        code: Answers are programs.
    """

    seed: int
    task: str
    opening: Opening
    solution: str = ""
    carriers: tuple[Carrier, ...] = ()
    code: bool = False

    def openings(self, name: str) -> Opening | None:
        """The opening with the declaration of this name; None where there is none here."""
        found = next((carrier for carrier in self.carriers if carrier.name == name), None)
        return None if found is None else replace(self.opening, carrier=found)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What honest answers did.

    Args:
        places: The tasks, with wrong answers that are wrong.
        carriers: Names of the ways to declare an answer that the target reads; all where that cannot be told.
        solved: On how many tasks a right answer passed; None where none is known.
    """

    places: tuple[Place, ...]
    carriers: tuple[str, ...]
    solved: int | None


def find_places(env: TextGymEnv, count: int, seed: int, code: bool) -> list[Place]:
    """Up to `count` different tasks, found by resetting with seeds drawn from `seed`.

    Raises:
        AuditError: The environment cannot be reset, or its observations are no texts.
    """
    found: dict[str, tuple[Place, Task | None]] = {}
    for draw in range(_DRAWS_A_TASK * count):
        if len(found) == count:
            break
        drawn = int.from_bytes(hashlib.blake2b(f"{seed}|{draw}".encode(), digest_size=4).digest()) >> 1
        prompt, info = _began(env, drawn)
        if not isinstance(prompt, str):
            raise AuditError(f"an observation must be a text, got {type(prompt).__name__}")
        base = env.unwrapped
        task = base.task if isinstance(base, TextEnv) else None
        name = str(info.get("task_id", drawn))
        if name not in found:
            place = _place(drawn, name, prompt, task, code)
            found[name] = replace(place, opening=_with_moves(place.opening, base)), task
    known = [(place, task) for place, task in found.values()]
    openings = [place.opening for place, _ in known]
    return [_with_wrongs(place, task, openings) for place, task in known]


def _began(env: TextGymEnv, seed: int) -> tuple[str, dict[str, Any]]:
    began = guarded(lambda: env.reset(seed=seed))
    if isinstance(began, Failure):
        raise AuditError(f"no episode can be begun: reset(seed={seed}) raises {began.error}")
    return began


def _place(seed: int, name: str, prompt: str, task: Task | None, code: bool) -> Place:
    code = code or (task is not None and is_code(task.reference))
    right = right_of(task) if task is not None else ""
    solution = (task.solution or "") if task is not None else ""
    opening = Opening(prompt, prompt, right=right, names=names_of(task, prompt), salt=name)
    return Place(seed, name, opening, solution, carriers_for(code, own_carrier(solution, right)), code)


def _with_moves(opening: Opening, env: Any) -> Opening:
    """With what an expert does where that is more than one response, and with the tools that there are."""
    moves = env.expert(env.task) if isinstance(env, TextEnv) else []
    if len(moves) > 1:
        opening = replace(opening, moves=tuple(moves))
    if not isinstance(env, ToolEnv):
        return opening
    tools = tuple(replace(tool, function=_never) for tool in env.toolbox.tools.values())
    return replace(opening, tools=tools, call_format=env.call_format.name)


def _never(**arguments: Any) -> str:
    raise TypeError("the tools of an opening are for writing calls, not for making them")


def _with_wrongs(place: Place, task: Task | None, openings: Sequence[Opening]) -> Place:
    opening = place.opening
    value = exact(opening.right)
    rights = dict.fromkeys(one.right for one in openings)
    others = [text for text in rights if text and text != opening.right]
    others = [text for text in others if value is None or exact(text) != value][:_MOST_OTHERS]
    if place.code:
        wrong = [stub(opening), program(opening, "def NAME(*args, **kwargs): return 0", guard="")]
    else:
        expressions = wrong_expressions(task.reference) if task is not None else []
        wrong = expressions or (wrong_answers(opening.right, others) if opening.right else [])
    moves = next((one.moves for one in openings if one.moves and one.moves != opening.moves), ())
    return replace(
        place, opening=replace(opening, wrong=tuple(wrong), others=tuple(others), foreign_moves=tuple(moves))
    )


def rehearse(env: TextGymEnv, places: Sequence[Place]) -> Rehearsal:
    """Play right and wrong answers.

    Raises:
        AuditError: A right answer raises or cannot be graded, and none passes.
    """
    accepted: dict[str, None] = {}
    solved = 0
    for place in places:
        played = list(_declared(env, place, [place.opening.right]))
        own = [name for name, episode in played if episode.passed]
        usual = [name for name in own if name != "solution"]
        accepted.update(dict.fromkeys(usual or own))
        if not own and (honest := place.opening.moves or tuple(filter(None, [place.solution]))):
            played.append(("", _played(env, place, *honest)))
        solved += any(episode.passed for _, episode in played)
        _check_graded(place, [episode for _, episode in played])
    known = any(place.opening.right or place.solution or place.opening.moves for place in places)
    names = tuple(accepted) or tuple(dict.fromkeys(c.name for place in places for c in place.carriers))
    checked = tuple(_without_right_wrongs(env, place, names) for place in places)
    return Rehearsal(checked, names, solved if known else None)


def honest_rewards(env: TextGymEnv, rehearsal: Rehearsal) -> list[float]:
    """For each task the most that a wrong answer is paid which is declared as it should be, and 0 at least."""
    paid = []
    for place in rehearsal.places:
        played = _declared(env, place, place.opening.wrong, rehearsal.carriers)
        paid.append(max([0.0, *(episode.reward for _, episode in played if not episode.passed)]))
    return paid


def _without_right_wrongs(env: TextGymEnv, place: Place, names: Sequence[str]) -> Place:
    wrong = [
        text
        for text in place.opening.wrong
        if not any(episode.passed for _, episode in _declared(env, place, [text], names))
    ]
    return replace(place, opening=replace(place.opening, wrong=tuple(wrong)))


def _declared(
    env: TextGymEnv, place: Place, answers: Sequence[str], names: Sequence[str] | None = None
) -> Iterator[tuple[str, Episode]]:
    for carrier in place.carriers:
        if names is None or carrier.name in names:
            for answer in filter(None, answers):
                yield carrier.name, _played(env, place, carrier.around(answer))


def _played(env: TextGymEnv, place: Place, *responses: str) -> Episode:
    return play(env, place.seed, Scripted(responses), place.opening) or Episode(responses[-1])


def _check_graded(place: Place, episodes: Sequence[Episode]) -> None:
    """Refuse to audit where no right answer passed and one of them could not be graded."""
    failed = next((episode for episode in episodes if episode.error or not episode.gradable), None)
    if failed is not None and not any(episode.passed for episode in episodes):
        why = failed.error or failed.note
        raise AuditError(f"a right answer to task {place.task} cannot be graded ({why}): mend this first")
