"""`rlvr/IFEval-v0` and `rlvr/IFBench-v0`: rows in the published columns, and what of them is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rlvr_gym.envs.instructions.ifeval import IFBenchEnv, IFEvalEnv
from rlvr_gym.envs.rows import DataError
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.instructions.ifeval import IFEVAL

ROW: dict[str, Any] = {
    "key": 1000,
    "prompt": "Name three seas without a comma.",
    "instruction_id_list": ["punctuation:no_comma", "keywords:existence"],
    "kwargs": [{}, {"keywords": ["Baltic"]}],
}
SEAS = "The Baltic and the Aegean and the Sea of Japan"


def written(folder: Path, *rows: dict[str, Any]) -> str:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(file)


def test_a_row_is_a_task(tmp_path: Path) -> None:
    env = IFEvalEnv(path=written(tmp_path, ROW), reward="dense")
    assert env.reset(seed=0)[0] == ROW["prompt"]
    assert env.task.metadata == {"row": 1, "key": 1000}
    assert env.task.difficulty == {"instructions": 2, "kinds": ["keywords:existence", "punctuation:no_comma"]}
    assert env.step(SEAS)[1] == 1.0
    env.reset(seed=0)
    assert env.step(SEAS.replace(" and", ","))[1] == 0.5
    env.reset(seed=0)
    assert env.step(ROW["prompt"])[4]["verdict"]["reason"]["code"] == "copied"


def test_null_columns_and_texts_of_json_are_read(tmp_path: Path) -> None:
    wide = [{"keywords": None, "num_words": None}, {"keywords": ["Baltic"], "num_words": None}]
    as_texts = {name: json.dumps(ROW[name]) for name in ("instruction_id_list", "kwargs")}
    for row in ({**ROW, "kwargs": wide}, {**ROW, **as_texts}, {**ROW, "kwargs": [None, ROW["kwargs"][1]]}):
        env = IFBenchEnv(path=written(tmp_path, row))
        assert env.taskset[0].reference == IFEvalEnv(path=written(tmp_path, ROW)).taskset[0].reference


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": " "}, "'prompt' is empty"),
        ({"instruction_id_list": "punctuation"}, "no JSON"),
        ({"instruction_id_list": ["punctuation:no_comma", 7]}, "must be a list of ids"),
        ({"instruction_id_list": []}, "must be a list of 0 objects"),
        ({"instruction_id_list": [], "kwargs": []}, "no_instructions"),
        ({"kwargs": [{}]}, "must be a list of 2 objects"),
        ({"kwargs": [{}, ["Baltic"]]}, "must be an object"),
        ({"kwargs": [{}, {}]}, "'keywords' is missing"),
        ({"kwargs": [{"n": 3}, {"keywords": ["Baltic"]}]}, "no parameter 'n'"),
        ({"instruction_id_list": ["punctuation:none", "keywords:existence"]}, "unknown kind of instruction"),
        ({"solution": 7}, "must be a text"),
    ],
)
def test_rows_that_cannot_be_judged_are_refused_with_their_number(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=rf"row 2: .*{message}"):
        IFEvalEnv(path=written(tmp_path, ROW, {**ROW, **change}))


def test_profile_and_loose_reach_the_verifier(tmp_path: Path) -> None:
    path = written(tmp_path, {**ROW, "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]})
    strict, official = IFEvalEnv(path=path), IFEvalEnv(path=path, profile="reference", loose=True)
    for env, reward in ((strict, 0.0), (official, 1.0)):
        env.reset(seed=0)
        assert env.step("Well, then\n.")[1] == reward
    with pytest.raises(ConfigError, match="profile must be one of"):
        IFEvalEnv(path=path, profile="strict")


def test_the_sample_shows_every_kind() -> None:
    tasks = IFEvalEnv(**sample_settings("rlvr/IFEval-v0")).taskset
    shown = {one["id"] for task in tasks for one in task.reference["instructions"]}
    assert shown == {kind.id for kind in IFEVAL}


@pytest.mark.parametrize(("env_id", "family"), [("rlvr/IFEval-v0", IFEvalEnv), ("rlvr/IFBench-v0", IFBenchEnv)])
def test_a_solution_passes_one_row_of_the_sample(env_id: str, family: type[IFEvalEnv]) -> None:
    env = family(**sample_settings(env_id))
    tasks = list(env.taskset)
    passed = [
        sum(env.verifier.verify(mine.solution, task.reference).passed for task in tasks)  # without the prompt
        for mine in tasks
    ]
    assert passed == [1] * len(tasks)
