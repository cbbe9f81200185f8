"""`rlvr/YAMLExtraction-v0`: say in a YAML document what a text says, and quote what YAML could read otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.records import Record, check_knobs, compact, draw_record, schema_of, written_schema
from rlvr_gym.envs.task import Task, content_hash
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers

_RULES = (
    "Read the text and say what it says in one YAML document that fits the schema. Texts in the document are written "
    "as in the text, dates and times as the schema says, amounts as numbers; what the text says is missing is null. A "
    "later correction holds. Quote texts that some reader of YAML could take for something else; use no anchors and no "
    "tags."
)
_PLAIN = re.compile(r"[A-Z][a-z]++(?: [A-Z][a-z]++)*+|[0-9]{4}-[0-9]{2}-[0-9]{2}|[A-Z]{2}-[0-9]++")


class YAMLExtractionTaskSet(ProceduralTaskSet[Record]):
    """Texts of generated records, and the documents that say the same.

    Args:
        fields: How many facts are asked for, 1 to 8.
        traps: How many facts besides have values that YAML could read otherwise, such as `NO`, `0412` and `1.10`, 0 to
            5.
        rows: How many rows the list in the document has, 0 to 12; with 0 there is no list.
        decoys: How many sentences at most tell values of the same kinds that are not asked for, 0 to 8.
        corrections: How many of the facts are told wrongly first and corrected at the end, 0 to `fields`.
        **common: See `ProceduralTaskSet`; compact problems look like `old city=Rome;city=Oslo>city:`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        fields: int = 3,
        traps: int = 2,
        rows: int = 2,
        decoys: int = 2,
        corrections: int = 1,
        **common: Unpack[Common],
    ) -> None:
        self._knobs = check_knobs(fields, rows, decoys, corrections, traps)
        super().__init__("YAMLExtraction", **common)

    def draw(self, rng: TaskRandom) -> Record:
        """See `ProceduralTaskSet.draw`."""
        return draw_record(rng, self._knobs)

    def split_key(self, problem: Record) -> str:
        """See `ProceduralTaskSet.split_key`; whatever the words, texts that say the same share it."""
        return content_hash(problem.document)

    def make(self, problem: Record) -> Task:
        """See `ProceduralTaskSet.make`."""
        schema = schema_of(problem)
        reference: dict[str, Any] = {"schema": schema, "answer": problem.document}
        solution = written(problem.document)
        if self.style == "compact":
            prompt = compact(problem)
        else:
            text = " ".join((f"{problem.scenario.title}.", *problem.told))
            prompt = (
                f"{_RULES}\n\nText:\n{text}\n\nJSON Schema of the document:\n{written_schema(schema)}\n\n"
                "Give the document as <answer>document</answer>."
            )
            solution = f"<answer>\n{solution}\n</answer>"
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._knobs._asdict())


class YAMLExtractionEnv(ProceduralEnv):
    """Write a YAML document that says what a text says; verified with `yaml@1`: by its schema and by its values.

    Knobs: those of `YAMLExtractionTaskSet`. The list is in the order of the text. The reward `"dense"` pays the share
    of the values that are right and cannot be guessed.

    Example:
        >>> env = YAMLExtractionEnv(fields=1, traps=1, rows=0, decoys=0, corrections=0, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        'order_number=DK-1384;country=NO>order_number,country:'
        >>> env.step('order_number: DK-1384\\ncountry: "NO"')[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="One YAML document in `<answer>` tags, in a fenced block or alone; alone in style=compact.",
        licence=GENERATED,
        chance=0.001,
        chance_reason="constants, `{}` and the schema itself pass none of 2,000 tasks; what fits the schema and is "
        "right by luck, a time of 12:00, earns 0.0005 of the dense score on average",
        distinct=10**12,
        levels=(
            {"fields": 2, "traps": 0, "rows": 0, "decoys": 0, "corrections": 0},
            {"fields": 3, "traps": 1, "rows": 1, "decoys": 1, "corrections": 0},
            {"fields": 3, "traps": 2, "rows": 2, "decoys": 2, "corrections": 1},
            {"fields": 5, "traps": 3, "rows": 4, "decoys": 4, "corrections": 2},
            {"fields": 8, "traps": 4, "rows": 7, "decoys": 6, "corrections": 4},
            {"fields": 8, "traps": 5, "rows": 12, "decoys": 8, "corrections": 8},
        ),
    )

    taskset_class = YAMLExtractionTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("yaml@1", **compact_markers(style))


def written(document: Mapping[str, Any]) -> str:
    """A document of facts and lists of rows in YAML, with every text quoted that could be read otherwise.

    Example:
        >>> print(written({"city": "Oslo", "country": "NO", "rows": [{"n": 1.5, "m": None}]}))
        city: Oslo
        country: "NO"
        rows:
          - n: 1.5
            m: null
    """
    lines = []
    for key, value in document.items():
        if isinstance(value, list):
            lines.append(f"{key}:")
            for row in value:
                marks = ("-", *" " * (len(row) - 1))
                lines += [f"  {mark} {name}: {_scalar(row[name])}" for mark, name in zip(marks, row, strict=True)]
        else:
            lines.append(f"{key}: {_scalar(value)}")
    return "\n".join(lines)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value)
