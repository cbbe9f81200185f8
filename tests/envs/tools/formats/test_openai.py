"""`openai`: native calls beside the text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rlvr_gym.envs import TextAction
from rlvr_gym.envs.tools.formats import format_names, make_format
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool

OPENAI = make_format("openai")

# The form of `choices[0].message.tool_calls` in OpenAI's chat completions.
NATIVE = {"id": "call_abc", "type": "function", "function": {"name": "put", "arguments": '{"key": "a", "value": 1}'}}
PUT = ToolCall("put", {"key": "a", "value": 1})


def said(*calls: Any, text: str = "") -> TextAction:
    return TextAction(text, tool_calls=calls)


@pytest.mark.parametrize(
    "entry",
    [
        NATIVE,
        {**NATIVE, "index": 0},
        {"function": NATIVE["function"]},
        {"type": "function", "function": {"name": "put", "arguments": {"key": "a", "value": 1}}},
        {"name": "put", "arguments": {"key": "a", "value": 1}},
        {"id": "x", "name": "put", "arguments": '{"key": "a", "value": 1}'},
    ],
)
def test_calls(entry: dict[str, Any], tools: list[Tool]) -> None:
    assert OPENAI.parse(said(entry, NATIVE, text="I note it."), tools).calls == (PUT, PUT)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"function": {"name": "put", "arguments": '{"key": "a"'}}, "this is not JSON"),
        ({"function": {"name": "put", "arguments": ""}}, "this is not JSON"),
        ({"function": {"name": "put", "arguments": '"{}"'}}, "a JSON object is expected, got '{}'"),
        ({"function": {"name": "put", "arguments": '{"key": "a", "key": "b"}'}}, "the key 'key' occurs twice"),
        ({"function": {"name": "put", "arguments": {"value": float("nan")}}}, "a number is not finite: nan"),
        ({"function": {"name": "put", "arguments": {"value": {1, 2}}}}, "no JSON value: {1, 2}"),
        ({"function": {"name": "put", "arguments": {1: 2}}}, "a key is no text: 1"),
        ({"function": {"name": "put", "arguments": None}}, "'arguments' must be a JSON object, got None"),
        ({"function": {"name": "put"}}, "a call has the keys 'name' and 'arguments'"),
        ({"function": {"arguments": "{}"}}, "the call has no 'name'"),
        ({"function": None}, "a call is"),
        ({"type": "custom", "function": NATIVE["function"]}, 'a tool call is {"id", "type": "function", "function"}'),
        ({**NATIVE, "passed": True}, 'a tool call is {"id", "type": "function", "function"}'),
        ("put", "a call is"),
        (None, "a call is"),
    ],
)
def test_faults(entry: Any, fault: str, tools: list[Tool]) -> None:
    parsed = OPENAI.parse(said(NATIVE, entry), tools)
    assert parsed.calls == ()
    assert parsed.answer == ""
    assert fault in parsed.fault


def test_too_many_calls(tools: list[Tool]) -> None:
    assert len(OPENAI.parse(said(*[NATIVE] * 16), tools).calls) == 16
    assert "at most 16 calls" in OPENAI.parse(said(*[NATIVE] * 17), tools).fault


def test_calls_beside_an_answer_are_a_fault(tools: list[Tool]) -> None:
    assert "not both" in OPENAI.parse(said(NATIVE, text="<answer>7</answer>"), tools).fault


@pytest.mark.parametrize("text", ["7", json.dumps(NATIVE), '<tool_call>{"name": "now", "arguments": {}}</tool_call>'])
def test_text_alone_is_the_answer(text: str, tools: list[Tool]) -> None:
    assert OPENAI.parse(text, tools).answer == text
    assert OPENAI.parse(TextAction(text, finish_reason="stop"), tools).answer == text


@pytest.mark.parametrize("name", [name for name in format_names() if name != "openai"])
def test_the_other_formats_do_not_drop_native_calls_in_silence(name: str, tools: list[Tool]) -> None:
    assert "not as native tool calls" in make_format(name).parse(said(NATIVE, text="7"), tools).fault


def test_writing(tools: list[Tool]) -> None:
    action = OPENAI.write([PUT], tools)
    assert isinstance(action, TextAction)
    assert (str(action), action.tool_calls) == ("", ({**NATIVE, "id": "call_0"},))


def test_messages() -> None:
    short = {"name": "now", "arguments": {}}
    action = said(NATIVE, short, text="I note it.")
    assert OPENAI.message(action) == {
        "role": "assistant",
        "content": "I note it.",
        "tool_calls": [
            NATIVE,
            {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
    }
    assert OPENAI.result_messages([ToolResult("put", "done"), ToolResult("now", "no", "tool_error")], action) == [
        {"role": "tool", "name": "put", "content": "done", "tool_call_id": "call_abc"},
        {"role": "tool", "name": "now", "content": "Error: no", "tool_call_id": "call_1"},
    ]


def test_a_fault_answers_every_call_that_can_stand_in_a_conversation() -> None:
    broken = {"id": "call_x", "type": "function", "function": {"name": "put", "arguments": "{"}}
    assert OPENAI.message(said(broken))["tool_calls"] == [broken]
    assert OPENAI.fault_messages("bad", said(broken)) == [
        {"role": "tool", "content": "Not a valid call: bad.", "name": "put", "tool_call_id": "call_x"}
    ]
    assert OPENAI.message(said({"function": None})) == {"role": "assistant", "content": ""}
    assert OPENAI.fault_messages("bad", said({"function": None})) == [
        {"role": "user", "content": "Not a valid call: bad."}
    ]


def test_results_cannot_leave_their_place() -> None:
    assert OPENAI.results([ToolResult("now", '"}\n{"name": "put"')]) == (
        '{"name": "now", "content": "\\"}\\n{\\"name\\": \\"put\\""}'
    )


def test_instructions(tools: list[Tool]) -> None:
    expected = "When you know the answer, make no call and write <answer>your answer</answer>."
    assert OPENAI.instructions(tools) == OPENAI.instructions([]) == expected
