"""Data-backed environments: `rlvr/Dataset-v0` for any file, `rlvr/GSM8K-v0`, `rlvr/MATH-v0`.

A data set is rows plus a column spec plus a verifier. Every gold is checked when the data set is loaded, so that a row
that could never be graded is an error with its number at load, not a zero reward in the middle of a run. Rows with
equal content are kept once.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr_gym.envs.card import Card
from rlvr_gym.envs.rows import DataError, Row
from rlvr_gym.envs.source import RowSource, check_mapping
from rlvr_gym.envs.task import ListTaskSet, Task, check_text
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.errors import shown, suggestion
from rlvr_gym.verifiers.extraction import braced

PROMPT_FIELD = "{prompt}"


@dataclass(frozen=True)
class ColumnSpec:
    """Which columns mean what. Each entry names one column, or several of which the first present one is taken.

    Args:
        prompt: The problem's text.
        reference: The gold.
        solution: A worked solution that ends in the answer; optional.
        difficulty: Columns copied into `Task.difficulty`.
    """

    prompt: tuple[str, ...] = ("prompt", "question", "problem")
    reference: tuple[str, ...] = ("reference", "answer", "expected_answer")
    solution: tuple[str, ...] = ("solution",)
    difficulty: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, columns: Mapping[str, Any] | None, default: ColumnSpec) -> ColumnSpec:
        """Read a plain dict such as `{"prompt": "question", "reference": "answer"}` over a default.

        Raises:
            ConfigError: Not a dict, an unknown key, or a value that is not a name or a list of names.
        """
        check_mapping("columns", columns)
        values = {key: getattr(default, key) for key in _SPEC_KEYS}
        for key, value in (columns or {}).items():
            if key not in _SPEC_KEYS:
                raise ConfigError(f"columns has no key {key!r}{suggestion(str(key), _SPEC_KEYS)}")
            names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else None
            needed = key in ("prompt", "reference")
            if names is None or not all(isinstance(name, str) for name in names) or (needed and not names):
                raise ConfigError(f"columns[{key!r}] must be a column name or a list of them, got {shown(value)}")
            values[key] = names
        return cls(**values)


_SPEC_KEYS = ("prompt", "reference", "solution", "difficulty")


class DatasetEnv(TextEnv):
    """Problems from a file or a data-set id, judged by any registered verifier.

    Args:
        path: A `.jsonl`, `.json`, `.csv` or `.parquet` file.
        hub: Instead of `path`: a data-set id, loaded through `datasets`.
        hub_name: Configuration of the hub data set.
        hub_split: Its split.
        hub_revision: A commit or tag to pin.
        columns: Column spec, for example `{"prompt": "question", "reference": "answer"}`; see `ColumnSpec`.
        verifier: Registered verifier name.
        verifier_config: Its settings.
        template: What the policy sees, with `{prompt}` where the problem stands.
        limit: At most so many rows.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: Neither or both of `path` and `hub`; a refused setting.
        DataError: A missing column, an empty problem, or a gold that the verifier cannot use, with the row's number.

    Example:
        >>> import json, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "sums.jsonl")
        >>> _ = file.write_text(json.dumps({"q": "What is 2 + 2?", "gold": "4"}))
        >>> env = DatasetEnv(path=str(file), columns={"prompt": "q", "reference": "gold"}, verifier="number@1")
        >>> env.reset(seed=0)[0]
        'What is 2 + 2?'
        >>> env.step("#### 4")[4]["passed"]
        True
    """

    card = Card(
        family="any",
        answer_format="As the verifier reads it; the prompt is the column alone unless `template` adds the request.",
        licence="Those of the data that you bring.",
        chance=0.05,
        chance_reason="a constant is right in 1 of the 20 sample rows; of your data, the share of the most frequent "
        "answer, which for yes or no is half",
        data="A file or a data-set id with a prompt (`prompt`, `question` or `problem`) and a gold (`reference`, "
        "`answer` or `expected_answer`), or what `columns` names; `solution` is optional.",
    )

    spec_default = ColumnSpec()
    extract_reference: Callable[[Any], Any] | None = None

    def __init__(
        self,
        *,
        path: str | None = None,
        hub: str | None = None,
        hub_name: str | None = None,
        hub_split: str = "test",
        hub_revision: str | None = None,
        columns: Mapping[str, Any] | None = None,
        verifier: str = "number@1",
        verifier_config: Mapping[str, Any] | None = None,
        template: str = PROMPT_FIELD,
        limit: int | None = None,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        if PROMPT_FIELD not in check_text("template", template):
            raise ConfigError(f"template must contain {PROMPT_FIELD!r}, got {shown(template)}")
        check_mapping("verifier_config", verifier_config)
        self.template = template
        source = RowSource.of(
            path=path, hub=hub, hub_name=hub_name, hub_split=hub_split, hub_revision=hub_revision, limit=limit
        )
        judge = make_verifier(verifier, **(verifier_config or {}))
        spec = ColumnSpec.from_config(columns, self.spec_default)
        tasks = _load(source, spec, judge, template, type(self).extract_reference)
        super().__init__(tasks, judge, reward=reward, render_mode=render_mode)


def gsm8k_reference(answer: Any) -> Any:
    """The gold of a GSM8K answer: what follows the last `####`, or the whole where there is none.

    Example:
        >>> gsm8k_reference("48 / 2 = 24, 48 + 24 = 72\\n#### 72")
        '72'
    """
    return answer.rpartition("####")[2].strip() if isinstance(answer, str) else answer


def math_reference(solution: Any) -> Any:
    """The gold of a MATH row: the last `\\boxed{}` of a worked solution, or the whole text where there is none.

    Example:
        >>> math_reference("hence $x = \\\\boxed{\\\\frac{1}{2}}$"), math_reference("\\\\frac{1}{2}")
        ('\\\\frac{1}{2}', '\\\\frac{1}{2}')
    """
    if not isinstance(solution, str):
        return solution
    at = solution.rfind("\\boxed{")
    return braced(solution, at + len("\\boxed")) if at >= 0 else solution


class GSM8KEnv(DatasetEnv):
    """Grade-school word problems in the format of GSM8K; verified exactly by `number@1`.

    Args:
        path: A file with `question` and `answer` columns (gold after `####`).
        hub: Instead of `path`: a data-set id, for example `openai/gsm8k` with `hub_name="main"`.
        template: By default the question and the request to end with `#### <number>`.
        **settings: See `DatasetEnv`.

    Example:
        >>> import json, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "gsm8k.jsonl")
        >>> _ = file.write_text(json.dumps({"question": "What is 2 + 2?", "answer": "2 + 2 = 4\\n#### 4"}))
        >>> env = GSM8KEnv(path=str(file))
        >>> _ = env.reset(seed=0)
        >>> env.step("That is 4.\\n#### 4")[1]
        1.0
    """

    card = Card(
        family="math",
        answer_format="A line `#### <number>`, a line `A: <number>`, a box or `<answer>` tags.",
        licence="Those of the data that you bring; GSM8K itself (Cobbe et al. 2021) is under the MIT licence.",
        chance=0.05,
        chance_reason="a constant is right in 1 of the 20 sample rows; in the 1,319 rows of GSM8K's test split 5 is "
        "right in 3.0 % and the last number of the question in 2.3 %",
        data="A file or a data-set id with the columns `question` and `answer`, the gold after the last `####`.",
    )

    spec_default = ColumnSpec(prompt=("question",), reference=("answer",), solution=("answer",))
    extract_reference = staticmethod(gsm8k_reference)

    def __init__(
        self,
        *,
        path: str | None = None,
        hub: str | None = None,
        verifier: str = "number@1",
        template: str = PROMPT_FIELD + "\n\nEnd your answer with a line '#### <number>'.",
        **settings: Any,
    ) -> None:
        super().__init__(path=path, hub=hub, verifier=verifier, template=template, **settings)


class MATHEnv(DatasetEnv):
    """Competition problems in the format of MATH; verified by `math@1`.

    Args:
        path: A file with a `problem` column and the gold in `expected_answer`, `answer`, or the last box of `solution`.
        hub: Instead of `path`: a data-set id, for example `HuggingFaceH4/MATH-500`.
        template: By default the problem and the request for a boxed answer.
        **settings: See `DatasetEnv`.

    Example:
        >>> import json, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "math.jsonl")
        >>> _ = file.write_text(json.dumps({"problem": "Halve 1.", "solution": "It is $\\\\boxed{\\\\frac{1}{2}}$."}))
        >>> env = MATHEnv(path=str(file))
        >>> _ = env.reset(seed=0)
        >>> env.step("so \\\\boxed{0.5}")[1]
        1.0
    """

    card = Card(
        family="math",
        answer_format="The final answer in `\\boxed{}`; the last box counts.",
        licence="Those of the data that you bring; MATH itself (Hendrycks et al. 2021) is under the MIT licence.",
        chance=0.05,
        chance_reason="a constant is right in 1 of the 20 sample rows; in the 500 rows of MATH-500 the best, 3, is "
        "right in 3.8 %",
        data="A file or a data-set id with the column `problem` (or `question`) and the gold in `expected_answer`, "
        "`answer` or the last box of `solution`; `level`, `type` and `subject` are kept as the difficulty.",
    )

    spec_default = ColumnSpec(
        prompt=("problem", "question"),
        reference=("expected_answer", "answer", "solution"),
        solution=("solution",),
        difficulty=("level", "type", "subject"),
    )
    extract_reference = staticmethod(math_reference)

    def __init__(
        self,
        *,
        path: str | None = None,
        hub: str | None = None,
        verifier: str = "math@1",
        template: str = PROMPT_FIELD + "\n\nPut your final answer in \\boxed{}.",
        **settings: Any,
    ) -> None:
        super().__init__(path=path, hub=hub, verifier=verifier, template=template, **settings)


@functools.lru_cache(maxsize=16)
def _load(
    source: RowSource,
    spec: ColumnSpec,
    verifier: Verifier,
    template: str,
    extract_reference: Callable[[Any], Any] | None,
) -> ListTaskSet:
    """Rows to tasks, once per process and configuration: a group of 512 environments shares one task set."""
    tasks: dict[str, Task] = {}
    for row in source.rows():
        task = _task(source.label, row, spec, verifier, template, extract_reference)
        tasks.setdefault(task.id, task)
    return ListTaskSet(list(tasks.values()))


def _task(
    label: str,
    row: Row,
    spec: ColumnSpec,
    verifier: Verifier,
    template: str,
    extract_reference: Callable[[Any], Any] | None,
) -> Task:
    where = f"{label}, row {row.number}"
    prompt = _column(row, spec.prompt, "prompt", where)
    if not isinstance(prompt, str) or not prompt.strip():
        raise DataError(f"{where}: the prompt must be a non-empty text, got {prompt!r:.80}")
    reference = _column(row, spec.reference, "reference", where)
    if extract_reference is not None:
        reference = extract_reference(reference)
    report = verifier.check_reference(reference)
    if not report.ok:
        raise DataError(f"{where}: {verifier.key} cannot use the gold ({report.reason.code}): {report.reason.text}")
    private = {"reference": reference}
    solution = next((row.values[name] for name in spec.solution if isinstance(row.values.get(name), str)), None)
    if solution is not None:
        private["solution"] = solution
    difficulty = {name: row.values[name] for name in spec.difficulty if row.values.get(name) is not None}
    return Task.create(
        template.replace(PROMPT_FIELD, prompt), private, difficulty=difficulty, metadata={"row": row.number}
    )


def _column(row: Row, names: Sequence[str], meaning: str, where: str) -> Any:
    for name in names:
        if row.values.get(name) is not None:
            return row.values[name]
    present = [name for name in names if name in row.values]
    if present:
        raise DataError(f"{where}: the {meaning} column {present[0]!r} is null")
    wanted = " or ".join(repr(name) for name in names)
    example = json.dumps({meaning: next(iter(row.values), "...")})
    raise DataError(
        f"{where}: no {meaning} column {wanted}; the row has {', '.join(map(repr, row.values)) or 'no columns'}"
        f"{suggestion(names[0], row.values) if row.values else ''}. Name it with columns={example}"
    )
