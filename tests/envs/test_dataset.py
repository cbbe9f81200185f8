"""Data-backed environments: every way in, and every mistake a user can make."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs.dataset import DatasetEnv, GSM8KEnv, MATHEnv
from rlvr_gym.envs.rows import DataError, DataFileNotFoundError, read_rows
from rlvr_gym.verifiers import ConfigError

ROWS = [{"q": "What is 2 + 2?", "gold": "4"}, {"q": "What is 3 + 3?", "gold": "6"}]
COLUMNS = {"prompt": "q", "reference": "gold"}


def jsonl(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    if path.suffix == ".jsonl":
        return jsonl(path, rows)
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as out:
            writer = csv.DictWriter(out, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    else:
        pa = pytest.importorskip("pyarrow", reason="Parquet needs the extra 'data'")
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_every_file_format_gives_the_same_tasks(tmp_path: Path, ending: str) -> None:
    env = DatasetEnv(path=write(tmp_path / f"rows{ending}", ROWS), columns=COLUMNS)
    assert [task.prompt for task in env.taskset] == ["What is 2 + 2?", "What is 3 + 3?"]
    reference = DatasetEnv(path=jsonl(tmp_path / "plain.jsonl", ROWS), columns=COLUMNS)
    assert [task.id for task in env.taskset] == [task.id for task in reference.taskset]


def test_hub_loads_through_datasets_from_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="hub= needs the extra 'data'")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / "test.parquet", ROWS)
    env = DatasetEnv(hub=str(folder), hub_split="test", columns=COLUMNS)
    env.reset(options={"task_index": 1})
    assert env.step("#### 6")[1] == 1.0


def test_hub_that_cannot_be_loaded_is_a_data_error(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="hub= needs the extra 'data'")
    with pytest.raises(DataError, match="hub data set"):
        DatasetEnv(hub=str(tmp_path / "nothing_here"))


def test_gsm8k_takes_the_gold_after_the_marker_and_asks_for_the_format(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"question": "What is 2 + 2?", "answer": "2 + 2 = <<2+2=4>>4\n#### 4"}])
    env = GSM8KEnv(path=path)
    observation, _ = env.reset(seed=0)
    assert observation == "What is 2 + 2?\n\nEnd your answer with a line '#### <number>'."
    assert env.task.reference == "4"


def test_math_gold_comes_from_the_answer_or_the_last_box(tmp_path: Path) -> None:
    rows = [
        {"problem": "a", "expected_answer": "7", "solution": "\\boxed{8}", "level": "Level 2"},
        {"problem": "b", "solution": "first \\boxed{1}, then \\boxed{\\frac{1}{2}}"},
    ]
    env = MATHEnv(path=jsonl(tmp_path / "m.jsonl", rows))
    assert [task.reference for task in env.taskset] == ["7", "\\frac{1}{2}"]
    assert env.reset(options={"task_index": 0})[1]["difficulty"] == {"level": "Level 2"}


def test_equal_rows_are_one_task(tmp_path: Path) -> None:
    env = DatasetEnv(path=jsonl(tmp_path / "r.jsonl", [*ROWS, ROWS[0]]), columns=COLUMNS)
    assert len(env.taskset) == 2


def test_environments_of_one_configuration_share_their_tasks(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "r.jsonl", ROWS)
    first = DatasetEnv(path=path, columns=COLUMNS)
    assert DatasetEnv(path=path, columns=COLUMNS).taskset is first.taskset
    jsonl(tmp_path / "r.jsonl", [*ROWS, {"q": "new", "gold": "1"}])
    assert len(DatasetEnv(path=path, columns=COLUMNS).taskset) == 3  # the file changed, so it is read again


def test_any_verifier_by_name_and_template(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", [{"q": "3 5 7", "gold": {"numbers": [3, 5, 7], "target": 22}}])
    env = DatasetEnv(path=path, columns=COLUMNS, verifier="countdown@1", template="Numbers: {prompt}. Go!")
    assert env.reset(seed=0)[0] == "Numbers: 3 5 7. Go!"
    assert env.step("<answer>3*5+7</answer>")[1] == 1.0


def test_limit_reads_no_further(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\nthis is not JSON\n")
    assert len(DatasetEnv(path=str(path), columns=COLUMNS, limit=1).taskset) == 1


MISTAKES: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "wrong column": (ROWS, {"prompt": "q", "reference": "gould"}, "row 1: no reference column 'gould'"),
    "near column is offered": (ROWS, {"prompt": "q", "reference": "gould"}, "did you mean 'gold'?"),
    "columns default to common names": (ROWS, {}, "no prompt column 'prompt' or 'question' or 'problem'"),
    "null gold": ([ROWS[0], {"q": "x", "gold": None}], COLUMNS, "row 2: the reference column 'gold' is null"),
    "gold that is no number": (
        [ROWS[0], {"q": "x", "gold": "five or six"}],
        COLUMNS,
        "row 2: number@1 cannot use the gold",
    ),
    "empty prompt": ([{"q": "  ", "gold": "4"}], COLUMNS, "row 1: the prompt must be a non-empty text"),
    "prompt that is no text": ([{"q": 7, "gold": "4"}], COLUMNS, "row 1: the prompt must be a non-empty text, got 7"),
    "row that is no object": ([ROWS[0], [1, 2]], COLUMNS, "line 2: expected a JSON object, got list"),
    "no rows": ([], COLUMNS, "the file holds no rows"),
}


@pytest.mark.parametrize(("rows", "columns", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_in_data_name_the_row(tmp_path: Path, rows: list[Any], columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        DatasetEnv(path=jsonl(tmp_path / "r.jsonl", rows), columns=columns)
    assert message in str(caught.value)
    assert "r.jsonl" in str(caught.value)


@pytest.mark.parametrize("content", [b'{"q": 1', b"\xff\xfe\x00", b"[" * 100_000, b"NaN\n", b"\x00\n"])
def test_damaged_jsonl_names_the_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.jsonl"):
        read_rows(file)


def test_damaged_parquet_names_the_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs the extra 'data'")
    file = tmp_path / "bad.parquet"
    file.write_bytes(b"PAR1 but not really")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_rows(file)


def test_missing_file_offers_its_neighbours(tmp_path: Path) -> None:
    jsonl(tmp_path / "train.jsonl", ROWS)
    with pytest.raises(DataFileNotFoundError, match=r"did you mean 'train\.jsonl'\?"):
        read_rows(tmp_path / "trian.jsonl")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_rows(tmp_path / "nowhere" / "train.jsonl")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "give either path="),
        ({"path": "a.jsonl", "hub": "b"}, "got both"),
        ({"path": "a.txt"}, "the ending must be one of .csv, .json, .jsonl, .parquet"),
        ({"path": "a.jsonl", "template": "no field"}, "template must contain '{prompt}'"),
        ({"path": "a.jsonl", "columns": {"promt": "q"}}, "did you mean 'prompt'?"),
        ({"path": "a.jsonl", "columns": {"prompt": 7}}, "must be a column name"),
        ({"path": "a.jsonl", "verifier": "numbr@1"}, "did you mean 'number@1'?"),
        ({"path": "a.jsonl", "verifier_config": {"mark": []}}, "number@1 has no setting 'mark'"),
        ({"path": "a.jsonl", "reward": "densee"}, "did you mean 'dense'?"),
    ],
)
def test_mistakes_in_settings_say_what_to_do(tmp_path: Path, kwargs: dict[str, Any], message: str) -> None:
    if kwargs.get("path") == "a.jsonl":
        kwargs = {"columns": COLUMNS, **kwargs, "path": jsonl(tmp_path / "a.jsonl", ROWS)}
    with pytest.raises((ConfigError, LookupError)) as caught:
        DatasetEnv(**kwargs)
    assert message in str(caught.value)


def test_unknown_keyword_is_a_type_error_that_names_it() -> None:
    with pytest.raises(TypeError, match="pathh"):
        gym.make("rlvr_gym:rlvr/GSM8K-v0", pathh="x")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"task_indx": 1}, ConfigError, "did you mean 'task_index'"),
        ({"task_index": 1, "task_id": "x"}, ConfigError, "reset takes one of"),
        ({"task": {"prompt": "x"}}, ConfigError, "must be a Task, got dict"),
        ({"task_index": 99}, LookupError, "out of range: the set has 2 tasks, 0 to 1"),
        ({"task_index": True}, LookupError, "must be an integer"),
        ({"task_id": "nope"}, LookupError, "no task has the id 'nope'"),
    ],
)
def test_refused_reset_options(tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str) -> None:
    env = DatasetEnv(path=jsonl(tmp_path / "r.jsonl", ROWS), columns=COLUMNS)
    with pytest.raises(error, match=message):
        env.reset(options=options)


def test_real_gsm8k_and_math_golds_load_and_their_solutions_pass(data_dir: Path) -> None:
    gsm8k = GSM8KEnv(path=str(data_dir / "gsm8k" / "test.jsonl"))
    assert len(gsm8k.taskset) == 1319
    assert all(gsm8k.verifier.verify(task.solution or "", task.reference).passed for task in gsm8k.taskset)
    math = MATHEnv(path=str(data_dir / "math500" / "test.jsonl"))
    assert len(math.taskset) == 500
    train = GSM8KEnv(path=str(data_dir / "gsm8k" / "train.jsonl"), limit=7472)
    assert 7000 < len(train.taskset) <= 7472
    assert not {task.id for task in train.taskset} & {task.id for task in gsm8k.taskset}
