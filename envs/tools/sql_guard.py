"""What a statement may do: which kinds, tables and functions, and how much work. Nothing is measured by a clock.

SQLite asks an authorizer for every table, column and function that a statement names, and a progress handler every so
many steps of its virtual machine. What one step does is bounded by the length of values, and where it could still take
long by functions of our own, which say how many steps they are worth. What none of them sees, the work of reading a
statement, is bounded by its text.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping

from rlvr_gym.envs.tools.sql_functions import MAX_PATTERN_CHARS, Functions
from rlvr_gym.envs.tools.toolkit import ToolError
from rlvr_gym.verifiers.errors import shown

MAX_QUERY_CHARS = 4_000
MAX_STEPS = 100_000
MAX_VALUE_CHARS = 1_000
MAX_COPIES = 500
READS, WRITES = ("select", "with", "values"), ("insert", "update", "delete", "replace")
FUNCTIONS = frozenset(
    """abs avg cast char coalesce count cume_dist dense_rank first_value glob group_concat hex ifnull iif instr
    lag last_value lead length like lower ltrim max min nth_value ntile nullif percent_rank quote rank replace round
    row_number rtrim sign substr substring sum total trim typeof unicode upper""".split()
)
_LIMITS: Mapping[int, int] = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 20,
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE_CHARS,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: MAX_PATTERN_CHARS,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * MAX_QUERY_CHARS,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 5,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_STEPS_AT_ONCE = 1_000
_TOO_MUCH = f"the query was stopped after {MAX_STEPS:,} steps; make it smaller"
_SYSTEM = frozenset({"sqlite_master", "sqlite_schema"})
_CHANGES: Mapping[int, str] = {
    sqlite3.SQLITE_INSERT: "insert into",
    sqlite3.SQLITE_UPDATE: "update",
    sqlite3.SQLITE_DELETE: "delete from",
}
# Strings, quoted names and comments as wholes, so that no word in them is taken for SQL.
_TOKEN = re.compile(
    r"'(?:[^']|'')*+'?|\"(?P<quoted>(?:[^\"]|\"\")*+)\"?|\[(?P<bracket>[^\]]*+)\]?|`(?P<tick>(?:[^`]|``)*+)`?"
    r"|--[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|(?P<word>[^\W\d]\w*+)|\d[\w.]*+|\S"
)


class Guard:
    """Watches over the statements of one connection while it is armed.

    Args:
        tables: Names of tables and views that may be read, and where `writes` also written.
        writes: Whether anything may be changed.
    """

    def __init__(self, tables: Collection[str], writes: bool) -> None:
        self._tables = frozenset(name.casefold() for name in tables)
        self._writes = writes
        self._armed = False
        self._steps = 0
        self._functions = Functions(self.spend, self._refused, MAX_VALUE_CHARS)
        self.reason = ""
        """Why the last statement was refused, where that was done here."""

    def watch(self, connection: sqlite3.Connection) -> None:
        """Take a connection under guard, and set its limits; to be called once its database is filled."""
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        self._functions.install(connection)
        connection.set_authorizer(self.authorize)
        connection.set_progress_handler(self.progress, _STEPS_AT_ONCE)

    def arm(self) -> None:
        """Begin a statement of the policy."""
        self._armed, self._steps, self.reason = True, 0, ""
        self._functions.begin()

    def disarm(self) -> None:
        """End it; what follows is ours."""
        self._armed = False

    def authorize(self, action: int, first: str | None, second: str | None, *where: str | None) -> int:
        """The authorizer; see `sqlite3.Connection.set_authorizer`."""
        if not self._armed or action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        fault = self._fault(action, first or "", second or "")
        if fault:
            self.reason = self.reason or fault
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    def _fault(self, action: int, first: str, second: str) -> str:
        name = first.casefold()
        if action == sqlite3.SQLITE_FUNCTION:
            return "" if second.casefold() in FUNCTIONS else f"the function {second} is not offered here"
        if action == sqlite3.SQLITE_READ:  # one without a column may be of a WITH table
            return "" if not second or name in self._tables or name in _SYSTEM else f"there is no table {shown(first)}"
        if action not in _CHANGES:
            return "only rows can be read and changed here, not the database itself"
        if name in _SYSTEM:  # so does SQLite ask for a table that it would first have to make, such as json_each
            return "only the tables of schema() are offered here"
        return "" if self._writes and name in self._tables else f"you may not {_CHANGES[action]} {first}"

    def progress(self) -> bool:
        """The progress handler: whether the statement is to be stopped."""
        if not self._armed:
            return False
        self._steps += _STEPS_AT_ONCE
        if self._steps < MAX_STEPS:
            return False
        self.reason = _TOO_MUCH
        return True

    def spend(self, steps: int) -> None:
        """Count work that SQLite does not.

        Raises:
            ToolError: No more of it is to be done.
        """
        if self._armed:
            self._steps += steps
            if self._steps >= MAX_STEPS:
                raise self._refused(_TOO_MUCH)

    def _refused(self, reason: str) -> ToolError:
        self.reason = reason
        return ToolError(reason)


def check_statement(query: str, writes: bool) -> None:
    """Refuse by its text what is too long or too large to be read, or no statement that is offered.

    Raises:
        ToolError: It says what is wrong.

    Example:
        >>> check_statement("SELECT 1", writes=False)
        >>> check_statement("-- all\\nDROP TABLE x", writes=False)
        Traceback (most recent call last):
        ...
        rlvr_gym.envs.tools.toolkit.ToolError: a query begins with SELECT, WITH or VALUES
    """
    if len(query) > MAX_QUERY_CHARS:
        raise ToolError(f"a query may have {MAX_QUERY_CHARS:,} characters, this one has {len(query):,}")
    if "\x00" in query or (not query.isascii() and any("\ud800" <= char <= "\udfff" for char in query)):
        raise ToolError("a query may hold no NUL and no surrogates")
    words = _words(query)
    allowed = READS + WRITES * writes
    if not words or words[0] not in allowed:
        *first, last = (word.upper() for word in allowed)
        raise ToolError(f"a query begins with {', '.join(first)} or {last}")
    if _copies(words) > MAX_COPIES:
        raise ToolError("the WITH tables build too often on one another; use fewer, or use each of them once")


def _words(query: str) -> list[str]:
    """Names and keywords folded, and whatever else as one character; comments left out."""
    found = []
    for match in _TOKEN.finditer(query):
        if match[0].startswith(("--", "/*")):
            continue
        name = match["word"] or match["quoted"] or match["bracket"] or match["tick"]
        found.append(name.casefold() if name else match[0][0])
    return found


def _copies(words: list[str]) -> int:
    """At most how often a table of a WITH is copied while a statement is read: each use of one copies it."""
    after_next = zip(words, words[1:], words[2:], strict=False)
    defined = {word for word, after, last in after_next if _is_head(after, last)} | set(_named_with_columns(words))
    uses = Counter(
        word for word, after in zip(words, [*words[1:], ""], strict=True) if word in defined and after != "."
    )
    copies = 1
    for name in sorted(defined):
        copies *= max(1, uses[name] - 1)
        if copies > MAX_COPIES:
            break
    return copies


def _is_head(word: str, after: str) -> bool:
    return word == "as" and after in ("(", "materialized", "not")


def _named_with_columns(words: list[str]) -> list[str]:
    """The names in `name(column, ...) AS (`."""
    found = []
    opened: list[int] = []
    for i, word in enumerate(words):
        if word == "(":
            opened.append(i)
        elif word == ")" and opened:
            start = opened.pop()
            if start and i + 2 < len(words) and _is_head(words[i + 1], words[i + 2]):
                found.append(words[start - 1])
    return found
