"""IFBench, tables: three tasks that ask for comma or tab separated values with given columns and rows."""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_text import Official
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, exactly

_FENCED = re.compile(r"```\w*+\n(.*?)\n?```", re.DOTALL)
_SPECIAL = re.compile(r"[^\w\s]")


class Field(NamedTuple):
    """A field of a row: what is in it, and whether it stands in double quotes."""

    text: str
    quoted: bool


def read_table(text: str, delimiter: str) -> list[list[Field]] | str:
    """Rows of fields; a sentence where the text is not such a table.

    A quoted field may hold the delimiter, line breaks and doubled quotes; blanks around a field do not count. Blank
    lines at the ends and a fence of code around the whole are passed over.

    Example:
        >>> read_table('a,"b,c"', ",")
        [[Field(text='a', quoted=False), Field(text='b,c', quoted=True)]]
        >>> read_table('a,"b', ",")
        'a quote is not closed'
    """
    text = text.strip(" \r\n")
    fenced = _FENCED.fullmatch(text)
    text = (fenced[1] if fenced else text).replace("\r\n", "\n")
    field = re.compile(rf' *+(?:"((?:[^"]|"")*+)" *+|([^"{delimiter}\n]*+))({delimiter}|\n|\Z)')
    rows: list[list[Field]] = [[]]
    at = 0
    while True:
        match = field.match(text, at)
        if match is None:
            return "a quote is not closed" if text.count('"') % 2 else "a quote stands inside a field"
        quoted = match[1] is not None
        rows[-1].append(Field(match[1].replace('""', '"') if quoted else match[2].strip(), quoted))
        at = match.end()
        if not match[3]:
            return rows
        if match[3] == "\n":
            rows.append([])


def _shape(response: str, delimiter: str, header: tuple[str, ...], count: int) -> list[list[Field]] | Outcome:
    """The rows below the header, or what is wrong with the table."""
    rows = read_table(response, delimiter)
    if isinstance(rows, str):
        return Outcome(False, rows)
    if [field.text for field in rows[0]] != list(header):
        return Outcome(False, f"the first line must name the columns {', '.join(header)}")
    if len(rows) - 1 != count:
        return exactly(len(rows) - 1, count, "rows below the header")
    for place, row in enumerate(rows[1:], 1):
        if len(row) != len(header) or not all(field.text for field in row):
            return Outcome(False, f"row {place} needs {len(header)} fields with something in them")
    if len({tuple(field.text for field in row) for row in rows[1:]}) < count:
        return Outcome(False, "two rows are the same")
    return rows


def _read_official(text: str, delimiter: str = ",") -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return []


# --- csv_city -----------------------------------------------------------------------------------------------------

_CITY = ("ID", "Country", "City", "Year", "Count")


def _city(response: str, _: Parameters) -> Outcome:
    rows = _shape(response, ",", _CITY, 7)
    return rows if isinstance(rows, Outcome) else Outcome(True, "7 rows of 5 fields")


def _city_official(response: str, _: Parameters) -> bool:
    rows = _read_official(response)
    return len(rows) == 8 and rows[0] == list(_CITY) and all(len(row) == 5 for row in rows)


# --- csv_special_character ----------------------------------------------------------------------------------------

_PRODUCT = ("ProductID", "Category", "Brand", "Price", "Stock")
_NUMBER = re.compile(r"[-+$€£]?\d[\d,]*(?:\.\d+)?%?")


def _product(response: str, _: Parameters) -> Outcome:
    rows = _shape(response, ",", _PRODUCT, 14)
    if isinstance(rows, Outcome):
        return rows
    fields = [field for row in rows[1:] for field in row if field.quoted]
    special = [f.text for f in fields if _SPECIAL.search(f.text) and not _NUMBER.fullmatch(f.text)]
    return Outcome(bool(special), f"found {len(special)} quoted fields with a special character, needed at least 1")


def _header_official(response: str, names: tuple[str, ...], gap: str) -> bool:
    pattern = gap.join(f'(?:{name}|"{name}")' for name in names)
    return re.fullmatch(pattern, response.split("\n")[0].strip()) is not None


def _is_quoted_special(field: str) -> bool:
    line = field.split("\n", 1)[0]
    return line.startswith('"') and _SPECIAL.search(line, 1, max(line.rfind('"'), 1)) is not None


def _product_official(response: str, _: Parameters) -> bool:
    if not _header_official(response, _PRODUCT, r",[ \t]*"):
        return False
    rows = _read_official(response.replace('"', '"""'))
    if len(rows) != 15:
        return False
    for row in rows[1:]:  # rows after the first with such a field are not looked at
        if len(row) != 5:
            return False
        if any(map(_is_quoted_special, row)):
            return True
    return False


# --- csv_quotes ---------------------------------------------------------------------------------------------------

_STUDENT = ("StudentID", "Subject", "Grade", "Semester", "Score")


def _student(response: str, _: Parameters) -> Outcome:
    rows = _shape(response, "\t", _STUDENT, 3)
    if isinstance(rows, Outcome):
        return rows
    unquoted = sum(not field.quoted for row in rows for field in row)
    return Outcome(not unquoted, f"found {unquoted} fields without double quotes")


def _student_official(response: str, _: Parameters) -> bool:
    if not _header_official(response, _STUDENT, r"\t *"):
        return False
    rows = _read_official(response.replace('"', '"""'), "\t")
    stripped = [field.strip() for row in rows for field in row]
    quoted = all(field.startswith('"') and field.endswith('"') for field in stripped)
    return len(rows) == 4 and all(len(row) == 5 for row in rows) and quoted


CSV = (
    Instruction(
        "custom:csv_city",
        Reads(),
        Sentence("Write comma separated values with the columns ID, Country, City, Year, Count and 7 rows."),
        _city,
        Official(_city_official),
        ("Rows may be empty fields, or all the same.", "A blank after a comma of the header fails."),
    ),
    Instruction(
        "custom:csv_special_character",
        Reads(),
        Sentence(
            "Write comma separated values with the columns ProductID, Category, Brand, Price, Stock and 14 rows; let"
            " one field hold a special character and stand in double quotes."
        ),
        _product,
        Official(_product_official),
        (
            "Rows below the first with a special character may be of any length.",
            "The decimal point of a quoted number is a special character.",
        ),
    ),
    Instruction(
        "custom:csv_quotes",
        Reads(),
        Sentence(
            "Write tab separated values with the columns StudentID, Subject, Grade, Semester, Score and 3 rows, every"
            " field in double quotes."
        ),
        _student,
        Official(_student_official),
        ("A field of one quotation mark or of nothing between two passes.",),
    ),
)
