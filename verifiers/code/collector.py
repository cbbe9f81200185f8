"""What test files in the style of pytest need: a small `pytest`, and the collection of functions and classes.

A part of the judge. Only what is here exists: no plugins, no `conftest` hooks, no files. A test that skips itself or is
expected to fail counts as failed.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rlvr_gym.verifiers.code.judge import Failed, Step, execute
from rlvr_gym.verifiers.code.proxy import Link, Proxy

UNSUPPORTED_CODE = 0x20 | 0x80 | 0x200  # generators and coroutines: calling them runs nothing


def fail(reason: str = "", *args: Any, **kwargs: Any) -> None:
    """`pytest.fail`, `pytest.skip`, `pytest.xfail`."""
    raise Failed(reason)


class Raises:
    """`pytest.raises`: a context in which an exception must be raised.

    A class of the candidate is known by its name: an exception matches where its own class or a base is called so.
    """

    def __init__(self, expected: Any, match: str | None = None) -> None:
        self.expected = expected if isinstance(expected, tuple) else (expected,)
        self.pattern = match
        self.value: Any = None
        self.type: Any = None

    def __enter__(self) -> Raises:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if error is None:
            raise Failed("nothing was raised")
        if not any(self.matches(expected, error) for expected in self.expected):
            return False
        self.value, self.type = error, kind
        if self.pattern is not None:
            self.match(self.pattern)
        return True

    def matches(self, expected: Any, error: BaseException) -> bool:
        """Whether an exception is of the kind that is expected."""
        names = getattr(error, "rlvr_names", None)
        if isinstance(expected, Proxy):
            return names is not None and expected.__name__ in names
        if names is not None and expected is not Exception:
            return expected.__name__ in names
        return isinstance(error, expected)

    def match(self, pattern: str) -> bool:
        """Whether the text of the exception has a place that fits the pattern."""
        import re

        if not re.search(pattern, str(self.value)):
            raise Failed("the text of the exception does not match")
        return True


def raises(expected: Any, *call: Any, match: str | None = None, **kwargs: Any) -> Any:
    """`pytest.raises`, as a context or with the function to call."""
    if not call:
        return Raises(expected, match)
    with Raises(expected, match) as caught:
        call[0](*call[1:], **kwargs)
    return caught


class Approx:
    """`pytest.approx`: equal within a tolerance, for numbers, sequences and dicts of them."""

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> None:
        self.expected, self.rel, self.abs, self.nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, actual: object) -> bool:
        return self.close(self.expected, actual)

    __hash__ = None  # type: ignore[assignment]

    def close(self, expected: Any, actual: Any) -> bool:
        """Whether a value is close to what is expected."""
        if isinstance(expected, dict):
            same = isinstance(actual, dict) and expected.keys() == actual.keys()
            return same and all(self.close(value, actual[key]) for key, value in expected.items())
        if isinstance(expected, (list, tuple)):
            same = isinstance(actual, (list, tuple)) and len(expected) == len(actual)
            return same and all(self.close(one, other) for one, other in zip(expected, actual))  # noqa: B905
        if isinstance(actual, (Proxy, str, bytes)) or actual is None:
            return bool(expected is actual or (type(expected) is type(actual) and expected == actual))
        if expected == actual:
            return True
        if expected != expected or actual != actual:
            return self.nan_ok and expected != expected and actual != actual
        if expected in (float("inf"), float("-inf")):
            return False
        absolute = 1e-12 if self.abs is None else self.abs
        relative = (1e-6 if self.abs is None else 0.0) if self.rel is None else self.rel
        return bool(abs(expected - actual) <= max(absolute, relative * abs(expected)))


class Param(tuple):  # type: ignore[type-arg]
    """`pytest.param`: the values of one case; one with marks is not run as it is."""

    marks: Any = ()


def param(*values: Any, marks: Any = (), id: object = None) -> Param:
    """`pytest.param`."""
    made = Param(values)
    made.marks = marks
    return made


class Marks:
    """`pytest.mark`: `parametrize`, `skip`, `skipif` and `xfail` are known; other marks change nothing."""

    def parametrize(self, names: Any, cases: Any, **options: Any) -> Callable[[Any], Any]:
        """Run a test once for each case."""
        keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        made = []
        for case in cases:
            row = case if len(keys) > 1 or isinstance(case, Param) else (case,)
            if len(row) != len(keys):
                raise ValueError(f"parametrize has {len(keys)} names and a case of {len(row)} values")
            made.append(dict(zip(keys, row)))  # noqa: B905 - as many, and older Pythons know no strict
            if getattr(row, "marks", ()):
                made[-1][""] = "marked"

        def mark(target: Any) -> Any:
            target.rlvr_cases = [made, *getattr(target, "rlvr_cases", [])]
            return target

        return mark

    def skip(self, *args: Any, **options: Any) -> Any:
        """Counts as failed."""
        if len(args) == 1 and callable(args[0]):
            args[0].rlvr_skipped = True
            return args[0]
        return self.skip

    xfail = skip

    def skipif(self, condition: Any, **options: Any) -> Any:
        """Counts as failed where the condition holds."""
        return self.skip if condition else lambda target: target

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: args[0] if len(args) == 1 and callable(args[0]) else lambda target: target


def fixture(function: Any = None, *, autouse: bool = False, name: str | None = None, scope: str = "") -> Any:
    """`pytest.fixture`: made anew for each test, whatever its scope."""
    if function is None:
        return lambda target: fixture(target, autouse=autouse, name=name)
    function.rlvr_fixture = (name or function.__name__, autouse)
    return function


def small_pytest() -> Any:
    """The module `pytest` of the tests."""
    module = type(sys)("pytest")
    known = {"fail": fail, "skip": fail, "xfail": fail, "raises": raises, "approx": Approx, "param": param}
    module.__dict__.update(known, mark=Marks(), fixture=fixture)
    return module


def arguments(function: Any) -> list[str]:
    """The names of the arguments that a test or a fixture must be given."""
    code = function.__code__
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    return names[: len(names) - len(function.__defaults__ or ()) - len(function.__kwdefaults__ or ())]


class Collection:
    """Tests and fixtures of all files."""

    def __init__(self) -> None:
        self.fixtures: dict[str, Any] = {}
        self.steps: list[Step] = []

    def add(self, names: dict[str, Any]) -> None:
        """Collect from the names of one file, in the order of their definition."""
        functions = [value for value in list(names.values()) if type(value) is type(fail)]
        self.fixtures |= {f.rlvr_fixture[0]: f for f in functions if hasattr(f, "rlvr_fixture")}
        for name, value in list(names.items()):
            if name.startswith("test") and value in functions:
                self.add_cases(value, None)
            elif isinstance(value, type) and (name.startswith("Test") or hasattr(value, "assertEqual")):
                methods = {
                    key: None for base in reversed(value.__mro__) for key in vars(base) if key.startswith("test")
                }
                for key in methods:
                    self.add_cases(getattr(value, key), value)

    def add_cases(self, function: Any, owner: Any) -> None:
        """One test for each combination of cases."""
        if function.__code__.co_flags & UNSUPPORTED_CODE:
            raise TypeError(f"{function.__name__} is a generator or a coroutine, which is not run here")
        skipped = getattr(function, "rlvr_skipped", False) or getattr(owner, "rlvr_skipped", False)
        combinations: list[dict[str, Any]] = [{}]
        for cases in [*getattr(owner, "rlvr_cases", []), *getattr(function, "rlvr_cases", [])]:
            combinations = [{**one, **case} for one in combinations for case in cases]
        for values in combinations:
            wanted = arguments(function)[owner is not None :]
            for name in wanted:
                if name not in values and name not in self.fixtures:
                    raise LookupError(f"{function.__name__} asks for {name!r}, and there is no such fixture here")
            off = skipped or values.pop("", None) is not None
            self.steps.append(Step(fail if off else Test(self.fixtures, function, owner, values)))


class Test:
    """One test with its fixtures, ready to run."""

    def __init__(self, fixtures: dict[str, Any], function: Any, owner: Any, values: dict[str, Any]) -> None:
        self.fixtures, self.function, self.owner, self.values = fixtures, function, owner, values

    def __call__(self) -> None:
        """Set up, run, tear down."""
        made = dict(self.values)
        endings: list[Iterator[Any]] = []
        for name, function in self.fixtures.items():
            if function.rlvr_fixture[1]:
                self.make(name, made, endings)
        target, around = self.function, None
        if self.owner is not None:
            unit = hasattr(self.owner, "assertEqual")
            around = self.owner(self.function.__name__) if unit else self.owner()
            target = getattr(around, self.function.__name__)
            call_if_there(around, "setUp" if unit else "setup_method", target)
        wanted = arguments(self.function)[around is not None :]
        try:
            target(**{name: self.make(name, made, endings) for name in wanted})
        finally:
            if around is not None:
                call_if_there(around, "tearDown" if unit else "teardown_method", target)
            for ending in reversed(endings):
                next(ending, None)

    def make(self, name: str, made: dict[str, Any], endings: list[Iterator[Any]]) -> Any:
        """The value of an argument: of a case, or of a fixture and the fixtures that it asks for."""
        if name not in made:
            function = self.fixtures[name]
            value = function(**{other: self.make(other, made, endings) for other in arguments(function)})
            if function.__code__.co_flags & UNSUPPORTED_CODE:
                endings.append(value)
                value = next(value)
            made[name] = value
        return made[name]


def call_if_there(target: Any, name: str, method: Any) -> None:
    """Call a method for setting up or tearing down, with the test where it takes one."""
    function = getattr(target, name, None)
    if function is not None:
        function(*[method][: len(arguments(function.__func__)) - 1])


def pytest_steps(task: dict[str, Any], link: Link) -> list[Step]:
    """Steps of the kind `pytest`: all tests of all files."""
    module = type(sys)(task["module"])
    module.__dict__.update({name: link.root(name) for name in task["names"]}, __all__=task["names"])
    sys.modules.update({task["module"]: module, "pytest": small_pytest()})
    collection = Collection()
    for path, source in task["files"]:
        file = type(sys)(path.removesuffix(".py").rpartition("/")[2])
        file.__dict__.update(__builtins__=builtins, __file__=path)
        sys.modules[file.__name__] = file
        execute(source, file.__dict__, path)
        collection.add(file.__dict__)
    return collection.steps
