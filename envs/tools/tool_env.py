"""`ToolEnv`: an environment in which a response is either calls of tools or the final answer.

A family says which toolkits an episode has (`equip`) and how they are set up for a task. The state of an episode is
the state of the toolkits and the log of calls; all of it is JSON, so an episode can be saved, forked and replayed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, TaskSet
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.envs.tools.formats import make_format
from rlvr_gym.envs.tools.formats.base import HOW_TO_ANSWER, CallFormat, Parsed
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Toolkit
from rlvr_gym.verifiers import ConfigError, Status, Verdict, Verifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import ungradable


class ToolEnv(TextEnv):
    """Use tools, then answer.

    **A response** is calls, in the format that was chosen, or the answer. Calls are carried out in order and their
    results are the next observation; a call that cannot be read or carried out costs a turn and is told why. The
    answer ends the episode and is judged; the verifier's context has `prompt`, `log` (each call with its result) and
    `state` (the public state of the toolkits).

    **Info** has besides, at every step, `tool_calls`: one row a call of this turn, `{"name", "error", "cost"}`; and at
    the end `tool_stats`: `{name: {"calls", "errors", "cost"}}`. The reward term `tools` is minus the cost of the turn's
    calls, where there is any.

    **Rendering.** With `"text"` the prompt tells of the tools and results are messages of the user: right for every
    policy. With `"template"` that is left to the chat template or the server of the model: `info["tools"]` is for it,
    results are messages of the role `tool`, and native calls stand in the policy's own message. Observations stay.

    **Failures.** A tool that breaks is our failure: the episode ends ungradable. What a caller does wrong is told.

    Args:
        taskset: Where tasks come from.
        verifier: Who judges.
        call_format: How calls are written; a name of `rlvr_gym.envs.tools.formats`.
        rendering: `"text"` or `"template"`; by default what the format is made for. `hermes` and `llama` know both,
            `openai` the second, and all others the first.
        max_turns: Responses, calls and answer together.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A setting is refused.
    """

    tells: ClassVar[frozenset[str]] = TextEnv.tells | {"tool_calls"}
    how_to_answer: ClassVar[str] = HOW_TO_ANSWER
    """What the prompt says of a response without calls."""

    def __init__(
        self,
        taskset: TaskSet,
        verifier: Verifier,
        *,
        call_format: str = "xml",
        rendering: str | None = None,
        max_turns: int = 10,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        super().__init__(taskset, verifier, reward=reward, max_turns=max_turns, render_mode=render_mode)
        self.call_format = make_format(call_format)
        self.rendering = _checked_rendering(self.call_format, rendering)
        self._toolbox = Toolbox({})
        self._told = ""

    @abstractmethod
    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """The toolkits of a new episode, by name, set up for the task."""

    @property
    def toolbox(self) -> Toolbox:
        """The tools of this episode. What they hold may be private: for learners and tests, never for a policy."""
        return self._toolbox

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._toolbox, self._told = Toolbox(self.equip(task)), ""
        tools = list(self._toolbox.tools.values())
        told = self.call_format.instructions(tools if self.rendering == "text" else [])
        told = told.replace(HOW_TO_ANSWER, self.how_to_answer)
        return f"{task.prompt}\n\n{told}" if told else task.prompt

    def offered(self, task: Task) -> list[Any]:
        """The tools, where the prompt does not tell of them."""
        return [] if self.rendering == "text" else [tool.to_json() for tool in self._toolbox.tools.values()]

    def asked(self) -> str:
        """See `TextEnv.asked`."""
        return self._told if self._transcript[-1]["role"] == "tool" else super().asked()

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        parsed = self.call_format.parse(action, list(self._toolbox.tools.values()))
        if parsed.answer or not (parsed.calls or parsed.fault):
            return self._answered(parsed)
        if parsed.fault:
            messages = self.call_format.fault_messages(parsed.fault, action)
            results = [ToolResult("", parsed.fault, "malformed")]
            return self._going_on(self.call_format.fault(parsed.fault), results, self._turned(action, messages))
        results = [self._toolbox.call(call) for call in parsed.calls]
        if broken := next((result for result in results if result.error == "broken"), None):
            why = f"{broken.name}: {broken.text}"
            verdict = ungradable(Status.SANDBOX_ERROR, "tool_broke", why, self.verifier.id)
            return Transition(
                verdict=verdict, info={"tool_calls": _rows(results), "tool_stats": self._toolbox.statistics()}
            )
        messages = self.call_format.result_messages(results, action)
        return self._going_on(self.call_format.results(results), results, self._turned(action, messages))

    def write_call(self, name: str, /, **arguments: Any) -> str:
        """A call as a policy writes it here: for `expert`, after a reset.

        Args:
            name: Of the tool.
            **arguments: Of the call.

        Raises:
            ConfigError: The call format cannot write it.
        """
        return self.call_format.write([ToolCall(name, arguments)], list(self._toolbox.tools.values()))

    def judged(self, answer: str) -> Verdict:
        """The verdict on the final answer; families that look at more than the text override it."""
        context = {"prompt": self.task.prompt, "log": self._toolbox.record(), "state": self._toolbox.public_state()}
        return self.verifier.verify(answer, self.task.reference, context=context)

    def get_state(self) -> Any:
        """Toolkits, log, and what was last told."""
        return {"toolbox": self._toolbox.get_state(), "told": self._told}

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        if not isinstance(state, Mapping) or state.keys() != {"toolbox", "told"}:
            raise SnapshotError(f"expected the state of a toolbox, got {shown(state)}")
        self._toolbox, self._told = Toolbox(self.equip(self.task)), state["told"]
        self._toolbox.set_state(state["toolbox"])

    def anchor_state(self) -> Any:
        """Where the policy stands: the world, and what it was last told; None before the first call."""
        return [self._toolbox.public_state(), self._told] if self._told else None

    def _answered(self, parsed: Parsed) -> Transition:
        return Transition(
            verdict=self.judged(parsed.answer), info={"tool_calls": [], "tool_stats": self._toolbox.statistics()}
        )

    def _turned(self, action: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The turn in chat format, where a template renders it."""
        return [self.call_format.message(action), *messages] if self.rendering == "template" else []

    def _going_on(self, told: str, results: list[ToolResult], messages: Sequence[Mapping[str, Any]] = ()) -> Transition:
        self._told = told
        cost = sum(result.cost for result in results)
        info: dict[str, Any] = {"tool_calls": _rows(results)}
        if self._turn >= self.max_turns:
            info["tool_stats"] = self._toolbox.statistics()
        return Transition(told, reward_terms={"tools": -cost} if cost else {}, info=info, messages=messages)


def _rows(results: list[ToolResult]) -> list[dict[str, Any]]:
    return [{"name": result.name, "error": result.error, "cost": result.cost} for result in results]


def _checked_rendering(style: CallFormat, rendering: str | None) -> str:
    if rendering is None:
        return style.renderings[0]
    if rendering not in style.renderings:
        known = " or ".join(map(repr, style.renderings))
        raise ConfigError(f"the call format {style.name!r} has the rendering {known}, got {shown(rendering)}")
    return rendering
