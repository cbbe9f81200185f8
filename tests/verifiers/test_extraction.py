"""Where the final answer stands: the last marker wins, and nothing falls back to an earlier one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.extraction import MARKERS, NoSlot, Slot, after_reasoning, braced, check_markers, final_slot

examples = settings(max_examples=150, deadline=None, derandomize=True)


FOUND = {
    "hashes": ("text\n#### 7", ["####"], Slot(" 7", "####")),
    "hashes end at the line": ("#### 7\nmore", ["####"], Slot(" 7", "####")),
    "five hashes": ("##### 7", ["####"], Slot(" 7", "####")),
    "A at the start of the text": ("A: 7", ["A:"], Slot(" 7", "A:")),
    "A at the start of a line": ("Q: 5?\nA: 7\nbye", ["A:"], Slot(" 7", "A:")),
    "the last A counts": ("A: 5\nA: 7", ["A:"], Slot(" 7", "A:")),
    "box": (r"so \boxed{7}.", ["boxed"], Slot("7", "boxed")),
    "box with a space": (r"\boxed {7}", ["boxed"], Slot("7", "boxed")),
    "box in a box": (r"\boxed{\boxed{7}}", ["boxed"], Slot("7", "boxed")),
    "box with groups": (r"\boxed{\frac{1}{2}}", ["boxed"], Slot(r"\frac{1}{2}", "boxed")),
    "box with an escaped brace": (r"\boxed{\{1\}}", ["boxed"], Slot(r"\{1\}", "boxed")),
    "box that ends in a line break": ("\\boxed{7\\\\}", ["boxed"], Slot("7\\\\", "boxed")),
    "tag": ("<answer>7</answer>", ["answer_tag"], Slot("7", "answer_tag")),
    "tag over lines": ("<answer>\n7\n</answer>", ["answer_tag"], Slot("\n7\n", "answer_tag")),
    "the last kind of marker wins": ("#### 5\n\\boxed{7}", ["boxed", "####"], Slot("7", "boxed")),
    "order of the markers is irrelevant": ("#### 5\n\\boxed{7}", ["####", "boxed"], Slot("7", "boxed")),
    "whole": ("7", ["whole"], Slot("7", "whole")),
    "whole only without another marker": ("5\n#### 7", ["whole", "####"], Slot(" 7", "####")),
    "after the reasoning": ("<think>#### 5</think>#### 7", ["####"], Slot(" 7", "####")),
    "after the last of two": ("<think>a</think>#### 5<think>b</think>#### 7", ["####"], Slot(" 7", "####")),
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
    "box closed by an escaped brace": (r"\boxed{7\}", ["boxed"], "unbalanced_box"),
    "tag never closed": ("<answer>5</answer><answer>7", ["answer_tag"], "unclosed_tag"),
}


@pytest.mark.parametrize(("response", "markers", "slot"), FOUND.values(), ids=FOUND)
def test_the_last_marker_gives_the_answer(response: str, markers: list[str], slot: Slot) -> None:
    assert final_slot(response, markers) == slot


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


def test_after_reasoning_needs_a_closed_tag() -> None:
    assert after_reasoning("no tags") == "no tags"
    assert after_reasoning("stray</think> 7") == " 7"
    assert after_reasoning("</think><think>") is None


def test_unknown_or_no_markers_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'boxed'"):
        check_markers(["box"])
    with pytest.raises(ConfigError, match="got none"):
        check_markers([])
