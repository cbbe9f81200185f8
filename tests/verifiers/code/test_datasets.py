"""HumanEval and MBPP: every canonical solution passes, and nothing that is obviously wrong does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.code import humaneval_reference, mbpp_reference

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")  # in solutions of MBPP

WHOLE = make_verifier("code@1", blocks="whole")
FENCED = make_verifier("code@1")
WRONG = {"nothing": "pass", "a constant": "return True", "an exception": "raise ValueError"}


@pytest.fixture(scope="module")
def humaneval(data_dir: Path) -> list[dict[str, Any]]:
    lines = (data_dir / "humaneval" / "HumanEval.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def mbpp(data_dir: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((data_dir / "mbpp" / "mbpp_sanitized.json").read_text(encoding="utf-8"))
    return rows


def test_every_canonical_solution_of_humaneval_passes(humaneval: list[dict[str, Any]]) -> None:
    references = [humaneval_reference(row) for row in humaneval]
    assert len(references) == 164
    assert all(WHOLE.check_reference(reference).ok for reference in references)
    bodies = [row["canonical_solution"] for row in humaneval]
    programs = [f"```python\n{row['prompt']}{row['canonical_solution']}\n```" for row in humaneval]
    for verifier, responses in ((WHOLE, bodies), (FENCED, programs)):
        verdicts = verifier.verify_batch(zip(responses, references, strict=True))
        assert [row["task_id"] for row, v in zip(humaneval, verdicts, strict=True) if not v.passed] == []


def test_every_canonical_solution_of_mbpp_passes(mbpp: list[dict[str, Any]]) -> None:
    references = [mbpp_reference(row) for row in mbpp]
    assert len(references) == 399
    assert all(FENCED.check_reference(reference).ok for reference in references)
    responses = [f"```python\n{row['code']}\n```" for row in mbpp]
    verdicts = FENCED.verify_batch(zip(responses, references, strict=True))
    assert [row["task_id"] for row, v in zip(mbpp, verdicts, strict=True) if not v.passed] == []


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_nothing_obviously_wrong_passes(body: str, humaneval: list[Any], mbpp: list[Any]) -> None:
    items = [(WHOLE, f"    {body}\n", humaneval_reference(row)) for row in humaneval]
    for row in mbpp[::3]:
        reference = mbpp_reference(row)
        code = "\n".join(f"def {name}(*args, **options):\n    {body}" for name in reference["names"])
        items.append((FENCED, f"```python\n{code}\n```", reference))
    for verifier in (WHOLE, FENCED):
        pairs = [(response, reference) for owner, response, reference in items if owner is verifier]
        verdicts = verifier.verify_batch(pairs)
        assert not any(verdict.passed for verdict in verdicts)
        assert all(verdict.gradable for verdict in verdicts)
        assert body != "raise ValueError" or all(verdict.score == 0.0 for verdict in verdicts)


def test_names_come_from_the_code_or_else_from_the_calls() -> None:
    row = {"code": "import math\ndef sum(a, b): ...\ndef helper(): ...", "test_list": ["assert sum(int(1), 2) == 3"]}
    assert mbpp_reference(row)["names"] == ["sum"]
    assert mbpp_reference({"test_list": ["assert area(int(1), max(1, 2)) == 3"]})["names"] == ["area"]
    assert [
        test["public"] for test in mbpp_reference(row | {"test_list": row["test_list"] * 3}, public=1)["asserts"]
    ] == [True, False, False]
