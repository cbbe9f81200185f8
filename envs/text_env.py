"""`TextEnv`: a Gymnasium environment whose observations and actions are text.

Text in, text out, no tokens, synchronous, deterministic. A single-turn family needs only a task set and a verifier; a
multi-turn family overrides `transition` (what an action does) and `get_state` and `set_state` (the hidden state).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, ClassVar, Self

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from rlvr_gym.envs.action import Transition, from_record, plain, shown_content, to_record
from rlvr_gym.envs.card import Card
from rlvr_gym.envs.snapshot import Snapshot, SnapshotError, load_rng, other_rng, save_rng
from rlvr_gym.envs.spaces import UnicodeText, own
from rlvr_gym.envs.task import Task, TaskNotFoundError, TaskSet, check_int, check_text, content_hash, copied
from rlvr_gym.reward_shaping import NO_CONTEXT, Judged, Reward
from rlvr_gym.reward_shaping.contexts import FIRST, IN_AN_ENVIRONMENT, context_of, reward_told
from rlvr_gym.verifiers import ConfigError, RlvrError, Verdict, Verifier
from rlvr_gym.verifiers.errors import shown, suggestion

Info = dict[str, Any]

_OPTIONS = ("snapshot", "task", "task_id", "task_index")


class EpisodeOverError(RlvrError, ResetNeeded):
    """`step` was called before `reset`, or after the episode ended."""


class TextEnv(gym.Env[str, str]):
    """One task an episode, judged by a verifier.

    **Reset.** `reset(seed=, options=)`: the same seed gives the same task, so a GRPO group is G environments reset
    with one seed. Options (at most one): `task_index`, `task_id`, `task` (a `Task`), or `snapshot` (a `Snapshot` or its
    dict: the episode goes on from there; wrappers begin anew, which `rlvr_gym.envs.restore` spares them).

    **Step.** A verdict ends the episode with `terminated`; `max_turns` and ungradable failures (ours, not the
    policy's) end it with `truncated`; never both.

    **Info** is JSON, deterministic, without clocks and None: `task_id`, `turn`, `messages` (this turn's delta in chat
    format), `anchor`; at reset also `tools` and `difficulty`; at a step also `reward_terms` (their sum is the reward);
    at the end `stop_reason` (`"answered"`, `"max_turns"`, `"ungradable"`), `verdict` with `verdict_terms` (which of
    the terms it was paid by), and `passed` where it was gradable.

    **State.** Task, turn, transcript and random numbers are kept here; a family with more hidden state gives it by
    `get_state` and takes it by `set_state`. One that overrides `transition` and not these is restored by replaying its
    actions, which is right for whatever is deterministic and as slow as the episode was.

    Args:
        taskset: Where tasks come from.
        verifier: Who judges.
        reward: A spec (see `rlvr_gym.reward_shaping.make_reward`). It is not told tokens: they are not counted here.
        max_turns: Steps after which an undecided episode is truncated.
        render_mode: None or `"ansi"` (a transcript as text).

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> from rlvr_gym.envs import ListTaskSet, Task
        >>> from rlvr_gym.verifiers import make_verifier
        >>> env = TextEnv(ListTaskSet([Task.create("What is 2 + 2?", {"reference": 4})]), make_verifier("number@1"))
        >>> obs, info = env.reset(seed=0)
        >>> obs, reward, terminated, truncated, info = env.step("#### 4")
        >>> reward, terminated, truncated, info["passed"], info["reward_terms"]
        (1.0, True, False, True, {'outcome': 1.0})
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"], "render_fps": 1}  # type: ignore[misc]
    card: ClassVar[Card | None] = None
    tells: ClassVar[frozenset[str]] = IN_AN_ENVIRONMENT  # what a reward may read; see `Reward.needs`

    def __init__(
        self,
        taskset: TaskSet,
        verifier: Verifier,
        *,
        reward: str | Mapping[str, Any] | Reward = "outcome",
        max_turns: int = 1,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise ConfigError(f"render_mode must be None or 'ansi', got {shown(render_mode)}")
        if len(taskset) == 0:
            raise ConfigError("the task set is empty: an environment needs at least one task")
        self.taskset = taskset
        self.verifier = verifier
        self.max_turns = check_int("max_turns", max_turns, 1, None)
        self.render_mode = render_mode
        self.observation_space, self.action_space = UnicodeText(), UnicodeText()
        self._reward = reward_told(reward, self.tells, "this environment")
        self._task: Task | None = None
        self._index: int | None = None
        self._turn, self._over, self.earlier = 0, True, FIRST  # `earlier`: of whoever lets the policy try again
        self._transcript: list[dict[str, Any]] = []
        self._actions: list[str] = []
        self._first_rng: list[Any] | None = None  # before `begin`, where a restore means a replay
        self._branches = 0
        self._saved_rng: list[Any] | None = None  # of a generator that nobody has asked for since a restore

    @property
    def task(self) -> Task:
        """The current task. It carries the gold: for learners and tests, never for a policy.

        Raises:
            EpisodeOverError: Before the first reset.
        """
        if self._task is None:
            raise EpisodeOverError("there is no task before the first reset(); call reset() first")
        return self._task

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Begin an episode; see the class.

        Raises:
            ConfigError: Unknown or conflicting options.
            TaskNotFoundError: The index or id does not exist.
        """
        if isinstance(options, dict) and "snapshot" in options:
            _check_options(options)
            began = self.load(options["snapshot"])
            self._seed(seed)
            return began
        self._seed(seed)
        self._task, self._index = self._choose(options)
        self._start()
        return self._transcript[0]["content"], self._situation()

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Play one turn; see the class.

        Raises:
            EpisodeOverError: The episode is over or was never begun.
            TypeError: The action is not a string.
        """
        if self._over:
            raise EpisodeOverError("the episode is over or was never begun: call reset() before step()")
        if not isinstance(action, str):
            raise TypeError(f"an action is a str, got {type(action).__name__}: {shown(action)}")
        action = plain(action)
        self._turn += 1
        self._actions.append(action)
        outcome = self.transition(action)
        messages = outcome.conversation(action)
        self._transcript += outcome.conversation(action)
        terms = dict(outcome.reward_terms)
        info: Info = {**outcome.info, "turn": self._turn, "messages": messages, "reward_terms": terms}
        verdict = outcome.verdict
        terminated = truncated = False
        if verdict is not None:
            paid = self.priced(verdict, action, info)
            terms.update(paid)
            info["verdict"], info["verdict_terms"] = verdict.to_dict(), [*paid]
            terminated, truncated = verdict.gradable, not verdict.gradable
            if terminated:
                info["passed"] = verdict.passed
            info["stop_reason"] = "answered" if terminated else "ungradable"
        elif self._turn >= self.max_turns:
            truncated = True
            info["stop_reason"] = "max_turns"
        self._over = terminated or truncated
        info["task_id"], info["anchor"] = self.task.id, self._anchor(self.task)
        return outcome.observation, float(sum(terms.values())), terminated, truncated, info

    def priced(self, verdict: Verdict, action: str, info: Info) -> dict[str, float]:
        """The terms that the reward gives a verdict on a step here; also for wrappers that judge by themselves."""
        reads = self._reward.reads_context
        context = context_of(verdict, info, action, self.earlier, self.task.id) if reads else NO_CONTEXT
        return self._reward.terms(Judged(verdict, context))

    def begin(self, task: Task) -> str:
        """Set up the hidden state of a new episode and give the first observation; by default the task's prompt."""
        return task.prompt

    def transition(self, action: str) -> Transition:
        """What an action does; by default it is the answer and is judged."""
        context = {"prompt": self.task.prompt}
        return Transition(verdict=self.verifier.verify(str(action), self.task.reference, context=context))

    def offered(self, task: Task) -> list[Any]:
        """Tools that a chat template or a server is to be given, as JSON; by default those of the task."""
        return [copied(tool) for tool in task.tools]

    def expert(self, task: Task) -> list[str]:
        """Responses that solve the task, one a turn; empty where none are known. Never for a policy."""
        return [task.solution] if task.solution is not None else list(task.private.get("expert", ()))

    def asked(self) -> str:
        """The last observation, as the transcript has it; empty where the episode is over."""
        last = self._transcript[-1]
        return str(last["content"]) if last["role"] == "user" else ""

    def get_state(self) -> Any:
        """The hidden state as JSON, apart from task, turn, transcript and random numbers; None where that is all."""
        return None

    def set_state(self, state: Any) -> None:
        """Take a state that `get_state` gave, in this environment or another, whatever happened here before.

        The value belongs to this environment from now on.

        Raises:
            SnapshotError: It is no such state.
        """
        if state is not None:
            raise SnapshotError(f"{type(self).__name__} has no hidden state, got {shown(state)}")

    def anchor_state(self) -> Any:
        """What makes two moments of a task the same to act in, as JSON: by default the hidden state."""
        return self.get_state()

    def render(self) -> str | None:
        """The transcript so far, where `render_mode="ansi"`; nothing private is in it."""
        if self.render_mode is None:
            return None
        return "\n".join(f"[{message['role']}] {shown_content(message)}" for message in self._transcript)

    @property
    def np_random(self) -> np.random.Generator:
        """The generator of everything random here. After a restore it is built when first asked for."""
        if self._saved_rng is not None:
            self._np_random, self._np_random_seed = load_rng(self._saved_rng), -1
            self._saved_rng = None
        return super().np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random, self._np_random_seed, self._saved_rng = value, -1, None

    def save(self) -> Snapshot:
        """This moment. For a wrapped environment use `rlvr_gym.envs.snapshot`, which calls this.

        Raises:
            EpisodeOverError: Before the first reset.
        """
        task = self.task
        where = {"task": task.to_dict()} if self._index is None else {"index": self._index}
        replays = self._replays()
        return Snapshot(
            env=f"{type(self).__module__}:{type(self).__qualname__}",
            task={"id": task.id, **where},
            turn=self._turn,
            over=self._over,
            rng=self.rng_state(),
            transcript=copied(self._transcript),
            state=None if replays else copied(self.get_state()),
            replay={"rng": self._first_rng, "actions": list(map(to_record, self._actions))} if replays else None,
            digest=self._digest(),
        )

    def load(self, saved: Snapshot | Mapping[str, Any]) -> tuple[str, Info]:
        """Go on from a moment; see `reset` for what is returned. The messages are those of the whole episode so far.

        Raises:
            SnapshotError: It is of another environment, of a task that this one lacks, or a replay took another way.
        """
        saved = saved if isinstance(saved, Snapshot) else Snapshot.from_dict(saved)
        self._over, self.earlier = True, FIRST  # if anything below fails, there is no episode
        self._task, self._index = self._find(saved)
        if self._replays() is not (saved.replay is not None):
            raise SnapshotError(f"{type(self).__name__} now keeps its state in another way: the snapshot is too old")
        if saved.replay is not None:
            self._replay(saved.replay, saved.transcript)
        else:
            self.set_state(copied(saved.state))
        self._turn, self._transcript = saved.turn, copied(saved.transcript)
        self.np_random = load_rng(saved.rng)
        self._over = saved.over
        if (digest := self._digest()) != saved.digest:
            self._over = True
            raise SnapshotError(f"the restored state has the digest {digest}, that of the snapshot is {saved.digest}")
        return self.asked(), self._situation()

    def rng_state(self) -> list[Any]:
        """The state of the random generator as JSON."""
        return save_rng(self.np_random) if self._saved_rng is None else list(self._saved_rng)

    def branch_rng(self) -> list[Any]:
        """The state of a generator independent of this one's, another at every call; this one stays as it is."""
        self._branches += 1
        return other_rng(self.rng_state(), self._branches)

    def copy(self, rng: list[Any]) -> Self:
        """Another environment at the same moment, which shares nothing with this one that changes.

        For a wrapped environment use `rlvr_gym.envs.fork`, which calls this.

        Args:
            rng: State of its random generator.
        """
        there = copy.copy(self)
        there.observation_space, there.action_space = (
            own(space) for space in (self.observation_space, self.action_space)
        )
        there._actions, there._transcript = list(self._actions), list(self._transcript)
        if self._task is not None:
            if self._replays():
                there._replay({"rng": self._first_rng, "actions": map(to_record, self._actions)}, self._transcript)
                there._over = self._over
            else:
                there.set_state(copied(self.get_state()))
        there._np_random, there._saved_rng = None, list(rng)
        return there

    @classmethod
    def _replays(cls) -> bool:
        return cls.get_state is TextEnv.get_state and cls.transition is not TextEnv.transition

    def _seed(self, seed: int | None) -> None:
        if seed is not None:
            super().reset(seed=seed)
            self._saved_rng = None

    def _start(self) -> None:
        """Begin the chosen task."""
        if self._replays():
            self._first_rng = self.rng_state()
        self._turn, self._over, self.earlier = 0, False, FIRST
        self._transcript, self._actions = [{"role": "user", "content": self.begin(self.task)}], []

    def _situation(self) -> Info:
        """The info of an episode that begins or goes on here."""
        task = self.task
        return {
            "task_id": task.id,
            "turn": self._turn,
            "messages": copied(self._transcript),
            "anchor": self._anchor(task),
            "tools": self.offered(task),
            "difficulty": copied(task.difficulty),
        }

    def _replay(self, record: Mapping[str, Any], transcript: Sequence[Mapping[str, Any]]) -> None:
        """Live the episode again, and refuse one that goes another way."""
        self._np_random, self._saved_rng = None, list(record["rng"])
        self._start()
        for action in record["actions"]:
            if not self._over:
                self.step(from_record(action))
        for number, (here, there) in enumerate(zip_longest(self._transcript, transcript)):
            if here != there:
                self._over = True
                raise SnapshotError(f"the replay diverged at message {number}: {shown(here)} instead of {shown(there)}")

    def _find(self, saved: Snapshot) -> tuple[Task, int | None]:
        own = f"{type(self).__module__}:{type(self).__qualname__}"
        if saved.env != own:
            raise SnapshotError(f"a snapshot of {saved.env} cannot be restored in {own}")
        if "task" in saved.task:
            return Task.from_dict(saved.task["task"]), None
        task_id, index = saved.task.get("id"), saved.task.get("index")
        if type(index) is int and 0 <= index < len(self.taskset) and self.taskset.task(index).id == task_id:
            return self.taskset.task(index), index
        raise SnapshotError(
            f"this environment has another task than {shown(task_id)} at index {shown(index)}: make it with the "
            "settings and the data of the one that was saved"
        )

    def _digest(self) -> str:
        return content_hash([self._turn, self._over, self._anchor(self.task), self._transcript])

    def _choose(self, options: dict[str, Any] | None) -> tuple[Task, int | None]:
        if not options:
            if options is not None and not isinstance(options, dict):
                raise ConfigError(f"reset takes options as a dict, got {shown(options)}")
            index = int(self.np_random.random() * len(self.taskset))
            return self.taskset.task(index), index
        _check_options(options)
        if "task" in options:
            if not isinstance(options["task"], Task):
                raise ConfigError(f"option 'task' must be a Task, got {type(options['task']).__name__}")
            return options["task"], None
        if "task_id" in options:
            index = self.taskset.index(check_text("task_id", options["task_id"]))
            return self.taskset.task(index), index
        index = options["task_index"]
        if isinstance(index, bool) or not isinstance(index, int):
            raise TaskNotFoundError(f"task_index must be an integer, got {index!r}")
        task = self.taskset[index]
        return task, index % len(self.taskset)

    def _anchor(self, task: Task) -> str:
        state = self.anchor_state()
        return task.id if state is None else content_hash([task.id, state])


def _check_options(options: Any) -> None:
    if not isinstance(options, dict):
        raise ConfigError(f"reset takes options as a dict, got {shown(options)}")
    for key in options:
        if key not in _OPTIONS:
            raise ConfigError(f"reset has no option {key!r}{suggestion(str(key), _OPTIONS)}")
    if len(options) > 1:
        raise ConfigError(f"reset takes one of {', '.join(_OPTIONS)}; got {', '.join(sorted(options))}")
