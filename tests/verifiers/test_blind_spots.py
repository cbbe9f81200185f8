"""What each verifier says that it overlooks: all say something, and what can be shown is true.

A row fails once a verifier has learned to see: then the sentence is to be taken out.
"""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.verifiers import make_verifier, verifier_names
from rlvr_gym.verifiers.registry import verifier_class

BOX = {"verifier": "number@1", "markers": ["boxed"]}
HASHES = {"verifier": "number@1", "markers": ["####"]}
NUMBERS = {"numbers": [3, 5, 7], "target": 22}
TWICE = {"kind": "calls", "entry_point": "f", "tests": [{"args": [1], "expected": 2}, {"args": [3], "expected": 6}]}


@pytest.mark.parametrize("name", verifier_names())
def test_every_verifier_names_its_blind_spots_in_sentences(name: str) -> None:
    spots = verifier_class(name).blind_spots
    assert spots, f"{name} has no blind spots: set blind_spots to what it overlooks and what it wrongly refuses"
    assert all(spot == spot.strip() and spot.endswith(".") and len(spot) > 20 for spot in spots)


@pytest.mark.parametrize(
    ("name", "config", "response", "reference", "passed"),
    [
        ("number@1", {}, "2 + 2 is 5, so it must be\n#### 18", "18", True),
        ("number@1", {}, "#### 18 bananas", "18", True),
        ("number@1", {}, "#### 0.33", "1/3", False),
        ("number@1", {}, "#### 0.5", "50%", False),
        ("number@1", {}, "#### 10 + 8", "18", False),
        ("number@1", {"mode": "lenient"}, "It is 16, 17 or 18", "18", True),
        ("countdown@1", {}, "<answer>3 * 5 + 7</answer>", NUMBERS, True),  # whatever operators the prompt named
        ("countdown@1", {}, "3 + 5 + 7, 3 * 5 - 7, ... <answer>3 * 5 + 7</answer>", NUMBERS, True),
        ("countdown@1", {}, "<answer>-7 + 5 * 3 + 7 + 7</answer>", NUMBERS, False),
        ("countdown@1", {}, "<answer>-3 + 5 * 5</answer>", {"numbers": [3, 5, 5], "target": 22}, False),
        ("math@1", {}, "2+2 is 5, so $\\boxed{18}$", "18", True),
        ("math@1", {}, "\\boxed{\\frac68}", "\\frac34", True),
        ("math@1", {}, "\\boxed{2+2}", "4", True),
        ("math@1", {}, "\\boxed{x/x}", "1", True),
        ("math@1", {}, "\\boxed{5\\text{ foo}}", "5", True),
        ("math@1", {}, "\\boxed{(1,2)}", "1<x<2", True),
        ("math@1", {}, "\\boxed{2x=10}", "x=5", False),
        ("code@1", {}, "```python\ndef f(x):\n    return {1: 2, 3: 6}[x]\n```", TWICE, True),
        ("any_of@1", {"children": [BOX, HASHES]}, "\\boxed{6}\n#### 7", "7", True),
        ("all_of@1", {"children": [BOX, HASHES]}, "#### 7", "7", False),
        ("gate@1", {"children": [BOX, HASHES]}, "\\boxed{7}\n#### 7", "7", True),
        ("weighted@1", {"children": [BOX, HASHES], "weights": [0, 1]}, "\\boxed{6}\n#### 7", "7", True),
        ("first@1", {"children": [BOX, HASHES]}, "#### 7", "7", True),
    ],
)
def test_what_is_said_is_so(name: str, config: dict[str, Any], response: str, reference: Any, passed: bool) -> None:
    verdict = make_verifier(name, **config).verify(response, reference)
    assert verdict.gradable
    assert verdict.passed is passed


def test_the_dense_score_of_countdown_knows_no_distance() -> None:
    verifier = make_verifier("countdown@1")
    scores = [verifier.verify(f"<answer>{text}</answer>", NUMBERS).score for text in ("3 + 5 + 7", "3 * 5 * 7")]
    assert scores == [2 / 3, 2 / 3]  # 15 and 105 for 22
