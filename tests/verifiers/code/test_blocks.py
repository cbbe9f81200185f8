"""Where the program stands in a response."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.code.blocks import FENCE_NAMES, fences, find_code
from rlvr_gym.verifiers.extraction import NoSlot
from rlvr_gym.verifiers.sandbox import LANGUAGES

examples = settings(max_examples=200, deadline=None, derandomize=True)


def found(response: str, blocks: str = "last_block", language: str = "python") -> str:
    """The code, or the reason why there is none."""
    code = find_code(response, language, blocks)
    return code.reason.code if isinstance(code, NoSlot) else code


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ("```python\nx\n```", "x\n"),
        ("```py\nx\n```", "x\n"),
        ("```Python3 title=a\nx\n```", "x\n"),
        ("```{python}\nx\n```", "x\n"),
        ("```{.python .numberLines}\nx\n```", "x\n"),
        ("```{cpp}\nx\n```", "no_code"),
        ("```python,ignore\nx\n```", "x\n"),
        ("```\nx\n```", "x\n"),
        ("~~~python\nx\n~~~", "x\n"),
        ("````python\n```\nx\n```\n````", "```\nx\n```\n"),
        ("```python\nx\n`````", "x\n"),
        ("```python\nx\n```  \t", "x\n"),
        ("```python\r\nx\r\n```\r\n", "x\n"),
        ("  ```python\n    x\n  y\n z\n  ```", "  x\ny\nz\n"),
        ("1. so:\n\n      ```python\n      x\n      ```", "x\n"),
        ("```python\ns = '''\n    ```\n'''\n```", "s = '''\n    ```\n'''\n"),
        ("```python\nx\n```\n```python\ny\n```", "y\n"),
        ("```python\nx\n```\n```\ny\n```", "y\n"),
        ("```python\nx\n```\n```cpp\ny\n```", "x\n"),
        ("```python\nx\n```\n```text\ny\n```", "x\n"),
        ("```cpp\ny\n```", "no_code"),
        ("```python\n\n```", "no_code"),
        ("x = 1", "no_code"),
        ("", "no_code"),
        ("`x`", "no_code"),
        ("``` not `a` fence", "no_code"),
        ("```python\nx", "unclosed_fence"),
        ("```python\nx\n```\n```python\ny", "unclosed_fence"),
        ("```python\nx\n```\n```text\ny", "unclosed_fence"),
        ("```python\nx\n~~~", "unclosed_fence"),
        ("````python\nx\n```", "unclosed_fence"),
        ("```python\nx\n``` no", "unclosed_fence"),
        ("<think>```python\nx\n```</think>", "no_code"),
        ("<think>```python\nx\n```</think>```python\ny\n```", "y\n"),
        ("<think>```python\nx\n```", "unclosed_reasoning"),
        ("```python\nx = '</think>'\ny\n```", "unclosed_fence"),
    ],
)
def test_the_last_block(response: str, code: str) -> None:
    assert found(response) == code


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ("```python\nx\n```", "x\n"),
        ("```python\nx\n```\n```cpp\ny\n```", "x\n"),
        ("```python\nx\n```\n```python\nx\n```", "several_blocks"),
        ("```python\nx\n```\n```\n5\n```", "several_blocks"),
        ("```python\nx\n```\n```python", "unclosed_fence"),
        ("x", "no_code"),
    ],
)
def test_a_unique_block(response: str, code: str) -> None:
    assert found(response, "unique") == code


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ("    return 1\n", "    return 1\n"),
        ("<think>return 2</think>    return 1", "    return 1"),
        ("```python\nx\n```", "```python\nx\n```"),
        (" \n", "no_code"),
        ("\0", "no_code"),
        ("<think>x", "unclosed_reasoning"),
    ],
)
def test_the_whole_response(response: str, code: str) -> None:
    assert found(response, "whole") == code


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_names(language: str) -> None:
    assert FENCE_NAMES[language][0] == language
    assert found(f"```{FENCE_NAMES[language][-1]}\nx\n```", language=language) == "x\n"


def test_an_unclosed_fence_is_malformed_and_two_blocks_are_ambiguous() -> None:
    for response, blocks, status in (
        ("```python\nx", "last_block", "malformed"),
        ("```\nx\n```\n" * 2, "unique", "ambiguous"),
    ):
        slot = find_code(response, "python", blocks)
        assert isinstance(slot, NoSlot)
        assert slot.status.value == status


@examples
@given(st.text(st.sampled_from("`~ \npy\t\r<think>/"), max_size=60))
def test_any_text_is_read(text: str) -> None:
    for blocks in ("last_block", "unique", "whole"):
        find_code(text, "python", blocks)


@examples
@given(st.lists(st.text(st.sampled_from("`~ ab"), max_size=8), max_size=6))
def test_a_long_enough_fence_holds_any_lines(lines: list[str]) -> None:
    content = "".join(line + "\n" for line in lines)
    fence = "`" * 9
    assert fences(f"{fence}python\n{content}{fence}").blocks[0].text == content


@pytest.mark.parametrize(
    "piece", ["```\n", "`", "~", "``` \n", " ", "\n", "```a`\n", "~~~~\n```\n", "\t", "```py\nx\n```\n"]
)
def test_a_million_characters_take_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    fences(text)
    assert time.process_time() - start < 3.0
