"""What the worlds of `ToolWorld` share: a database behind tools, and how a customer with wishes is made."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import copied
from rlvr_gym.envs.tools.toolkit import ToolError, Toolkit, tool
from rlvr_gym.verifiers.errors import shown

TODAY = date(2031, 6, 15)
VERIFY = "verify_customer"
LEAST_SOUGHT, MAX_FOUND = 3, 5  # characters of what is searched for; rows that a search gives

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]
Call = dict[str, Any]  # {"name", "arguments"}

_FIRST = "Ada Bela Cleo Dora Emil Finn Gita Hugo Ines Jona Kira Levi Mara Nils Olga Paul Rosa Sven Tara Uwe".split()
_LAST = "Abbot Berg Conti Drake Eriks Falk Grant Holm Ivers Jensen Klein Lund Moser Novak Olsen Perez".split()


class WorldKit(Toolkit, ABC):
    """A database with tools.

    The tools do what can be done, not what may be done: the rules are for the policy to keep.

    Args:
        tables: Name of a table to key to row; copied.
    """

    people: ClassVar[str]

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._state: dict[str, Any] = {"tables": copied(tables), "session": {"verified": []}}

    @tool()
    def verify_customer(self, email: str, code: str) -> Row:
        """Check who the customer is; gives the number and the name.

        Args:
            email: Email address.
            code: The customer's code of 6 digits.
        """
        for key, row in self.table(self.people).items():
            if (row["email"], row["code"]) == (email.strip().lower(), code):
                if key not in self._state["session"]["verified"]:
                    self._state["session"]["verified"].append(key)
                return {"customer": key, "name": row["name"]}
        raise ToolError("no customer has this email and this code")

    def table(self, name: str) -> dict[str, Row]:
        """A table: key to row."""
        found: dict[str, Row] = self._state["tables"][name]
        return found

    def row(self, table: str, key: str) -> Row:
        """A row.

        Raises:
            ToolError: There is none.
        """
        if key not in self.table(table):
            raise ToolError(f"there is no {shown(key)} among the {table}")
        return self.table(table)[key]

    def rows_of(self, table: str, owner: str) -> dict[str, Row]:
        """The rows of a customer.

        Raises:
            ToolError: There is no such customer.
        """
        self.row(self.people, owner)
        return {key: row for key, row in self.table(table).items() if row["customer"] == owner}

    def search(self, table: str, field: str, text: str) -> Row:
        """The rows that have a text in a field: key to field. No search gives a whole table.

        Raises:
            ToolError: The text is too short, or too many rows have it.
        """
        if len(text.strip()) < LEAST_SOUGHT:
            raise ToolError(f"a search needs {LEAST_SOUGHT} letters at least")
        found = {key: row[field] for key, row in self.table(table).items() if text.lower() in row[field]}
        if len(found) > MAX_FOUND:
            raise ToolError(f"{len(found)} of the {table} match, more than {MAX_FOUND}: say more of the {field}")
        return found

    def get_state(self) -> Any:
        """See `Toolkit.get_state`."""
        return self._state

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        if not isinstance(state, Mapping) or state.keys() != {"tables", "session"}:
            raise SnapshotError(f"expected the state of a world, got {shown(state)}")
        self._state = dict(state)


class Wish(NamedTuple):
    """What a customer wants, and what is to be done about it.

    Args:
        says: How it is brought up; gives no details.
        details: What the customer tells when asked: topic (see `user.TOPICS`) to sentence.
        reads: Calls that find out what must be known.
        changes: Calls that fulfil it; where it must be refused, those that would.
        tells: What the customer must be told; see `episode@1`.
        names: What a question for consent must name.
        refused: Why it must be refused; empty where it may be fulfilled.
    """

    says: str
    details: Mapping[str, str]
    reads: Sequence[Call] = ()
    changes: Sequence[Call] = ()
    tells: Sequence[str] = ()
    names: Sequence[str] = ()
    refused: str = ""


class Builder:
    """A world in the making.

    Args:
        rng: Where everything random comes from.
        domain: What kind of world.
    """

    def __init__(self, rng: TaskRandom, domain: Domain) -> None:
        self.rng, self.domain = rng, domain
        self.tables: Tables = {name: {} for name in (domain.kit.people, *domain.tables)}
        self._used: set[Any] = set()
        self.customer = self.person()

    def person(self) -> str:
        """Add a customer; gives the key."""
        first, last = self.unused(lambda: (self.rng.choice(_FIRST), self.rng.choice(_LAST)))
        row = {"name": f"{first} {last}", "email": f"{first}.{last}@example.org".lower()}
        row["code"] = str(self.rng.between(100_000, 999_999))
        return self.add(self.domain.kit.people, "C", {**row, **self.domain.owns(self)})

    def add(self, table: str, letter: str, row: Row) -> str:
        """Add a row under a new key."""
        key: str = self.unused(lambda: f"{letter}-{self.rng.between(1000, 9999)}")
        self.tables[table][key] = row
        return key

    def unused(self, draw: Callable[[], Any]) -> Any:
        """What is drawn and has not been drawn before."""
        value = draw()
        while value in self._used:
            value = draw()
        self._used.add(value)
        return value

    def amount(self, low: int, high: int) -> str:
        """An amount of money, with cents that are not zero."""
        return money(100 * self.rng.between(low, high - 1) + self.rng.between(11, 99))

    def day(self, first: int, last: int) -> str:
        """A date, in days from today."""
        return (TODAY + timedelta(days=self.rng.between(first, last))).isoformat()


class Domain(NamedTuple):
    """A kind of world.

    Args:
        kit: The tools.
        tables: Tables beside that of the customers.
        desk: For whom the policy works.
        rules: What is allowed; given to the policy.
        allowed: Makers of wishes that may be fulfilled.
        refused: Makers of wishes that must be refused.
        stranger: Adds another customer with what such a customer has.
        changes: Tools that change something, and their arguments that say what is changed; the others say to what.
        owns: What stands in the row of a customer besides.
        once: Tools of which one wish of a customer at most may have need.
    """

    kit: type[WorldKit]
    tables: tuple[str, ...]
    desk: str
    rules: tuple[str, ...]
    allowed: tuple[Callable[[Builder], Wish], ...]
    refused: tuple[Callable[[Builder], Wish], ...]
    stranger: Callable[[Builder], None]
    changes: Mapping[str, tuple[str, ...]]
    owns: Callable[[Builder], Row] = lambda build: {}
    once: tuple[str, ...] = ()


def call(tool_name: str, /, **arguments: Any) -> Call:
    """A call as JSON."""
    return {"name": tool_name, "arguments": arguments}


def money(cents: int) -> str:
    """An amount as it stands in the database.

    Example:
        >>> money(1205), cents("12.05")
        ('12.05', 1205)
    """
    return f"{cents // 100}.{cents % 100:02d}"


def cents(amount: str) -> int:
    """The inverse of `money`."""
    return int(amount.replace(".", ""))


def later(day: str, days: int) -> str:
    """A date some days after another.

    Example:
        >>> later("2031-06-15", 21)
        '2031-07-06'
    """
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
