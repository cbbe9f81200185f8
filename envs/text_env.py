"""`TextEnv`: a Gymnasium environment whose observations and actions are text.

Text in, text out, no tokens, synchronous, deterministic. A single-turn family needs only a task set and a verifier; a
multi-turn family overrides `transition` (what an action does) and `anchor_state` (what the hidden state is).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import gymnasium as gym
from gymnasium.error import ResetNeeded
from rlvr_gym.envs.spaces import UnicodeText
from rlvr_gym.envs.task import Task, TaskNotFoundError, TaskSet, check_int, check_text, content_hash
from rlvr_gym.reward_shaping import make_reward
from rlvr_gym.verifiers import ConfigError, RlvrError, Verdict, Verifier
from rlvr_gym.verifiers.errors import shown, suggestion

Info = dict[str, Any]

_OPTIONS = ("task", "task_id", "task_index")


class EpisodeOverError(RlvrError, ResetNeeded):
    """`step` was called before `reset`, or after the episode ended."""


class TextAction(str):
    """An action that also carries how the policy's generation ended.

    Args:
        text: The response.
        finish_reason: `"stop"`, `"length"` or whatever the policy reports; None where unknown.
        tool_calls: Parsed tool calls, JSON objects.

    Example:
        >>> action = TextAction("#### 7", finish_reason="length")
        >>> action == "#### 7", action.finish_reason
        (True, 'length')
    """

    finish_reason: str | None
    tool_calls: tuple[Mapping[str, Any], ...]

    def __new__(
        cls, text: str, *, finish_reason: str | None = None, tool_calls: tuple[Mapping[str, Any], ...] = ()
    ) -> Self:
        """See the class."""
        action = super().__new__(cls, text)
        action.finish_reason = finish_reason
        action.tool_calls = tool_calls
        return action


@dataclass(frozen=True, slots=True)
class Transition:
    """What an action did.

    Args:
        observation: The environment's next text; empty where the episode ends.
        verdict: The judgement, once there is one; it ends the episode.
        reward_terms: Rewards of this turn apart from the verdict's.
    """

    observation: str = ""
    verdict: Verdict | None = None
    reward_terms: Mapping[str, float] = field(default_factory=dict)


class TextEnv(gym.Env[str, str]):
    """One task an episode, judged by a verifier.

    **Reset.** `reset(seed=, options=)`: the same seed gives the same task, so a GRPO group is G environments reset
    with one seed. Options (at most one): `task_index`, `task_id`, or `task` (a `Task`).

    **Step.** A verdict ends the episode with `terminated`; `max_turns` and ungradable failures (ours, not the
    policy's) end it with `truncated`; never both.

    **Info** is JSON, deterministic, without clocks and None: `task_id`, `turn`, `messages` (this turn's delta in chat
    format), `anchor`; at reset also `tools` and `difficulty`; at a step also `reward_terms` (their sum is the reward);
    at the end `stop_reason` (`"answered"`, `"max_turns"`, `"ungradable"`), `verdict`, and `passed` where it was
    gradable.

    Args:
        taskset: Where tasks come from.
        verifier: Who judges.
        reward: Name of the reward function, `"outcome"` or `"dense"`.
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

    def __init__(
        self,
        taskset: TaskSet,
        verifier: Verifier,
        *,
        reward: str = "outcome",
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
        self.observation_space = UnicodeText()
        self.action_space = UnicodeText()
        self._reward = make_reward(check_text("reward", reward))
        self._task: Task | None = None
        self._turn = 0
        self._over = True
        self._transcript: list[dict[str, str]] = []

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
        super().reset(seed=seed)
        self._task = task = self._choose(options)
        self._turn, self._over = 0, False
        observation = self.begin(task)
        messages = [{"role": "user", "content": observation}]
        self._transcript = [dict(message) for message in messages]
        return observation, {
            "task_id": task.id,
            "turn": 0,
            "messages": messages,
            "anchor": self._anchor(task),
            "tools": [_copied(tool) for tool in task.tools],
            "difficulty": _copied(task.difficulty),
        }

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
        action = _plain(action)
        self._turn += 1
        outcome = self.transition(action)
        messages = [{"role": "assistant", "content": str(action)}]
        if outcome.observation:
            messages.append({"role": "user", "content": outcome.observation})
        self._transcript += [dict(message) for message in messages]
        terms = dict(outcome.reward_terms)
        info: Info = {"turn": self._turn, "messages": messages, "reward_terms": terms}
        verdict = outcome.verdict
        terminated = truncated = False
        if verdict is not None:
            terms.update(self._reward(verdict))
            info["verdict"] = verdict.to_dict()
            if verdict.gradable:
                terminated = True
                info["passed"] = verdict.passed
                info["stop_reason"] = "answered"
            else:
                truncated = True
                info["stop_reason"] = "ungradable"
        elif self._turn >= self.max_turns:
            truncated = True
            info["stop_reason"] = "max_turns"
        self._over = terminated or truncated
        task = self.task
        info["task_id"], info["anchor"] = task.id, self._anchor(task)
        return outcome.observation, float(sum(terms.values())), terminated, truncated, info

    def begin(self, task: Task) -> str:
        """Set up the hidden state of a new episode and give the first observation; by default the task's prompt."""
        return task.prompt

    def transition(self, action: str) -> Transition:
        """What an action does; by default it is the answer and is judged."""
        context = {"prompt": self.task.prompt}
        return Transition(verdict=self.verifier.verify(str(action), self.task.reference, context=context))

    def anchor_state(self) -> Any:
        """The hidden state as JSON, without the turn counter; None where the task is all there is."""
        return None

    def render(self) -> str | None:
        """The transcript so far, where `render_mode="ansi"`; nothing private is in it."""
        if self.render_mode is None:
            return None
        return "\n".join(f"[{message['role']}] {message['content']}" for message in self._transcript)

    def _choose(self, options: dict[str, Any] | None) -> Task:
        if options is not None and not isinstance(options, dict):
            raise ConfigError(f"reset takes options as a dict, got {shown(options)}")
        if not options:
            return self.taskset.task(int(self.np_random.random() * len(self.taskset)))
        for key in options:
            if key not in _OPTIONS:
                raise ConfigError(f"reset has no option {key!r}{suggestion(str(key), _OPTIONS)}")
        if len(options) > 1:
            raise ConfigError(f"reset takes one of {', '.join(_OPTIONS)}; got {', '.join(sorted(options))}")
        if "task" in options:
            if not isinstance(options["task"], Task):
                raise ConfigError(f"option 'task' must be a Task, got {type(options['task']).__name__}")
            return options["task"]
        if "task_id" in options:
            return self.taskset.find(check_text("task_id", options["task_id"]))
        index = options["task_index"]
        if isinstance(index, bool) or not isinstance(index, int):
            raise TaskNotFoundError(f"task_index must be an integer, got {index!r}")
        return self.taskset[index]

    def _anchor(self, task: Task) -> str:
        state = self.anchor_state()
        return task.id if state is None else content_hash([task.id, state])


def _plain(action: str) -> str:
    """The action as a plain text: a subclass of `str` could answer every question about itself with a lie."""
    if type(action) is str or type(action) is TextAction:
        return action
    text = str.__str__(action)
    if isinstance(action, TextAction):
        return TextAction(text, finish_reason=action.finish_reason, tool_calls=action.tool_calls)
    return text


def _copied(value: Any) -> Any:
    """A copy of a JSON value, so that whoever changes an info does not change the task that others share."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value
