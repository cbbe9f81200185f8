"""An environment's episodes for a caller that knows tools and nothing of environments: what `rlvr mcp` serves.

Every call goes through `env.step`, so turns, budgets, costs and statistics are those of the environment. What is told
is what a policy would see, and in the end whether the answer passed; nothing private of a task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium as gym
from rlvr_gym.envs.action import TextAction
from rlvr_gym.envs.tool_world import ToolWorldEnv
from rlvr_gym.envs.tools.formats.openai import OpenAIFormat
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

ANSWER, SAY, NEXT = "rlvr_answer", "rlvr_say", "rlvr_next_task"
Row = dict[str, Any]

_TALKING = (ToolWorldEnv,)  # what is written without a call is said to somebody, who answers
_HOW = {
    ANSWER: f"Use the tools that you are offered. When you know the answer, give it with the tool {ANSWER}.",
    SAY: f"Use the tools that you are offered. Talk to the other side with the tool {SAY}.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a call gives.

    Args:
        text: The result, or what was wrong.
        error: Whether something was wrong.
    """

    text: str
    error: bool = False


class ServedFormat(OpenAIFormat):
    """Calls and results as they are; the prompt names the tool that takes the answer.

    Args:
        voice: `"rlvr_answer"` or `"rlvr_say"`.
    """

    name: ClassVar[str] = "served"

    def __init__(self, voice: str) -> None:
        self.voice = voice

    def instructions(self, tools: Sequence[Tool]) -> str:
        """See `CallFormat.instructions`."""
        return _HOW[self.voice]

    def results(self, results: Sequence[ToolResult]) -> str:
        """The outputs as they are."""
        return "\n".join(result.text for result in results)

    def fault(self, text: str) -> str:
        """What was wrong, as it is."""
        return text


class ServedEpisodes:
    """One episode after the other, of the tasks in their order.

    Args:
        env: An environment with tools.
        first: Index of the first task.
        record: Called with a row of JSON for each episode that ended, and for each that was left: see `close`.

    Raises:
        ConfigError: It is no environment with tools, or a tool of it has a name that is taken.

    Example:
        >>> from rlvr_gym.envs.tool_math import ToolMathEnv
        >>> episodes = ServedEpisodes(ToolMathEnv(steps=1, digits=2), 1)
        >>> episodes.prompt.splitlines()[0]
        'What is 98 * 67? Give the exact value: a whole number, a decimal, or a fraction such as 7/3.'
        >>> episodes.call("calculator", {"expression": "98 * 67"}), episodes.call("calculator", {})
        (Told(text='6566', error=False), Told(text="the argument 'expression' is missing", error=True))
        >>> episodes.call("rlvr_answer", {"answer": "6566"}).text
        'The episode is over: passed, score 1.'
    """

    def __init__(self, env: gym.Env[str, str], first: int = 0, record: Callable[[Row], None] | None = None) -> None:
        base = env.unwrapped
        if not isinstance(base, ToolEnv):
            raise ConfigError(f"only an environment with tools can be served, got {type(base).__name__}")
        self._env, self._base, self._index, self._record = env, base, first, record
        self.voice = SAY if isinstance(base, _TALKING) else ANSWER
        base.call_format, base.rendering = ServedFormat(self.voice), "template"
        self._begin()

    @property
    def tools(self) -> list[Tool]:
        """The tools of this episode."""
        return list(self._base.toolbox.tools.values())

    def call(self, name: str, arguments: Mapping[str, Any]) -> Told:
        """Call a tool of the episode, or one of those that every episode has besides."""
        if name == NEXT:
            return self._next()
        if self._over:
            return Told(f"the episode is over; call {NEXT} for another", error=True)
        if name == self.voice:
            return self._said(arguments)
        action = TextAction("", tool_calls=({"name": name, "arguments": dict(arguments)},))
        return self._step(action)

    def close(self) -> None:
        """Leave; an episode that has begun and is not over is recorded as `"left"`, so that no failure is hidden."""
        if not self._over and self._turns:
            self._finish({"stop_reason": "left"})
        self._env.close()

    def _begin(self) -> None:
        self.prompt, _ = self._env.reset(seed=0, options={"task_index": self._index})
        self._over, self._turns = False, 0
        for name in (self.voice, NEXT):
            if name in self._base.toolbox.tools:
                raise ConfigError(f"the environment has a tool named {name}, which is taken here")

    def _next(self) -> Told:
        if not self._over:
            self._finish({"stop_reason": "left"})
        self._index += 1
        self._begin()
        return Told(self.prompt)

    def _said(self, arguments: Mapping[str, Any]) -> Told:
        key = "message" if self.voice == SAY else "answer"
        text = arguments.get(key)
        if arguments.keys() != {key} or not isinstance(text, str):
            return Told(f"{self.voice} takes one text, {key!r}; got {shown(dict(arguments))}", error=True)
        plain = self.voice == SAY or "<answer>" in text
        return self._step(text if plain else self._base.call_format.write_answer(text))

    def _step(self, action: str) -> Told:
        observation, _, terminated, truncated, info = self._env.step(action)
        self._turns = info["turn"]
        wrong = any(row["error"] for row in info.get("tool_calls", ()))
        if terminated or truncated:
            self._finish(info)
            observation = "\n".join(filter(None, [observation, _ending(info)]))
        return Told(observation, error=wrong)

    def _finish(self, info: Mapping[str, Any]) -> None:
        self._over = True
        if self._record is not None:
            self._record(
                {
                    "task_id": self._base.task.id,
                    "stop_reason": info["stop_reason"],
                    "passed": info.get("passed", False),
                    "turns": self._turns,
                    "calls": self._base.toolbox.record(),
                    "tool_stats": self._base.toolbox.statistics(),
                    **({"verdict": info["verdict"]} if "verdict" in info else {}),
                }
            )


def _ending(info: Mapping[str, Any]) -> str:
    """How an episode ended, without a word of the reference."""
    verdict = info.get("verdict")
    if verdict is None:
        return f"The episode is over: {info['stop_reason']}, not passed."
    if "passed" not in info:
        return "The episode is over: a failure of ours, which does not count."
    return f"The episode is over: {'passed' if info['passed'] else 'not passed'}, score {verdict['score']:g}."
