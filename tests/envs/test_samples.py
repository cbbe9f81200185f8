"""The samples: original rows in the form of the published data sets, each with a solution that passes."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import samples
from rlvr_gym.envs.knobs import keywords
from rlvr_gym.envs.samples import sample_settings

from rlvr_gym import env_ids

FILES = {path.stem: path for path in sorted(Path(samples.__file__).parent.glob("*.jsonl"))}
WITH_A_FILE = [env_id for env_id in env_ids() if "path" in keywords(env_id)]


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in FILES[name].read_text(encoding="utf-8").splitlines()]


def made(env_id: str) -> Any:
    return gym.make(f"rlvr_gym:{env_id}", **sample_settings(env_id)).unwrapped


def test_every_environment_that_reads_a_file_has_a_sample_and_no_other() -> None:
    assert {env_id.split("/")[1].removesuffix("-v0") for env_id in WITH_A_FILE} == set(FILES)


@pytest.mark.parametrize("env_id", env_ids())
def test_every_id_can_be_made_with_its_sample(env_id: str) -> None:
    made(env_id).reset(seed=0)


@pytest.mark.parametrize("env_id", WITH_A_FILE)
def test_every_solution_passes_and_no_solution_passes_for_another_row(env_id: str) -> None:
    env = made(env_id)
    tasks = list(env.taskset)
    assert 12 <= len(tasks) <= 20
    assert len(tasks) == len(rows(env_id.split("/")[1].removesuffix("-v0")))  # no two rows are one task
    pairs = [(mine.solution, mine.reference, {"prompt": mine.prompt}) for mine in tasks]
    assert all(verdict.passed for verdict in env.verifier.verify_batch(pairs))
    following = tasks[1:] + tasks[:1]
    pairs = [
        (other.solution, mine.reference, {"prompt": mine.prompt}) for mine, other in zip(tasks, following, strict=True)
    ]
    assert not any(verdict.passed for verdict in env.verifier.verify_batch(pairs))


@pytest.mark.parametrize(("name", "column"), [("Dataset", "answer"), ("GSM8K", "answer"), ("MATH", "answer")])
def test_no_constant_is_right_in_more_than_one_row(name: str, column: str) -> None:
    """This is what the chance level of these environments says: 1 row of 20."""
    golds = Counter(row[column].rpartition("####")[2].strip() for row in rows(name))
    assert len(golds) == 20


@pytest.mark.parametrize("name", ["Dataset", "GSM8K"])
def test_no_answer_stands_in_its_question(name: str) -> None:
    for row in rows(name):
        gold = row["answer"].rpartition("####")[2].strip()
        assert gold not in re.findall(r"[\d./-]*\d", row["question"].replace(",", "")), row


@pytest.mark.parametrize("name", ["CodeContests", "HumanEval", "MBPP"])
def test_no_constant_passes_the_hidden_tests(name: str) -> None:
    """Hidden tests of one row expect at least two different values."""
    for task in made(f"rlvr/{name}-v0").taskset:
        reference = task.reference
        if reference["kind"] == "check":
            expected = re.findall(r"(?:==|is) (.*)", reference["test"])
        elif reference["kind"] == "asserts":
            hidden = [test for test in reference["asserts"] if not test.get("public")]
            expected = [test["assert"].rpartition("== ")[2] for test in hidden]
        else:
            hidden = [test for test in reference["tests"] if not test.get("public")]
            expected = [repr(test.get("stdout", test.get("expected"))) for test in hidden]
        assert len(set(expected)) > 1, task.prompt


def test_both_forms_and_both_kinds_of_contests_are_there() -> None:
    kinds = Counter(
        ("APPS" if "input_output" in row else "LiveCodeBench", task.reference["kind"])
        for row, task in zip(rows("CodeContests"), made("rlvr/CodeContests-v0").taskset, strict=True)
    )
    assert kinds == {
        ("APPS", "stdio"): 7, ("APPS", "calls"): 3, ("LiveCodeBench", "stdio"): 2, ("LiveCodeBench", "calls"): 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("GSM8K", {"question", "answer"}),
        ("MATH", {"problem", "solution", "answer", "subject", "level", "unique_id"}),
        ("HumanEval", {"task_id", "prompt", "entry_point", "canonical_solution", "test"}),
        ("MBPP", {"source_file", "task_id", "prompt", "code", "test_imports", "test_list"}),
    ],
)
def test_columns_are_those_of_the_published_data(name: str, columns: set[str]) -> None:
    """Of GSM8K, MATH-500, HumanEval and sanitised MBPP."""
    assert all(set(row) == columns for row in rows(name))


@pytest.mark.parametrize(
    ("name", "column", "path"),
    [
        ("GSM8K", "question", "gsm8k/test.jsonl"),
        ("GSM8K", "question", "gsm8k/train.jsonl"),
        ("MATH", "problem", "math500/test.jsonl"),
        ("HumanEval", "prompt", "humaneval/HumanEval.jsonl"),
        ("MBPP", "prompt", "mbpp/mbpp_sanitized.json"),
    ],
)
def test_no_row_is_one_of_the_published_data(name: str, column: str, path: str, data_dir: Path) -> None:
    if not (data_dir / path).is_file():
        pytest.skip(f"no {path} in {data_dir}")
    published = (data_dir / path).read_text(encoding="utf-8")
    assert all(json.dumps(row[column])[1:-1] not in published for row in rows(name))
