"""`rlvr/JSONExtraction-v0` and `rlvr/YAMLExtraction-v0`: the text tells what the document says."""

from __future__ import annotations

import datetime
import itertools
import json
import re
from typing import Any

import jsonschema
import pytest
import yaml
from rlvr_gym.envs.procedural import ProceduralEnv, TaskRandom
from rlvr_gym.envs.structured.json_extraction import JSONExtractionEnv
from rlvr_gym.envs.structured.kinds import KINDS
from rlvr_gym.envs.structured.records import Knobs, Record, draw_record, schema_of
from rlvr_gym.envs.structured.yaml_extraction import YAMLExtractionEnv
from rlvr_gym.verifiers import ConfigError

ENVIRONMENTS: list[type[ProceduralEnv]] = [JSONExtractionEnv, YAMLExtractionEnv]
EASY: dict[str, Any] = {"decoys": 0, "corrections": 0}
both = pytest.mark.parametrize("env_class", ENVIRONMENTS)


def records(knobs: Knobs, count: int) -> list[Record]:
    return [draw_record(TaskRandom(b"%d" % seed), knobs) for seed in range(count)]


def spoken(value: Any) -> set[str]:
    """Forms in which a text may tell a value, written without the code under test."""
    words = "zero one two three four five six seven eight nine ten eleven twelve".split()
    if isinstance(value, int):
        return {words[value] if value < 13 else str(value), str(value)}
    if isinstance(value, float):
        return {f"{value:.2f}", str(value)}
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        day = datetime.date.fromisoformat(value)
        return {f"{day.day} {day:%B %Y}"}
    if re.fullmatch(r"\d\d:\d\d", value):
        time = datetime.time.fromisoformat(value)
        return {f"{time:%I:%M %p}".lstrip("0").replace("AM", "a.m.").replace("PM", "p.m.")}
    return {value}


def test_the_text_tells_every_value_and_the_last_time_rightly() -> None:
    for record in records(Knobs(5, 2, 3, 2, 2), 80):
        text = " ".join(record.told)
        for field in record.fields:
            value = record.document[field.name]
            if value is not None and field.kind != "flag":
                assert any(form in text for form in spoken(value)), (field.name, value, text)
        for row in record.document[record.scenario.rows.name]:
            assert any(all(any(form in said for form in spoken(v)) for v in row.values()) for said in record.told)
        assert sum(said.startswith("Correction: ") for said in record.told) == 2
        assert [said.startswith("Correction: ") for said in record.told[-2:]] == [True, True]
        assert not re.search(r"\.\.|\{|None", text)


def test_no_sentence_contradicts_the_document() -> None:
    """A decoy or a first mention tells another value than the right one of its field."""
    for record in records(Knobs(4, 0, 8, 2), 100):
        for name, value in record.pairs:
            mark, _, field = name.rpartition(" ")
            assert (value == record.document.get(field)) == (mark == "")


def test_the_sentences_of_a_field_are_told_apart_from_its_decoys() -> None:
    for record in records(Knobs(1, 0, 0, 0), 40):
        for field in record.scenario.fields:
            assert not set(field.say) & set(field.aside)
    names = [field.name for record in records(Knobs(8, 0, 0, 0), 30) for field in record.scenario.fields]
    assert len(set(names)) > 20


@both
def test_every_knob_makes_tasks_whose_document_fits_the_schema(env_class: type[ProceduralEnv]) -> None:
    for level, style in itertools.product(range(6), ("question", "compact")):
        env = env_class(level=level, style=style)
        for index in range(2):
            task = env.taskset.task(index)
            jsonschema.Draft202012Validator(task.reference["schema"]).validate(task.reference["answer"])
            assert task.prompt.isascii()


@both
def test_tasks_are_solved_by_their_solution(env_class: type[ProceduralEnv]) -> None:
    env = env_class()
    for seed in range(60):
        env.reset(seed=seed)
        assert env.step(env.task.solution or "")[1] == 1.0


def test_a_solution_is_read_alike_by_other_readers() -> None:
    """Of YAML by PyYAML, a reader of YAML 1.1; dates are the one difference."""
    for index in range(40):
        task = YAMLExtractionEnv(traps=5, style="compact").taskset.task(index)
        read = yaml.safe_load(task.solution or "")
        assert json.loads(json.dumps(read, default=str)) == task.reference["answer"]
        assert not isinstance(read.get("form_version"), float)


def test_what_is_not_quoted_is_lost() -> None:
    env = YAMLExtractionEnv(fields=1, traps=5, rows=0, **EASY, style="compact", reward="dense")
    lost = 0
    for index in range(20):
        env.reset(options={"task_index": index})
        bare = re.sub(r'"([^"#@*:-]*)"', r"\1", env.task.solution or "")
        lost += not env.step(bare)[4]["passed"]
    assert lost == 20  # the number of the locker always needs its quotes


@both
def test_constants_echoes_and_the_schema_earn_nothing(env_class: type[ProceduralEnv]) -> None:
    env = env_class(reward="dense")
    total = 0.0
    for index in range(60):
        for attack in range(6):
            prompt, _ = env.reset(options={"task_index": index})
            schema = env.task.reference["schema"]
            blank = {name: _blank(each) for name, each in schema["properties"].items()}
            texts = ["{}", json.dumps(schema), json.dumps(blank), prompt, json.dumps([blank]), "null"]
            total += env.step(f"<answer>{texts[attack]}</answer>")[1]
    assert total / 360 < 0.001  # 12:00 is right now and then


def _blank(schema: dict[str, Any]) -> Any:
    """What fits a schema without a word being read."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][-1]
    if kind == "array":
        return [{name: _blank(each) for name, each in schema["items"]["properties"].items()}]
    text = "2024-01-01" if "{4}" in schema.get("pattern", "") else "12:00" if "pattern" in schema else ""
    return {"boolean": False, "null": None, "integer": 1, "number": 1.0, "string": text}[kind]


@both
def test_training_and_test_share_no_document(env_class: type[ProceduralEnv]) -> None:
    small: dict[str, Any] = {"fields": 1, "rows": 0, **EASY}
    small |= {"traps": 0} if env_class is YAMLExtractionEnv else {}
    seen = [
        {json.dumps(env_class(split=split, taskset_seed=seed, **small).taskset.task(i).reference) for i in range(100)}
        for split, seed in (("train", 0), ("test", 1))
    ]
    assert not seen[0] & seen[1]


def test_the_schema_depends_on_the_fields_alone() -> None:
    by_fields: dict[Any, set[str]] = {}
    for record in records(Knobs(2, 1, 1, 1), 100):
        by_fields.setdefault((record.scenario.title, record.fields), set()).add(json.dumps(schema_of(record)))
    assert {len(schemas) for schemas in by_fields.values()} == {1}


def test_kinds_show_what_they_draw() -> None:
    rng = TaskRandom(b"kinds")
    for name, kind in KINDS.items():
        for _ in range(30):
            if (value := kind.draw(rng)) is not None:
                assert any(form in kind.show(value) for form in spoken(value)), name
                jsonschema.Draft202012Validator(dict(kind.schema)).validate(value)


@both
@pytest.mark.parametrize(
    "knobs", [{"fields": 0}, {"fields": 9}, {"rows": -1}, {"rows": 13}, {"decoys": 9}, {"fields": 2, "corrections": 3}]
)
def test_knobs_out_of_range_are_refused(env_class: type[ProceduralEnv], knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be an integer from"):
        env_class(**knobs)
