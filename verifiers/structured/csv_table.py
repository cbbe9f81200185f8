"""`csv@1`: one table in CSV, read strictly by RFC 4180 and compared cell by cell.

Nothing is guessed: commas part cells, a cell with a comma, a quote or a line break must be in quotes, a quote in it is
doubled, every row has as many cells as the header, and blanks belong to their cells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.structured.document import MAX_DOCUMENT_CHARS, document_in
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_COLUMNS = 100
MAX_ROWS = 1_000
_QUOTED = re.compile(r'"((?:[^"]|"")*+)"')
_BARE = re.compile(r'[^",\r\n]*+')
_KEYS = frozenset({"columns", "rows", "ordered"})
_PARTS = ("columns", "rows")

Row = tuple[str, ...]


class Table(NamedTuple):
    """What is wanted: the header, the rows and whether their order counts."""

    columns: Row
    rows: tuple[Row, ...]
    ordered: bool


@dataclass(frozen=True)
class CSVTable(RuleVerifier):
    """Judges a table in CSV.

    The reference is `{"columns": ["name", "city"], "rows": [["Ann", "Oslo"]], "ordered": true}`; cells are texts, and
    without `"ordered"` the order of rows counts. The header must be the columns in their order, and every cell exactly
    what is wanted. The dense score is the share of the rows that are right, in their place where the order counts, less
    the rows that are too many; 0 where a cell adds words to what is wanted there.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> reference = {"columns": ["who", "said"], "rows": [["Ann", 'no, "never"'], ["Bo", ""]]}
        >>> verifier = CSVTable()
        >>> verifier.verify('<answer>who,said\\nAnn,"no, ""never\"\""\\nBo,</answer>', reference).passed
        True
        >>> verifier.verify('<answer>who,said\\nBo,\\nAnn,"no, ""never\"\""</answer>', reference).reason.code
        'wrong_order'
        >>> verifier.verify("<answer>who,said\\nAnn,no, never</answer>", reference).reason.text
        'row 2 has 3 cells, the header has 2'
    """

    name = "csv"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Cells are compared by their characters: `7.50` is not `7.5`, and a blank after a comma makes another cell.",
        "A cell in quotes that needs none is as good as one without; the whole is stripped of blanks around it.",
        "With the order of rows counting, one row left out moves all after it: they earn nothing.",
        "Of several fenced blocks the last one is the table, whatever the others say.",
    )
    max_answer_chars: ClassVar[int] = MAX_DOCUMENT_CHARS
    unread: ClassVar[tuple[Part, ...]] = tuple(Part(name, False, 0.0) for name in _PARTS)

    markers: tuple[str, ...] = ("answer_tag", "whole")

    def parse_reference(self, reference: Any) -> Table:
        """See the class."""
        if not isinstance(reference, Mapping) or not {"columns", "rows"} <= set(reference) <= _KEYS:
            raise ReferenceFault("not_a_table", "the reference holds 'columns' and 'rows', and may hold 'ordered'")
        columns, rows = _texts(reference["columns"]), reference["rows"]
        if not 1 <= len(columns) <= MAX_COLUMNS:
            raise ReferenceFault("not_a_table", f"'columns' must be 1 to {MAX_COLUMNS} texts, got {len(columns)}")
        if not isinstance(rows, list | tuple) or not 1 <= len(rows) <= MAX_ROWS:
            raise ReferenceFault("not_a_table", f"'rows' must be a list of 1 to {MAX_ROWS:,} rows, got {shown(rows)}")
        read = tuple(map(_texts, rows))
        if any(len(row) != len(columns) for row in read):
            raise ReferenceFault("ragged", f"every row must have {len(columns)} cells, as 'columns' has")
        ordered = reference.get("ordered", True)
        if not isinstance(ordered, bool):
            raise ReferenceFault("not_a_table", f"'ordered' must be true or false, got {shown(ordered)}")
        return Table(columns, read, ordered)

    def read(self, text: str, gold: Table) -> list[Row]:
        """The rows of a table, the header first."""
        return read_csv(document_in(text, _LANGUAGES))

    def check(self, answer: list[Row], gold: Table) -> Finding:
        """See the class."""
        header, rows = answer[0], tuple(answer[1:])
        if header != gold.columns:
            found = f"the header has {len(header)} columns that are not the {len(gold.columns)} that are asked for"
            return Finding(False, Reason("wrong_columns", found), parts=self.unread)
        common = (Counter(rows) & Counter(gold.rows)).total()
        right = sum(map(_equal, rows, gold.rows)) if gold.ordered else common
        surplus = max(0, len(rows) - len(gold.rows))
        if right == len(gold.rows) == len(rows):
            return Finding(True, Reason("equal", "every cell is right"), parts=_parts(1.0))
        if _hedged(rows, gold):
            said = "a cell holds what is wanted and more: which of it is meant is not said"
            return Finding(False, Reason("more_than_the_cell", said), parts=_parts(0.0))
        score = max(0, right - surplus) / len(gold.rows)
        said = f"{right} of {len(gold.rows)} rows are right, and {surplus} are too many"
        reason = Reason("different", said)
        if common == len(gold.rows) == len(rows):
            reason = Reason("wrong_order", "the rows are right and their order is not")
        return Finding(False, reason, score, _parts(score))


_LANGUAGES = frozenset({"csv"})


def _equal(one: Row, other: Row) -> bool:
    return one == other


def _hedged(rows: tuple[Row, ...], gold: Table) -> bool:
    """Whether a cell adds words to what is wanted there; where the order says nothing, of the last row alone."""
    pairs = zip(rows, gold.rows, strict=False) if gold.ordered else ((rows[-1], row) for row in gold.rows if rows)
    return any(_exceeds(*cells) for row, wanted in pairs for cells in zip(row, wanted, strict=True))


def _exceeds(cell: str, wanted: str) -> bool:
    """Whether a cell begins or ends with what is wanted, whole, and holds more."""
    if not len(cell) > len(wanted) > 0:
        return False
    after, before = cell[len(wanted)], cell[-len(wanted) - 1]  # a point goes on with a number
    begins = cell.startswith(wanted) and not after.isalnum() and after != "."
    return begins or (cell.endswith(wanted) and not before.isalnum() and before != ".")


def _parts(score: float) -> tuple[Part, ...]:
    return Part("columns", True, 1.0), Part("rows", score == 1.0, score)


def _texts(row: Any) -> Row:
    if not isinstance(row, list | tuple) or not all(isinstance(cell, str) for cell in row):
        raise ReferenceFault("not_texts", f"a row is a list of texts, got {shown(row)}")
    return tuple(cell.replace("\r\n", "\n") for cell in row)


def read_csv(text: str) -> list[Row]:
    """Read a table by RFC 4180, line by line; `\\n` ends a line as well as `\\r\\n`.

    Args:
        text: At least a header. A line break may stand at the end.

    Returns:
        The rows, the header first, each with as many cells as it. A line break in a cell is `\\n`.

    Raises:
        UnreadableError: A quote stands where none may, is not closed, or a row has more or fewer cells.

    Example:
        >>> read_csv('a,b\\n"x, ""y\"\"",\\n')
        [('a', 'b'), ('x, "y"', '')]
    """
    text = text.replace("\r\n", "\n")
    text = text.removesuffix("\n")
    rows: list[Row] = []
    cells: list[str] = []
    at = 0
    while True:
        quoted = _QUOTED.match(text, at)
        found = quoted or _BARE.match(text, at)
        if found is None or (quoted is None and text.startswith('"', at)):
            raise UnreadableError("open_quote", f"a quote in row {len(rows) + 1} is never closed")
        cells.append(quoted[1].replace('""', '"') if quoted else found[0])
        at = found.end()
        end = text[at : at + 1]
        if end not in ("", ",", "\n"):
            raise UnreadableError("stray_quote", f"row {len(rows) + 1} holds {end!r} where a cell must end")
        if end != ",":
            rows.append(_row(cells, rows))
            cells = []
        if not end:
            return rows
        at += 1


def _row(cells: list[str], rows: list[Row]) -> Row:
    if rows and len(cells) != len(rows[0]):
        said = f"row {len(rows) + 1} has {len(cells)} cells, the header has {len(rows[0])}"
        raise UnreadableError("ragged", said)
    return tuple(cells)
