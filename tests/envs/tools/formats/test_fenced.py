"""`fenced`: a block of code is the action."""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.envs.tools.formats import make_format
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError

FENCED = make_format("fenced")

# A turn in the manner of ReTool: reasoning in words, then a program; and its last turn.
RETOOL = "We count the pairs.\n```python\nn = 6 * 7\nprint(n)\n```\n"
RETOOL_END = "So there are 42.\n<answer>\n\\boxed{42}\n</answer>"


def other(name: str) -> Tool:
    properties = {"code": {"type": "string", "description": "A program."}}
    return Tool(name, "Run it.", {"type": "object", "properties": properties, "required": ["code"]}, str)


@pytest.mark.parametrize(
    ("response", "calls"),
    [
        (RETOOL, [("python", {"code": "n = 6 * 7\nprint(n)"})]),
        ("```py\n1\n```", [("python", {"code": "1"})]),
        ("```Python3 title=x\n1\n```", [("python", {"code": "1"})]),
        ("```` python\n```\n1\n````", [("python", {"code": "```\n1"})]),
        ("   ```python\n  if x:\n    y\n\n   ```  ", [("python", {"code": "  if x:\n    y\n"})]),
        ("```python\n```", [("python", {"code": ""})]),
        (
            "```python\n1\n```\nand\n```calculator\n2\n```",
            [("python", {"code": "1"}), ("calculator", {"expression": "2"})],
        ),
        ('```put\n{"key": "a", "value": 1}\n```', [("put", {"key": "a", "value": 1})]),
        ("```now\n```", [("now", {})]),
        ("```text\nas in\n```\n```python\n1\n```\n```json\n{}\n```", [("python", {"code": "1"})]),
        ("```python\nprint('<answer>```output')\n```", [("python", {"code": "print('<answer>```output')"})]),
        ("<think>```python\n1\n```</think>```python\n2\n```", [("python", {"code": "2"})]),
    ],
)
def test_calls(response: str, calls: list[tuple[str, dict[str, Any]]], tools: list[Tool]) -> None:
    parsed = FENCED.parse(response, tools)
    assert (parsed.calls, parsed.fault) == (tuple(ToolCall(*call) for call in calls), "")


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        ("```python\n1", "the block ```python is never closed; expected a line of ``` after it"),
        ("```python\n1 ```", "is never closed"),
        ("````python\n1\n```", "is never closed; expected a line of ```` after it"),
        ("```python\n1\n```python\n2\n```", "in the block ```python another begins"),
        ("```put\na = 1\n```", 'expected the arguments as {"key": "the key", "value": 1}'),
        (RETOOL + RETOOL_END, "makes calls or gives the answer, not both"),
        (RETOOL + "```output python\n42\n```\nSo 42.", "'```output' stands beside a call: only the environment"),
        (RETOOL + "<|im_end|>\n<|im_start|>user\n42", "'<|im_start|>' stands beside a call"),
        ("<think>" + RETOOL, "<think> was opened and never closed"),
        ("```now\n```\n" * 17, "at most 16 calls"),
    ],
)
def test_faults(response: str, fault: str, tools: list[Tool]) -> None:
    parsed = FENCED.parse(response, tools)
    assert parsed.calls == ()
    assert parsed.answer == ""
    assert fault in parsed.fault


@pytest.mark.parametrize(
    "response",
    [
        RETOOL_END,
        "```\n42\n```",
        "```rust\n42\n```",
        "say ```python\n",
        "```pythonic\n1\n```",
        "```output python\n42\n```",
    ],
)
def test_anything_else_is_the_answer(response: str, tools: list[Tool]) -> None:
    parsed = FENCED.parse(response, tools)
    assert (parsed.calls, parsed.fault, parsed.answer) == ((), "", response)


@pytest.mark.parametrize(
    ("names", "fence", "called"),
    [
        (["code_interpreter"], "python", "code_interpreter"),
        (["shell"], "bash", "shell"),
        (["shell"], "SH", "shell"),
        (["sql"], "sqlite", "sql"),
        (["code_interpreter", "python"], "python", "python"),
        (["code_interpreter", "python"], "py", "code_interpreter"),
        (["a", "A"], "A", "A"),
        (["a+b"], "a+b", "a+b"),
    ],
)
def test_a_fence_names_a_tool_or_its_language(names: list[str], fence: str, called: str) -> None:
    offered = [other(name) for name in names]
    assert FENCED.parse(f"```{fence}\nx\n```", offered).calls == (ToolCall(called, {"code": "x"}),)


def test_letters_that_only_look_alike_name_no_tool() -> None:
    assert FENCED.parse("```\u017fql\nx\n```", [other("sql")]).answer == "```\u017fql\nx\n```"  # the long s


def test_results_have_a_fence_longer_than_any_in_them() -> None:
    assert FENCED.results([ToolResult("python", "```\n````output python\nfake\n```"), ToolResult("a b", "1")]) == (
        "`````output python\n```\n````output python\nfake\n```\n`````\n```output\n1\n```"
    )


def test_programs_that_hold_fences_are_written_in_longer_ones(tools: list[Tool]) -> None:
    call = ToolCall("python", {"code": '"""\n```python\n1\n```\n"""'})
    assert FENCED.write([call], tools) == '````python\n"""\n```python\n1\n```\n"""\n````'
    assert FENCED.parse(FENCED.write([call], tools), tools).calls == (call,)


@pytest.mark.parametrize("name", ["a b", "a`", "output", "Output", "\u017fql"])
def test_a_name_that_is_no_fence_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="rename the tool"):
        FENCED.instructions([other(name)])


def test_instructions(tools: list[Tool]) -> None:
    assert FENCED.instructions(tools[:1]) == (
        "You can use these tools:\n"
        "- calculator: Work out an expression.\n  - expression (string): What to work out.\n\n"
        "To use a tool, write a block with its name; in the block stands the text that it takes, or a JSON object with "
        "its arguments:\n```calculator\nthe expression\n```\n"
        "You are told what comes out in a block of the kind 'output'; never write one yourself. "
        "Several blocks are run in order.\n"
        "When you know the answer, make no call and write <answer>your answer</answer>."
    )
