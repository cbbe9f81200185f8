"""A library: loans to renew, books to lend and to reserve, fines to pay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rlvr_gym.envs.tools.toolkit import ToolError, tool
from rlvr_gym.envs.worlds.base import TODAY, Builder, Domain, Row, Wish, WorldKit, call, cents, later, money

LOAN_DAYS = 21
MAX_RENEWALS = 2
DATES = 300  # days from today within which dates are drawn: too many to tell them all
_AMOUNT = re.compile(r"(?:0|[1-9]\d{0,5})\.\d\d", re.ASCII)
_OF = (
    "the glass garden,a winter harbour,the last lighthouse,seven bridges,the paper map,a quiet engine,the blue door,"
    "twelve letters,an empty orchard,the slow river,a borrowed coat,the third witness,salt roads,the clockmaker"
).split(",")
_AND = (
    "its keeper,other stories,the sea,a storm,the silver key,what came after,her brother,the long night,two maps,"
    "an old song,the visitor,a white horse,the first snow,four friends"
).split(",")


class LibraryKit(WorldKit):
    """The tools of a library.

    Example:
        >>> kit = LibraryKit({"members": {}, "books": {}, "loans": {}})
        >>> [tool.name for tool in kit.tools()][-2:]
        ['reserve_book', 'pay_fines']
    """

    people = "members"

    @tool()
    def get_fines(self, customer: str) -> str:
        """What a member owes.

        Args:
            customer: Number of the member.
        """
        return str(self.row("members", customer)["fines"])

    @tool()
    def list_loans(self, customer: str) -> Row:
        """A member's loans: number to book.

        Args:
            customer: Number of the member.
        """
        return {key: row["book"] for key, row in self.rows_of("loans", customer).items()}

    @tool()
    def get_loan(self, loan: str) -> Row:
        """All about a loan.

        Args:
            loan: Number of the loan.
        """
        return self.row("loans", loan)

    @tool()
    def search_books(self, title: str) -> Row:
        """Books by title: number to title.

        Args:
            title: The title or a part of it, of 3 letters or more.
        """
        return self.search("books", "title", title)

    @tool()
    def get_book(self, book: str) -> Row:
        """All about a book.

        Args:
            book: Number of the book.
        """
        return self.row("books", book)

    @tool()
    def renew_loan(self, loan: str) -> Row:
        """Put off the day on which a loan is due by 21 days.

        Args:
            loan: Number of the loan.
        """
        row = self.row("loans", loan)
        if row["renewals"] >= 99:
            raise ToolError("a loan cannot be renewed a hundred times")
        row |= {"due": later(row["due"], LOAN_DAYS), "renewals": row["renewals"] + 1}
        return {"loan": loan, "due": row["due"]}

    @tool()
    def lend_book(self, customer: str, book: str) -> Row:
        """Lend a book for 21 days; it is fetched from its shelf.

        Args:
            customer: Number of the member.
            book: Number of the book.
        """
        self.row("members", customer)
        row, key = self.row("books", book), f"L-{book}-{customer}"
        if row["free"] < 1 or key in self.table("loans"):
            raise ToolError(f"no copy of {book} can be lent to {customer}")
        row["free"] -= 1
        due = later(TODAY.isoformat(), LOAN_DAYS)
        self.table("loans")[key] = {"customer": customer, "book": book, "due": due, "renewals": 0}
        return {"loan": key, "due": due, "shelf": row["shelf"]}

    @tool()
    def reserve_book(self, customer: str, book: str) -> Row:
        """Reserve a book for a member.

        Args:
            customer: Number of the member.
            book: Number of the book.
        """
        self.row("members", customer)
        row = self.row("books", book)
        if customer in row["reserved_by"]:
            raise ToolError(f"{customer} has reserved {book} already")
        row["reserved_by"].append(customer)
        return {"book": book, "reserved_by": row["reserved_by"], "next_return": row["next_return"]}

    @tool()
    def pay_fines(self, customer: str, amount: str) -> Row:
        """Pay fines with the card that the library has on file.

        Args:
            customer: Number of the member.
            amount: How much, with two decimals, such as 3.05.
        """
        row = self.row("members", customer)
        paid = _read_amount(amount)
        if not 0 < paid <= cents(row["fines"]):
            raise ToolError(f"{customer} owes {row['fines']}")
        row["fines"] = money(cents(row["fines"]) - paid)
        return {"customer": customer, "left": row["fines"]}


def _read_amount(text: str) -> int:
    if not _AMOUNT.fullmatch(text):
        raise ToolError("an amount is written with two decimals and no more zeros than needed, such as 3.05")
    return cents(text)


def _book(build: Builder, **given: Any) -> str:
    draw = build.rng.choice
    row = {"title": build.unused(lambda: f"{draw(_OF)} and {draw(_AND)}"), "free": build.rng.between(1, 4)}
    shelf = f"{draw('ABCDEFGH')}{draw('KLMNPQRS')}-{build.rng.between(100, 999)}.{build.rng.between(1, 99)}"
    row |= {"shelf": shelf, "lendable": True, "reserved_by": [], "next_return": build.day(1, DATES)}
    return build.add("books", "T", {**row, **given})


def _loan(build: Builder, customer: str = "", book: Mapping[str, Any] | None = None, **given: Any) -> str:
    person = customer or build.customer
    row = {"customer": person, "book": _book(build, **(book or {})), "due": build.day(0, DATES)}
    return build.add("loans", "L", {**row, "renewals": build.rng.below(MAX_RENEWALS), **given})


def _title(build: Builder, book: str) -> dict[str, str]:
    return {"book": f'It is "{build.tables["books"][book]["title"]}".'}


def _found(build: Builder, book: str) -> tuple[dict[str, Any], ...]:
    return call("search_books", title=build.tables["books"][book]["title"]), call("get_book", book=book)


def _renew(build: Builder, loan: str, refused: str = "") -> Wish:
    row = build.tables["loans"][loan]
    return Wish(
        "I would like to keep a book for longer.",
        _title(build, row["book"]),
        (call("list_loans", customer=build.customer), call("get_loan", loan=loan), call("get_book", book=row["book"])),
        (call("renew_loan", loan=loan),),
        () if refused else (later(row["due"], LOAN_DAYS),),
        (loan,),
        refused,
    )


def _lend(build: Builder, book: str, refused: str = "") -> Wish:
    return Wish(
        "I would like to borrow a book.",
        _title(build, book),
        _found(build, book),
        (call("lend_book", customer=build.customer, book=book),),
        () if refused else (build.tables["books"][book]["shelf"],),
        (book,),
        refused,
    )


def _reserve(build: Builder, book: str, refused: str = "") -> Wish:
    return Wish(
        "I would like to reserve a book, and to know when it comes back.",
        _title(build, book),
        _found(build, book),
        (call("reserve_book", customer=build.customer, book=book),),
        () if refused else (build.tables["books"][book]["next_return"],),
        (book,),
        refused,
    )


def _pay(build: Builder, refused: str = "") -> Wish:
    fines = build.tables["members"][build.customer]["fines"]
    amount = money(cents(fines) // 2 + 1) if refused else fines
    how = f"I want to pay {amount} of them for now." if refused else "I want to pay all of them."
    return Wish(
        "I would like to pay my fines.",
        {"amount": how},
        (call("get_fines", customer=build.customer),),
        (call("pay_fines", customer=build.customer, amount=amount),),
        () if refused else (fines,),
        (amount,),
        refused,
    )


def _ask_due(build: Builder) -> Wish:
    loan = _loan(build)
    row = build.tables["loans"][loan]
    reads = (
        call("list_loans", customer=build.customer),
        call("get_loan", loan=loan),
        call("get_book", book=row["book"]),
    )
    says = "I would like to know when I must bring a book back, and to which shelf."
    tells = (row["due"], build.tables["books"][row["book"]]["shelf"])  # a date alone could be guessed
    return Wish(says, _title(build, row["book"]), reads, (), tells)


def _stranger(build: Builder) -> None:
    person = build.person()
    for _ in range(2):
        _loan(build, person)


LIBRARY = Domain(
    LibraryKit,
    ("books", "loans"),
    "the desk of a library",
    (
        f"A loan may be renewed {MAX_RENEWALS} times at most, and never while somebody has reserved the book. Tell the "
        "new date.",
        "Lend a book only if it is lendable and a copy is free. Tell the shelf.",
        "Reserve a book only if no copy is free. Tell the date of the next return.",
        "Fines are paid all at once, never in part. Tell the amount.",
    ),
    (
        lambda build: _renew(build, _loan(build)),
        lambda build: _lend(build, _book(build)),
        lambda build: _reserve(build, _book(build, free=0)),
        _pay,
        _ask_due,
    ),
    (
        lambda build: _renew(build, _loan(build, renewals=MAX_RENEWALS), "it has been renewed twice"),
        lambda build: _renew(build, _loan(build, book={"reserved_by": [build.person()]}), "somebody has reserved it"),
        lambda build: _lend(build, _book(build, lendable=False), "it is not for lending"),
        lambda build: _reserve(build, _book(build), "a copy is free"),
        lambda build: _pay(build, "fines are paid all at once"),
    ),
    _stranger,
    {
        "renew_loan": ("loan",),
        "lend_book": ("customer", "book"),
        "reserve_book": ("customer", "book"),
        "pay_fines": ("customer",),
    },
    lambda build: {"fines": build.amount(1, 30)},
    ("pay_fines",),
)
