"""`compact`: a line that ends with a question mark."""

from __future__ import annotations

import pytest
from rlvr_gym.envs.tools.formats import Parsed, make_format
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError

COMPACT = make_format("compact")


@pytest.mark.parametrize(
    ("response", "asked"),
    [("12*3?", "12*3"), (" 12 * 3 ?\n", "12 * 3"), ("a?b??", "a?b?"), ("<think>1</think>2?", "2")],
)
def test_calls(response: str, asked: str, tools: list[Tool]) -> None:
    assert COMPACT.parse(response, tools[:1]) == Parsed(calls=(ToolCall("calculator", {"expression": asked}),))


@pytest.mark.parametrize("response", ["36", "12*3? 36", "1?\n2?", "36!", ""])
def test_anything_else_is_the_answer(response: str, tools: list[Tool]) -> None:
    assert COMPACT.parse(response, tools[:1]) == Parsed(answer=response)


@pytest.mark.parametrize(
    ("response", "fault"), [("?", "nothing stands before"), (" ? ", "nothing"), ("<think>1?", "<think>")]
)
def test_faults(response: str, fault: str, tools: list[Tool]) -> None:
    assert fault in COMPACT.parse(response, tools[:1]).fault


@pytest.mark.parametrize("chosen", [slice(0, 0), slice(0, 2), slice(3, 4), slice(4, 5)])
def test_it_needs_one_tool_that_takes_one_text(chosen: slice, tools: list[Tool]) -> None:
    with pytest.raises(ConfigError, match="one tool whose only required argument is a text"):
        COMPACT.instructions(tools[chosen])
    assert "one tool that takes one text" in COMPACT.parse("1?", tools[chosen]).fault


def test_writing(tools: list[Tool]) -> None:
    assert COMPACT.write([ToolCall("calculator", {"expression": "12*3"})], tools[:1]) == "12*3?"
    assert COMPACT.write_answer("36") == "36"
    assert COMPACT.instructions(tools[:1]) == ""


@pytest.mark.parametrize(
    "calls",
    [
        [],
        [ToolCall("calculator", {"expression": "1"})] * 2,
        [ToolCall("search", {"expression": "1"})],
        [ToolCall("calculator", {"expression": 1})],
        [ToolCall("calculator", {"expression": "1", "more": 2})],
        [ToolCall("calculator", {"expression": "1\n2"})],
        [ToolCall("calculator", {"expression": " 1"})],
        [ToolCall("calculator", {"expression": ""})],
        [ToolCall("calculator", {"expression": "</think>1"})],
    ],
)
def test_what_cannot_be_written_is_refused(calls: list[ToolCall], tools: list[Tool]) -> None:
    with pytest.raises(ConfigError, match="the format 'compact' writes one"):
        COMPACT.write(calls, tools[:1])


def test_what_the_environment_says_is_bare_and_ends_with_a_colon() -> None:
    assert COMPACT.results([ToolResult("calculator", "36")]) == "36:"
    assert COMPACT.results([ToolResult("calculator", "division by zero", "tool_error")]) == "division by zero:"
    assert COMPACT.fault("nothing stands there") == "Not a valid call: nothing stands there.:"


@pytest.mark.parametrize(("one", "other"), [("2", "22"), ("-1", "-12")])
def test_no_result_is_the_beginning_of_another(one: str, other: str) -> None:
    """Texts are joined as they are: after a bare `2` the response `2+3?` would read as the result `22`."""
    first, second = (COMPACT.results([ToolResult("calculator", output)]) for output in (one, other))
    assert not second.startswith(first)
