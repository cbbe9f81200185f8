"""The page about `code@1`: its example runs, its references can be used, its tables name what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.code.blocks import BLOCKS
from rlvr_gym.verifiers.code.checkers import _PLAIN
from rlvr_gym.verifiers.code.outcomes import _PRECEDENCE
from rlvr_gym.verifiers.code.verifier import KINDS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "verifiers" / "code.md").read_text(encoding="utf-8")


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    [source] = re.findall(r"^```python\n(from .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    expected = re.search(r"print\(.*\)  # (.*)", source)
    exec(source, {})  # noqa: S102 - our own page
    assert expected is not None
    assert capsys.readouterr().out.strip() == expected[1]


def test_the_references_of_the_page_can_be_used() -> None:
    references = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
    assert {reference["kind"] for reference in references} == set(KINDS)
    for reference in references:
        assert make_verifier("code@1").check_reference(reference).ok, reference


def test_the_page_names_what_there_is() -> None:
    names = [*make_verifier("code@1").config(), *BLOCKS, *_PLAIN, *KINDS, *(code for *_, code in _PRECEDENCE[:2])]
    assert [name for name in names if f"`{name}`" not in PAGE and f'`"{name}"`' not in PAGE] == []
