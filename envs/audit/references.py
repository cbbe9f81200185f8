"""References to audit the verifiers of this project with: for each a few of every kind that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NUMBERS: list[dict[str, Any]] = [
    {"prompt": "Tom has 3 apples and buys 4. How many has he?", "reference": "7"},
    {"prompt": "What is 14 + 40? End with '#### <number>'.", "reference": 54},
    {"prompt": "A book costs $12. What do a hundred cost?", "reference": "1,200"},
    {"prompt": "What is half of 9?", "reference": "4.5"},
    {"prompt": "It was 3 degrees and fell by 20. How cold is it?", "reference": "-17"},
    {"prompt": "A recipe for 4 takes 3 cups. How many cups for one?", "reference": "3/4"},
    {"prompt": "How long is it, in cm?", "reference": "250 cm"},
    {"prompt": "How many people live there?", "reference": "8675309"},
]
_MATHEMATICS = [
    {"prompt": "Compute $14+40$.", "reference": "54"},
    {"prompt": "What is 17 + 42?", "reference": "59"},
    {"prompt": "Compute $\\frac{1}{2}+\\frac{1}{3}$.", "reference": "\\frac{5}{6}"},
    {"prompt": "Factor $x^2-1$.", "reference": "(x-1)(x+1)"},
    {"prompt": "Name the point.", "reference": "(3,4)"},
    {"prompt": "Which numbers solve $x^2-3x+2=0$?", "reference": "1,2"},
    {"prompt": "For which $x$ is $x^2<4$?", "reference": "(-2,2)"},
    {"prompt": "Is it even or odd?", "reference": "\\text{even}"},
    {"prompt": "Which is it? (A) one (B) two (C) three", "reference": "B"},
    {"prompt": "Solve for $x$: $x-3=2$.", "reference": "x=5"},
    {"prompt": "How far is it?", "reference": "12\\text{ km}"},
    {"prompt": "What is the length of the diagonal?", "reference": "2\\sqrt{2}"},
    {"prompt": "Find the largest prime below 1000.", "reference": "997"},
    {"prompt": "It was $3$ degrees and fell by $20$. How cold is it?", "reference": "-17"},
    {"prompt": "What is the remainder?", "reference": "0"},
    {"prompt": "Which of (A), (B), (C), (D), (E) is right?", "reference": "(C)"},
]
_COUNTDOWN = [
    {
        "prompt": "Use each of 3, 5, 7 once to make 22: <answer>expression</answer>.",
        "reference": {"numbers": [3, 5, 7], "target": 22},
        "solution": "<answer>3*5+7</answer>",
    },
    {
        "prompt": "Use each of 2, 4, 6, 8 once to make 28: <answer>expression</answer>.",
        "reference": {"numbers": [2, 4, 6, 8], "target": 28},
        "solution": "<answer>(8+6)*(4-2)</answer>",
    },
    {
        "prompt": "Use each of 1, 12, 24 once to make 36: <answer>expression</answer>.",
        "reference": {"numbers": [1, 12, 24], "target": 36},
        "solution": "<answer>12*1+24</answer>",
    },
]
_TESTS = [{"args": [3], "expected": 6}, {"args": [-4], "expected": -8}, {"args": [0.5], "expected": 1.0}]
_DOUBLE = "```python\ndef double(x):\n    return 2 * x\n```"
_CODE = [
    {
        "prompt": "Write `double(x)`. For example double(3) == 6.",
        "reference": {"kind": "calls", "entry_point": "double", "tests": _TESTS},
        "solution": _DOUBLE,
    },
    {
        "prompt": "Write `double(x)`.",
        "reference": {
            "kind": "asserts",
            "asserts": ["assert double(3) == 6", "assert double(-4) == -8", "assert double('a') == 'aa'"],
            "names": ["double"],
        },
        "solution": _DOUBLE,
    },
    {
        "prompt": "Complete this function.\n\ndef double(x):\n",
        "reference": {
            "kind": "check",
            "test": "def check(candidate):\n    assert candidate(3) == 6\n    assert candidate(-4) == -8\n",
            "entry_point": "double",
        },
        "solution": _DOUBLE,
    },
    {
        "prompt": "Write `double(x)` in the module solution.",
        "reference": {
            "kind": "pytest",
            "files": {"test_it.py": "from solution import double\n\ndef test_it():\n    assert double(3) == 6\n"},
            "names": ["double"],
        },
        "solution": _DOUBLE,
    },
    {
        "prompt": "Read a number and print its double.",
        "reference": {
            "kind": "stdio",
            "tests": [{"stdin": "3\n", "stdout": "6\n"}, {"stdin": "-4\n", "stdout": "-8\n"}],
        },
        "solution": "```python\nprint(2 * int(input()))\n```",
    },
]
_MASTERMIND = [
    {
        "prompt": "Find a code of 4 digits, each from 1 to 6.",
        "reference": {"code": code, "symbols": 6},
        "solution": f"<answer>{code}</answer>",
    }
    for code in ("3142", "6615", "2254")
]
_BOUNCING = [
    {
        "prompt": "Write `predict_position(t)`. A ball begins at 0 and goes to and fro between 0 and 80, 30 a second.",
        "reference": {
            "times": [1.0, 3.5, 5.0],
            "positions": [[[30.0, 5.0]], [[55.0, 5.0]], [[10.0, 5.0]]],
            "tolerance": 1.5,
        },
        "solution": "```python\ndef predict_position(t):\n    return [[80 - abs(80 - 30 * t % 160), 5]]\n```",
    },
]
REFERENCES: Mapping[str, list[dict[str, Any]]] = {
    "bouncing": _BOUNCING,
    "code": _CODE,
    "countdown": _COUNTDOWN,
    "mastermind": _MASTERMIND,
    "math": _MATHEMATICS,
    "number": _NUMBERS,
}
VERIFIER_FAMILIES = {
    "bouncing": "code",
    "code": "code",
    "countdown": "math",
    "mastermind": "game",
    "math": "math",
    "number": "math",
}
