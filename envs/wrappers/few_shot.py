"""`FewShot`: examples before the prompt: other tasks with their solutions, or messages that you give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.action import shown_content
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.task import Task, check_int, content_hash, copied
from rlvr_gym.envs.text_env import Info, TextEnv
from rlvr_gym.envs.wrappers.base import Message, Options, TextWrapper, any_text, beginning
from rlvr_gym.envs.wrappers.many import spec_of, text_env_of
from rlvr_gym.envs.wrappers.opening import Opening, check_form
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

_DRAWS_A_SHOT = 1000


class FewShot(TextWrapper):
    """Examples in front of the prompt, the same ones whenever the same task comes.

    They are tasks of the environment's own task set with their reference solutions, and never the current task. To
    measure on a split without telling solutions of it, take them from elsewhere: with `tasks_of`, from another
    environment, such as the same one with `split="train"`; with `indices`, from tasks that are not measured; or give
    `messages` yourself.

    Args:
        env: The environment.
        shots: How many.
        indices: Draw them from these places of the task set.
        tasks_of: Draw them from the task set of `{"id": ..., "settings": {...}}`.
        messages: Instead of tasks: what stands before the prompt, in chat format, ending with the policy's role.
        seed: Another one, other examples.
        form: `"chat"`: messages of both roles before the prompt. `"text"`: in front of the prompt, in its message and
            in the observation.

    Raises:
        ConfigError: A setting is refused; there are too few tasks with a solution (at reset).

    Example:
        >>> train = {"id": "rlvr/Arithmetic-v0", "settings": {"style": "compact", "split": "train"}}
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", split="test")
        >>> env = FewShot(env, shots=2, tasks_of=train, form="text")
        >>> print(env.reset(seed=0)[0])
        47+81=
        128
        <BLANKLINE>
        31+49=
        80
        <BLANKLINE>
        34+97=
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        shots: int = 3,
        indices: Sequence[int] | None = None,
        tasks_of: Mapping[str, Any] | None = None,
        messages: Sequence[Message] | None = None,
        seed: int = 0,
        form: str = "chat",
    ) -> None:
        settings = {"shots": shots, "indices": indices, "tasks_of": tasks_of, "messages": messages}
        super().__init__(env, **settings, seed=seed, form=form)
        self._shots = check_int("shots", shots, 0, 1000)
        self._seed = check_int("seed", seed, 0, None)
        self._form = check_form(form)
        if sum(source is not None for source in (indices, tasks_of, messages)) > 1:
            raise ConfigError("give at most one of indices, tasks_of and messages")
        self._indices = None if indices is None else tuple(check_int("an index", one, 0, None) for one in indices)
        self._messages = None if messages is None else _checked(messages)
        self._source = None if tasks_of is None else _source(tasks_of)
        self._opening: Opening | None = None
        if form == "text":
            any_text(self)

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._opening = None
        observation, info = self.env.reset(seed=seed, options=options)
        examples = self._examples(observation, info)
        if self._form == "text":
            head = "".join(f"{shown_content(message)}{_GAP.get(message['role'], _GAP['user'])}" for message in examples)
            self._opening = Opening.of(beginning(observation, info), head=head)
        else:
            self._opening = Opening.of(beginning(observation, info), examples)
        return self._opening.seen(observation, info)

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return None if self._opening is None else self._opening.to_state()

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        self._opening = Opening.from_state(self, state)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        return (observation, info) if self._opening is None else self._opening.seen(observation, info)

    def _examples(self, observation: str, info: Info) -> Sequence[Message]:
        if self._messages is not None:
            return self._messages
        inside = text_env_of(self.env)
        source = self._source or inside
        if source is None:
            raise ConfigError("this environment has no task set to take examples from: give tasks_of= or messages=")
        current = Task("", observation, {}) if inside is None else inside.task
        if self._source is not None:
            current = Task("", current.prompt, {})
        demo = source.copy(source.rng_state())
        shown: list[Message] = []
        for task in drawn(demo, self._indices, current, self._shots, self._seed):
            shown += _example(demo, task)
        return shown


_GAP = {"system": "\n\n", "user": "\n", "assistant": "\n\n"}


def _example(demo: TextEnv, task: Task) -> list[Message]:
    """A task with its solution; where that takes several turns, the episode of the expert."""
    moves = _moves(demo, task)
    if len(moves) == 1:
        return [{"role": "user", "content": task.prompt}, {"role": "assistant", "content": str(moves[0])}]
    said = [demo.reset(options={"task": task})[1]["messages"], *(demo.step(move)[4]["messages"] for move in moves)]
    return [message for messages in said for message in messages]


def _moves(demo: TextEnv, task: Task) -> list[str]:
    """What an expert says; it is asked within the task, whose tools it may need."""
    demo.reset(options={"task": task})
    return demo.expert(task)


def drawn(demo: TextEnv, indices: Sequence[int] | None, current: Task, shots: int, seed: int) -> list[Task]:
    """Different tasks with a solution, none of which is the current one: a function of the arguments.

    Args:
        demo: Where from.
        indices: Which of them; None for all.
        current: What is not drawn, nor any other task of its prompt and its reference. Without an id it is of another
            task set, where references may be written in another way: then its prompt is enough.
        shots: How many.
        seed: Another one, another draw.

    Raises:
        ConfigError: There are too few.
    """
    # Of the prompt alone: the id is a hash over the gold, and a draw that depends on it would tell of it.
    rng = TaskRandom(f"FewShot|{seed}|{content_hash(current.prompt)}".encode())
    tasks = demo.taskset
    size = len(tasks) if indices is None else len(indices)
    found: dict[str, Task] = {}
    for _ in range(_DRAWS_A_SHOT * shots if size else 0):
        if len(found) == shots:
            break
        place = rng.below(size)
        task = tasks[place if indices is None else indices[place]]
        if not _same(task, current) and (task.solution is not None or _moves(demo, task)):
            found.setdefault(task.id, task)
    if len(found) < shots:
        raise ConfigError(
            f"found {len(found)} of {shots} examples: too few other tasks with a solution among {size}; take fewer, or "
            "give messages="
        )
    return list(found.values())


def _same(task: Task, current: Task) -> bool:
    if task.id == current.id:
        return True
    return task.prompt == current.prompt and (not current.id or task.reference == current.reference)


def _source(tasks_of: Any) -> TextEnv:
    if not isinstance(tasks_of, Mapping) or not {"id"} <= tasks_of.keys() <= {"id", "settings"}:
        raise ConfigError(f'tasks_of is {{"id": "rlvr/...", "settings": {{...}}}}, got {shown(tasks_of)}')
    inside = text_env_of(gym.make(spec_of(tasks_of["id"], tasks_of.get("settings", {})), disable_env_checker=True))
    if inside is None:
        raise ConfigError(f"{tasks_of['id']} has no task set")
    return inside


def _checked(messages: Any) -> Sequence[Message]:
    good = isinstance(messages, list | tuple) and all(
        isinstance(message, Mapping)
        and message.keys() == {"role", "content"}
        and message["role"] in _GAP
        and isinstance(message["content"], str)
        and (message["role"] != "system" or place == 0)
        for place, message in enumerate(messages)
    )
    if not good or (messages and messages[-1]["role"] != "assistant"):
        raise ConfigError(
            "messages are dicts with 'role' (user or assistant, and system for the first) and 'content', the last one "
            f"an assistant's; got {shown(messages)}"
        )
    return [copied(message) for message in messages]
