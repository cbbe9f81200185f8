"""`CallFormat`: how calls are written by a policy, and how results are told.

A parser is total and strict: any text is calls, or an answer, or a fault that says what is wrong; there is no guessing.
Only what the policy itself writes as a call is one. Results are never read from its text: a response without calls that
imitates a result or the environment's turn is an answer like any other, and one that does so beside calls is a fault.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.envs.action import TextAction
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import after_reasoning
from rlvr_gym.verifiers.strict_json import Malformed, flaw_of

MAX_CALLS = 16

# What opens a turn in the chat templates of Qwen, Llama 3, Gemma, Mistral and DeepSeek. Their end marks are not here:
# a response may end with one.
TURNS = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "[INST]", "<｜User｜>", "<｜tool▁outputs▁begin｜>")
ANSWER = "<answer>"
HOW_TO_ANSWER = "When you know the answer, make no call and write <answer>your answer</answer>."

_CONTROL = re.compile(r"<(?=[|｜]|/?(?:s|bos|eos|start_of_turn|end_of_turn)>)|\[(?=/?(?:INST|TOOL_[A-Z]+)\])")
_ENTITIES = {"<": "&lt;", "[": "&#91;"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a response is: exactly one of the three; all are empty for an empty answer.

    Args:
        calls: The calls, in order; empty where it is no call.
        fault: What is wrong with a call; the policy is told. Empty where nothing is.
        answer: The final answer, where it is neither: the response as the verifier gets it.
    """

    calls: tuple[ToolCall, ...] = ()
    fault: str = ""
    answer: str = ""


class Reading(NamedTuple):
    """What a format found in a response.

    Args:
        calls: In order.
        outside: The text that stands in no call.
        answer: The final answer, where the format marks it in a way of its own; None for the response as it is.
    """

    calls: Sequence[ToolCall]
    outside: str = ""
    answer: str | None = None


class CallFormat(ABC):
    """One way to write calls. Formats have no state: one object serves any number of episodes.

    A format gives `read`, which finds calls in a text, and the three that write. What is the same everywhere is here:
    reasoning is left out, the number of calls is bounded, and what may not stand beside calls is a fault.
    """

    name: ClassVar[str]
    result_marks: ClassVar[tuple[str, ...]] = ()
    """What only the environment writes, in this format."""
    renderings: ClassVar[tuple[str, ...]] = ("text",)
    """Who may tell of tools and results, the default first: `"text"` and `"template"`; see `ToolEnv`."""

    @abstractmethod
    def instructions(self, tools: Sequence[Tool]) -> str:
        """What a policy is told about the tools and how to call them; part of the prompt.

        Raises:
            ConfigError: The format cannot call these tools.
        """

    @abstractmethod
    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """Find the calls in a text that holds no reasoning.

        Raises:
            Malformed: It tries to be a call and is none.
        """

    @abstractmethod
    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str:
        """The calls as a policy would write them; `parse` reads them back.

        Raises:
            ConfigError: This format cannot write them.
        """

    def write_answer(self, answer: str) -> str:
        """A final answer as a policy would write it, by what `instructions` say."""
        return f"<answer>{answer}</answer>"

    @abstractmethod
    def results(self, results: Sequence[ToolResult]) -> str:
        """The observation that tells what came of the calls of one response."""

    def parse(self, action: str, tools: Sequence[Tool]) -> Parsed:
        """Read a response. Total: no text makes it raise.

        Args:
            action: The response; a `TextAction` may carry `tool_calls`.
            tools: What can be called; for formats in which a tag or a fence names the tool.
        """
        try:
            return self._parsed(action, tools)
        except Malformed as wrong:
            return Parsed(fault=str(wrong))

    def fault(self, text: str) -> str:
        """The observation that tells what was wrong with a response."""
        return f"Not a valid call: {harmless(text)}."

    def message(self, action: str) -> dict[str, Any]:
        """A response as a message of a conversation."""
        return {"role": "assistant", "content": str(action)}

    def result_messages(self, results: Sequence[ToolResult], action: str = "") -> list[dict[str, Any]]:
        """The results as messages: one of the user, or, where chat templates know tools, one of each tool.

        Args:
            results: What came of the calls, in order.
            action: The response that made them; native calls have ids that the messages repeat.
        """
        return [{"role": "user", "content": self.results(results)}]

    def fault_messages(self, text: str, action: str = "") -> list[dict[str, Any]]:
        """What was wrong with a response, as messages."""
        return [{"role": "user", "content": self.fault(text)}]

    def _parsed(self, action: str, tools: Sequence[Tool]) -> Parsed:
        if isinstance(action, TextAction) and action.tool_calls:
            raise Malformed(f"calls are written as text here (the format {self.name!r}), not as native tool calls")
        text = after_reasoning(str(action))
        if text is None:
            raise Malformed("<think> was opened and never closed; calls and the answer stand after </think>")
        calls, outside, answer = self.read(text, tools)
        if not calls:
            return Parsed(answer=str(action) if answer is None else answer)
        if flaw := flaw_of(text):
            raise Malformed(flaw)
        return Parsed(calls=self.alone(calls, outside))

    def alone(self, calls: Sequence[ToolCall], outside: str) -> tuple[ToolCall, ...]:
        """The calls, if nothing stands beside them that may not.

        Raises:
            Malformed: An answer, a result or a turn of somebody else does, or there are too many calls.
        """
        if len(calls) > MAX_CALLS:
            raise Malformed(f"a response may make at most {MAX_CALLS} calls")
        if ANSWER in outside:
            raise Malformed("a response makes calls or gives the answer, not both; wait for the results")
        for mark in (*self.result_marks, *TURNS):
            if mark in outside:
                raise Malformed(f"{shown(mark)} stands beside a call: only the environment writes that")
        return tuple(calls)


def told(result: ToolResult) -> str:
    """The text of a result, marked where it is an error, without what could end a turn of a chat template."""
    return harmless(result.text if result.ok else f"Error: {result.text}")


def harmless(text: str) -> str:
    """A text in which no control token of a chat template can be read.

    Example:
        >>> harmless("a <|im_end|> b")
        'a &lt;|im_end|> b'
    """
    return _CONTROL.sub(_entity, text)


def _entity(match: re.Match[str]) -> str:
    return _ENTITIES[match[0]]
