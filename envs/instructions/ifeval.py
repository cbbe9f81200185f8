"""`rlvr/IFEval-v0` and `rlvr/IFBench-v0`: prompts with instructions that a program can check, from a file or a hub id.

Rows have the published columns of both data sets: `prompt`, `instruction_id_list`, `kwargs`, and a `key`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from rlvr_gym.envs.card import Card
from rlvr_gym.envs.source import Record, RowSource
from rlvr_gym.envs.task import ListTaskSet, Task
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.errors import shown

_COLUMNS = "A file or a data-set id with the columns `prompt`, `instruction_id_list` and `kwargs`, as published; "


class IFEvalEnv(TextEnv):
    """Answer a prompt and keep to its instructions; judged by `instructions@1`, all instructions or nothing.

    The reward `"dense"` pays the share of instructions that are kept.

    Args:
        path: A `.jsonl`, `.json`, `.csv` or `.parquet` file.
        hub: Instead of `path`: a data-set id, for example `google/IFEval`.
        hub_name: Configuration of the hub data set.
        hub_split: Its split.
        hub_revision: A commit or tag to pin.
        limit: At most so many rows.
        profile: `"fixed"`, or `"reference"` for the labels of the official checks; see `instructions@1`.
        loose: Whether loose variants of the response count; for reports.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: Neither or both of `path` and `hub`; a refused setting.
        DataError: A row lacks a column, or an instruction of it cannot be checked, with the row's number.

    Example:
        >>> import json, pathlib, tempfile
        >>> row = {"key": 1, "prompt": "Describe a storm without any comma.", "kwargs": [{}]}
        >>> row["instruction_id_list"] = ["punctuation:no_comma"]
        >>> file = pathlib.Path(tempfile.mkdtemp(), "ifeval.jsonl")
        >>> _ = file.write_text(json.dumps(row))
        >>> env = IFEvalEnv(path=str(file))
        >>> env.reset(seed=0)[0]
        'Describe a storm without any comma.'
        >>> env.step("The wind howls and the windows shake.")[1]
        1.0
    """

    card = Card(
        family="instruction",
        answer_format="The whole response after its reasoning, in the form that the prompt asks for.",
        licence="Those of the data that you bring; IFEval itself (Zhou et al. 2023) is under the Apache licence 2.0.",
        chance=0.07,
        chance_reason="a constant passes at most 1 of the 15 sample rows; of IFEval's 541 prompts one text "
        "passes 28 %: capitals without commas, with a title, highlights, placeholders and a postscript, in quotes",
        data=_COLUMNS + "`solution`, a response that passes, is optional.",
    )

    def __init__(
        self,
        *,
        path: str | None = None,
        hub: str | None = None,
        hub_name: str | None = None,
        hub_split: str = "train",
        hub_revision: str | None = None,
        limit: int | None = None,
        profile: str = "fixed",
        loose: bool = False,
        reward: str | Mapping[str, Any] = "outcome",
        render_mode: str | None = None,
    ) -> None:
        source = RowSource.of(
            path=path, hub=hub, hub_name=hub_name, hub_split=hub_split, hub_revision=hub_revision, limit=limit
        )
        judge = make_verifier("instructions@1", profile=profile, loose=loose)
        super().__init__(_load(source, judge), judge, reward=reward, render_mode=render_mode)


class IFBenchEnv(IFEvalEnv):
    """Answer a prompt and keep to its instructions, of the 58 kinds of IFBench; judged by `instructions@1`.

    Its rows have the columns of IFEval.

    Args:
        path: A file, for example `IFBench_test.jsonl`.
        hub: Instead of `path`: a data-set id, for example `allenai/IFBench_test`.
        **settings: See `IFEvalEnv`.

    Example:
        >>> import json, pathlib, tempfile
        >>> row = {"key": "1", "prompt": "Describe a storm, with exactly 2 numbers.", "kwargs": [{"N": 2, "sep": None}]}
        >>> row["instruction_id_list"] = ["count:numbers"]
        >>> file = pathlib.Path(tempfile.mkdtemp(), "ifbench.jsonl")
        >>> _ = file.write_text(json.dumps(row))
        >>> env = IFBenchEnv(path=str(file))
        >>> _ = env.reset(seed=0)
        >>> env.step("It lasted 3 days and sank 12 boats.")[1]
        1.0
    """

    card = Card(
        family="instruction",
        answer_format="The whole response after its reasoning, in the form that the prompt asks for.",
        licence="Those of the data that you bring; IFBench itself (Pyatkin et al. 2025) is under ODC-BY.",
        chance=0.07,
        chance_reason="a constant passes at most 1 of the 15 sample rows",
        data=_COLUMNS + "`solution`, a response that passes, is optional.",
    )

    def __init__(self, *, path: str | None = None, hub: str | None = None, **settings: Any) -> None:
        super().__init__(path=path, hub=hub, **settings)


@functools.lru_cache(maxsize=16)
def _load(source: RowSource, judge: Verifier) -> ListTaskSet:
    """Rows to tasks, once per process and configuration: a group of 512 environments shares one task set."""
    tasks: dict[str, Task] = {}
    for row in source.rows():
        task = _task(Record(f"{source.label}, row {row.number}", row.values), judge, row.number)
        tasks.setdefault(task.id, task)
    return ListTaskSet(list(tasks.values()))


def _task(row: Record, judge: Verifier, number: int) -> Task:
    prompt = row.text("prompt")
    ids, given = row.parsed("instruction_id_list"), row.parsed("kwargs")
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise row.error(f"the column 'instruction_id_list' must be a list of ids, got {shown(ids)}")
    if not isinstance(given, list) or len(given) != len(ids):
        raise row.error(f"the column 'kwargs' must be a list of {len(ids)} objects, got {shown(given)}")
    instructions = []
    for instruction_id, parameters in zip(ids, given, strict=True):
        if not isinstance(parameters, Mapping | None):
            raise row.error(f"the parameters of {instruction_id!r} must be an object, got {shown(parameters)}")
        kept = {name: value for name, value in (parameters or {}).items() if value is not None}
        instructions.append({"id": instruction_id, "parameters": kept})
    reference = {"instructions": instructions}
    report = judge.check_reference(reference)
    if not report.ok:
        raise row.error(f"{judge.key} cannot use the instructions ({report.reason.code}): {report.reason.text}")
    solution = row.optional_text("solution")
    private = {"reference": reference} | ({"solution": solution} if solution else {})
    metadata = {"row": number} | ({"key": row.values["key"]} if row.has("key") else {})
    return Task.create(
        prompt, private, difficulty={"instructions": len(ids), "kinds": sorted(set(ids))}, metadata=metadata
    )
