"""Where the final answer stands: the last marker wins, and nothing falls back to an earlier one."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.extraction import (
    MARKERS,
    NoSlot,
    Slot,
    after_reasoning,
    boxes,
    braced,
    check_markers,
    final_slot,
)

examples = settings(max_examples=150, deadline=None, derandomize=True)


FOUND = {
    "hashes": ("text\n#### 7", ["####"], (" 7", "####")),
    "hashes end at the line": ("#### 7\nmore", ["####"], (" 7", "####")),
    "five hashes": ("##### 7", ["####"], (" 7", "####")),
    "A at the start of the text": ("A: 7", ["A:"], (" 7", "A:")),
    "A at the start of a line": ("Q: 5?\nA: 7\nbye", ["A:"], (" 7", "A:")),
    "the last A counts": ("A: 5\nA: 7", ["A:"], (" 7", "A:")),
    "box": (r"so \boxed{7}.", ["boxed"], ("7", "boxed")),
    "box with a space": (r"\boxed {7}", ["boxed"], ("7", "boxed")),
    "box in a box": (r"\boxed{\boxed{7}}", ["boxed"], ("7", "boxed")),
    "box in a box in a box": (r"\boxed{ $\boxed {\boxed{7}}$ }", ["boxed"], ("7", "boxed")),
    "box in a larger box": (r"\boxed{8-\boxed{7}}", ["boxed"], (r"8-\boxed{7}", "boxed")),
    "boxes in a larger box": (r"\boxed{8-\boxed{1}-\boxed{7}}", ["boxed"], (r"8-\boxed{1}-\boxed{7}", "boxed")),
    "only boxes in a box": (r"\boxed{\boxed{1}\boxed{7}}", ["boxed"], (r"\boxed{1}\boxed{7}", "boxed")),
    "larger box in a box": (r"\boxed{\boxed{8-\boxed{7}}}", ["boxed"], (r"8-\boxed{7}", "boxed")),
    "box in a group of a box": (r"\boxed{\frac{\boxed{7}}{2}}", ["boxed"], (r"\frac{\boxed{7}}{2}", "boxed")),
    "box in a box that never closes": (r"\boxed{8-\boxed{7}", ["boxed"], ("7", "boxed")),
    "box after a larger box": (r"\boxed{8-\boxed{5}}, so \boxed{7}", ["boxed"], ("7", "boxed")),
    "box after an escaped backslash": (r"\\boxed{7}", ["boxed"], ("7", "boxed")),
    "box with groups": (r"\boxed{\frac{1}{2}}", ["boxed"], (r"\frac{1}{2}", "boxed")),
    "box with an escaped brace": (r"\boxed{\{1\}}", ["boxed"], (r"\{1\}", "boxed")),
    "box that ends in a line break": ("\\boxed{7\\\\}", ["boxed"], ("7\\\\", "boxed")),
    "tag": ("<answer>7</answer>", ["answer_tag"], ("7", "answer_tag")),
    "tag over lines": ("<answer>\n7\n</answer>", ["answer_tag"], ("\n7\n", "answer_tag")),
    "the last kind of marker wins": ("#### 5\n\\boxed{7}", ["boxed", "####"], ("7", "boxed")),
    "order of the markers is irrelevant": ("#### 5\n\\boxed{7}", ["####", "boxed"], ("7", "boxed")),
    "whole": ("7", ["whole"], ("7", "whole")),
    "whole only without another marker": ("5\n#### 7", ["whole", "####"], (" 7", "####")),
    "after the reasoning": ("<think>#### 5</think>#### 7", ["####"], (" 7", "####")),
    "after the last of two": ("<think>a</think>#### 5<think>b</think>#### 7", ["####"], (" 7", "####")),
}
NOT_FOUND = {
    "nothing": ("", ["####"], "no_marker"),
    "another marker": (r"\boxed{7}", ["####"], "no_marker"),
    "A inside a line": ("QA: 7", ["A:"], "no_marker"),
    "blank whole": (" \n ", ["whole"], "no_marker"),
    "only in the reasoning": ("<think>#### 7</think>so", ["####"], "no_marker"),
    "reasoning never closed": ("<think>#### 7", ["####"], "unclosed_reasoning"),
    "reasoning opened again": ("<think>a</think>#### 7<think>", ["####"], "unclosed_reasoning"),
    "box never closed": (r"\boxed{5} \boxed{7", ["boxed"], "unbalanced_box"),
    "box without braces": (r"\boxed{5} \boxed 7", ["boxed"], "unbalanced_box"),
    "box without braces in a box": (r"\boxed{5 \boxed 7}", ["boxed"], "unbalanced_box"),
    "box closed by an escaped brace": (r"\boxed{7\}", ["boxed"], "unbalanced_box"),
    "tag never closed": ("<answer>5</answer><answer>7", ["answer_tag"], "unclosed_tag"),
}


@pytest.mark.parametrize(("response", "markers", "slot"), FOUND.values(), ids=FOUND)
def test_the_last_marker_gives_the_answer(response: str, markers: list[str], slot: tuple[str, str]) -> None:
    found = final_slot(response, markers)
    assert isinstance(found, Slot)
    assert (found.text, found.marker) == slot


SPANS = {
    "hashes": ("5\n#### 7\nmore", "#### 7"),
    "A at the start of the text": ("A: 7\nmore", "A: 7"),
    "A at the start of a line": ("5\nA: 7", "A: 7"),
    "box": (r"so \boxed{7}.", r"\boxed{7}"),
    "box with spaces": (r"so \boxed  {7}.", r"\boxed  {7}"),
    "box in a box": (r"so $\boxed{\boxed{7}}$", r"\boxed{\boxed{7}}"),
    "box in a larger box": (r"so \boxed{8-\boxed{7}}.", r"\boxed{8-\boxed{7}}"),
    "tag": ("so <answer>7</answer>.", "<answer>7</answer>"),
    "whole": (" 7\n", " 7\n"),
}


@pytest.mark.parametrize(("response", "declaration"), SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("reasoning", ["", r"<think>#### 1 \boxed{1}</think>"], ids=["plain", "reasoned"])
def test_a_slot_says_where_it_was_declared(response: str, declaration: str, reasoning: str) -> None:
    found = final_slot(reasoning + response, MARKERS)
    assert isinstance(found, Slot)
    assert (found.source, found.source[found.start : found.end]) == (response, declaration)


@pytest.mark.parametrize(("response", "markers", "code"), NOT_FOUND.values(), ids=NOT_FOUND)
def test_no_usable_marker_is_said_and_nothing_earlier_is_taken(response: str, markers: list[str], code: str) -> None:
    found = final_slot(response, markers)
    assert isinstance(found, NoSlot)
    assert found.reason.code == code
    assert found.status.value == ("malformed" if code.startswith("un") and "reasoning" not in code else "no_answer")


@examples
@given(st.text(st.characters(exclude_categories=())), st.lists(st.sampled_from(MARKERS), min_size=1))
def test_final_slot_is_total(text: str, markers: list[str]) -> None:
    assert isinstance(final_slot(text, markers), Slot | NoSlot)


@examples
@given(st.text("ab\\{}", max_size=40))
def test_braced_text_is_balanced(text: str) -> None:
    content = braced("{" + text, 0)
    plain = text.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
    depth, closes = 1, False
    for char in plain:  # an independent reading: escapes removed first, then depth counted
        depth += {"{": 1, "}": -1}.get(char, 0)
        closes = closes or depth == 0
    assert (content is not None) is closes


@examples
@given(
    st.lists(st.sampled_from([r"\boxed{", r"\boxed {", "{", "}", r"\}", "\\\\", "7", "-", " "]), max_size=20).map(
        "".join
    )
)
def test_the_outermost_balanced_boxes_are_found(text: str) -> None:
    """An independent reading: every box by `braced`, then those that stand in no other."""
    every = []
    for at in range(len(text)):
        opening = re.match(r"\\boxed *\{", text[at:])
        content = braced(text, at + opening.end() - 1) if opening else None
        if opening and content is not None:
            every.append((at, at + opening.end() + len(content) + 1))
    outermost = [(a, b) for a, b in every if not any(c < a and b <= d for c, d in every)]
    assert [(box.start, box.end) for box in boxes(text)] == outermost


HOSTILE_BOXES = {
    "nested": (r"\boxed{" * 100_000 + "7" + "}" * 100_000, "7"),
    "nested with something beside": (r"\boxed{1" * 90_000 + "7" + "}" * 90_000, None),
    "nested after open ones": (r"\boxed{" * 100_000 + r"\boxed{7}", "7"),
    "nested, half of them closed": (r"\boxed{" * 100_000 + r"7" + "}" * 50_000, "7"),
    "one after another": (r"\boxed{5}" * 100_000 + r"\boxed{7}", "7"),
    "in one box": (r"\boxed{" + r"\boxed{5}" * 100_000 + "}", None),
    "in braces": ("{" * 900_000 + r"\boxed{7}", "7"),
    "spaces before the brace": (r"\boxed" + " " * 900_000 + "{7}", "7"),
    "spaces without a brace": ((r"\boxed" + " " * 9_000) * 100 + r"\boxed{7}", "7"),
    "spaces between": ((r"\boxed{" + " " * 9_000) * 100 + "7" + "}" * 100, "7"),
}


@pytest.mark.parametrize(("text", "inside"), HOSTILE_BOXES.values(), ids=HOSTILE_BOXES)
def test_boxes_are_found_in_linear_time(text: str, inside: str | None) -> None:
    start = time.process_time()
    slot = final_slot(text, ["boxed"])
    assert time.process_time() - start < 3.0  # below 0.5 where measured; what is quadratic takes minutes
    assert isinstance(slot, Slot)
    assert inside is None or slot.text.strip() == inside


def test_after_reasoning_needs_a_closed_tag() -> None:
    assert after_reasoning("no tags") == "no tags"
    assert after_reasoning("stray</think> 7") == " 7"
    assert after_reasoning("</think><think>") is None


def test_unknown_or_no_markers_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'boxed'"):
        check_markers(["box"])
    with pytest.raises(ConfigError, match="got none"):
        check_markers([])
