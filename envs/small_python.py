"""A small language of integers and lists of integers: printed as Python, evaluated here.

A program is a function body over named integers and one list, ended by `return`. Its evaluator gives what Python gives,
and runs nothing but itself; a test runs printed programs in a sandbox and compares. Every program ends: loops are
counted, and `Run` stops what grows too long or too large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Value = int | list[int]


class TooMuch(ArithmeticError):
    """A program took more steps or reached larger values than it may."""


@dataclass
class Run:
    """What a program has while it runs.

    Args:
        values: Variables.
        steps: Statements that it may still execute.
        largest: Greatest absolute value that an integer may have.
    """

    values: dict[str, Value]
    steps: int
    largest: int = 99_999

    def spend(self) -> None:
        """Count one statement.

        Raises:
            TooMuch: There are none left.
        """
        self.steps -= 1
        if self.steps < 0:
            raise TooMuch("steps")

    def checked(self, value: int) -> int:
        """The value.

        Raises:
            TooMuch: It is too large.
        """
        if abs(value) > self.largest:
            raise TooMuch("value")
        return value


# --- Expressions ---------------------------------------------------------------------------------------------------


class Expression(Protocol):
    """What has a value."""

    def text(self) -> str:
        """As Python."""

    def value(self, run: Run) -> int:
        """What it is now."""


OPERATORS: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}
COMPARISONS: Mapping[str, Callable[[int, int], int]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
FUNCTIONS: Mapping[str, Callable[..., int]] = {"abs": abs, "max": max, "min": min}
_OPERATIONS = {**OPERATORS, **COMPARISONS}
TOTALS: Mapping[str, Callable[[list[int]], int]] = {"len": len, "max": max, "min": min, "sum": sum}


class Number(NamedTuple):
    """A constant."""

    number: int

    def text(self) -> str:
        """See `Expression`."""
        return str(self.number)

    def value(self, run: Run) -> int:
        """See `Expression`."""
        return self.number


class Name(NamedTuple):
    """A variable that holds an integer."""

    name: str

    def text(self) -> str:
        """See `Expression`."""
        return self.name

    def value(self, run: Run) -> int:
        """See `Expression`."""
        value = run.values[self.name]
        return value if isinstance(value, int) else 0  # a list is never asked for here


class Binary(NamedTuple):
    """Two expressions and an operator; the right side of `//` and `%` is never zero, and no comparison is compared."""

    left: Expression
    operator: str
    right: Expression

    def text(self) -> str:
        """See `Expression`."""
        if self.operator in COMPARISONS:
            return f"{self.left.text()} {self.operator} {self.right.text()}"
        return f"{_bracketed(self.left)} {self.operator} {_bracketed(self.right)}"

    def value(self, run: Run) -> int:
        """See `Expression`."""
        return run.checked(_OPERATIONS[self.operator](self.left.value(run), self.right.value(run)))


class Applied(NamedTuple):
    """A function of `FUNCTIONS`."""

    function: str
    arguments: Sequence[Expression]

    def text(self) -> str:
        """See `Expression`."""
        return f"{self.function}({', '.join(argument.text() for argument in self.arguments)})"

    def value(self, run: Run) -> int:
        """See `Expression`."""
        return FUNCTIONS[self.function](*(argument.value(run) for argument in self.arguments))


class Total(NamedTuple):
    """A function of `TOTALS` of the list, which is never empty."""

    function: str
    name: str

    def text(self) -> str:
        """See `Expression`."""
        return f"{self.function}({self.name})"

    def value(self, run: Run) -> int:
        """See `Expression`."""
        return run.checked(TOTALS[self.function](_list(run, self.name)))


class Item(NamedTuple):
    """An element of the list: a constant index, or one that is taken modulo the length."""

    name: str
    position: Expression

    def text(self) -> str:
        """See `Expression`."""
        if isinstance(self.position, Number):
            return f"{self.name}[{self.position.text()}]"
        return f"{self.name}[{_bracketed(self.position)} % len({self.name})]"

    def value(self, run: Run) -> int:
        """See `Expression`."""
        return _list(run, self.name)[self.place(run)]

    def place(self, run: Run) -> int:
        """Which element."""
        index = self.position.value(run)
        return index if isinstance(self.position, Number) else index % len(_list(run, self.name))


def _bracketed(expression: Expression) -> str:
    """As Python beside an operator."""
    return f"({expression.text()})" if isinstance(expression, Binary) else expression.text()


def _list(run: Run, name: str) -> list[int]:
    values = run.values[name]
    return values if isinstance(values, list) else []


# --- Statements ----------------------------------------------------------------------------------------------------


class Statement(Protocol):
    """What changes variables."""

    def lines(self) -> list[str]:
        """As Python."""

    def execute(self, run: Run) -> None:
        """Do it."""


class Assign(NamedTuple):
    """`target operator= expression`; an empty operator assigns."""

    target: Name | Item
    operator: str
    expression: Expression

    def lines(self) -> list[str]:
        """See `Statement`."""
        return [f"{self.target.text()} {self.operator}= {self.expression.text()}"]

    def execute(self, run: Run) -> None:
        """See `Statement`."""
        run.spend()
        value = self.expression.value(run)
        if self.operator:
            value = run.checked(OPERATORS[self.operator](self.target.value(run), value))
        if isinstance(self.target, Item):
            _list(run, self.target.name)[self.target.place(run)] = value
        else:
            run.values[self.target.name] = value


class If(NamedTuple):
    """A condition with one or two branches."""

    condition: Expression
    body: Sequence[Statement]
    otherwise: Sequence[Statement]

    def lines(self) -> list[str]:
        """See `Statement`."""
        found = [f"if {self.condition.text()}:", *indented(self.body)]
        return [*found, "else:", *indented(self.otherwise)] if self.otherwise else found

    def execute(self, run: Run) -> None:
        """See `Statement`."""
        run.spend()
        execute(self.body if self.condition.value(run) else self.otherwise, run)


class Count(NamedTuple):
    """`for name in range(times)`; the body does not assign the name."""

    name: Name
    times: int
    body: Sequence[Statement]

    def lines(self) -> list[str]:
        """See `Statement`."""
        return [f"for {self.name.text()} in range({self.times}):", *indented(self.body)]

    def execute(self, run: Run) -> None:
        """See `Statement`."""
        for i in range(self.times):
            run.spend()
            run.values[self.name.name] = i
            execute(self.body, run)


class Each(NamedTuple):
    """`for name in list`, over each element as it is when its turn comes."""

    name: Name
    of: str
    body: Sequence[Statement]

    def lines(self) -> list[str]:
        """See `Statement`."""
        return [f"for {self.name.text()} in {self.of}:", *indented(self.body)]

    def execute(self, run: Run) -> None:
        """See `Statement`."""
        for value in _list(run, self.of):  # the length never changes
            run.spend()
            run.values[self.name.name] = value
            execute(self.body, run)


class Shrink(NamedTuple):
    """`while name > limit`: the body, then a step down; the body does not assign the name."""

    name: Name
    limit: int
    step: int
    body: Sequence[Statement]

    def lines(self) -> list[str]:
        """See `Statement`."""
        last = f"    {self.name.text()} -= {self.step}"
        return [f"while {self.name.text()} > {self.limit}:", *indented(self.body), last]

    def execute(self, run: Run) -> None:
        """See `Statement`."""
        while self.name.value(run) > self.limit:
            run.spend()
            execute(self.body, run)
            run.values[self.name.name] = self.name.value(run) - self.step


def indented(body: Sequence[Statement]) -> list[str]:
    """The lines of statements, one level in."""
    return [f"    {line}" for statement in body for line in statement.lines()]


def execute(body: Sequence[Statement], run: Run) -> None:
    """Do statements, one after the other."""
    for statement in body:
        statement.execute(run)


# --- Programs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """A function: parameters, statements, and the value that it returns.

    Example:
        >>> a = Name("a")
        >>> double = Function(("a",), (Count(Name("i"), 3, (Assign(a, "*", Number(2)),)),), Binary(a, "+", Number(1)))
        >>> print(double.text())
        def f(a):
            for i in range(3):
                a *= 2
            return a + 1
        >>> double.call([5])
        41
    """

    parameters: tuple[str, ...]
    body: tuple[Statement, ...]
    result: Expression
    name: str = "f"

    def text(self) -> str:
        """As Python."""
        head = f"def {self.name}({', '.join(self.parameters)}):"
        return "\n".join([head, *indented(self.body), f"    return {self.result.text()}"])

    def call(self, arguments: Sequence[Value], *, steps: int = 1_000) -> int:
        """What it returns.

        Args:
            arguments: Of the parameters.
            steps: Statements that may be executed.

        Raises:
            TooMuch: It does not come to an end soon, or a value grows too large.
        """
        copies = [list(value) if isinstance(value, list) else value for value in arguments]
        run = Run(dict(zip(self.parameters, copies, strict=True)), steps)
        execute(self.body, run)
        return self.result.value(run)
