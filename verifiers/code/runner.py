"""The runner: loads the candidate's program inside the sandbox, gets inputs, gives answers. Untrusted from there on.

It knows neither expected values nor tests. Two ways of work: `calls`, where all inputs lie in a file and one answer
after the other is written; and requests, where the judge's proxies ask for calls, attributes and items one by one.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from typing import Any

from rlvr_gym.verifiers.code.wire import (
    MAX_VALUES,
    Channel,
    Piece,
    builtin,
    decode,
    describe,
    encode,
    own_streams,
)

MODULE = "solution"
ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without the import
DATA_TYPES = {
    kind.__name__: kind
    for kind in (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict, range, object)
}
ERRORS = {kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, BaseException)}
MUTABLE = (list, dict, set, bytearray)


class Unreadable(Exception):
    """The candidate's text is no Python."""


class Missing:
    """Stands for a name that the candidate does not define."""

    def __init__(self, name: str) -> None:
        self.__dict__["name"] = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Say that it is missing."""
        raise NameError(f"name {self.__dict__['name']!r} is not defined")

    def __getattr__(self, name: str) -> Any:
        self()


class Callback:
    """A function of the tests, called back in the judge."""

    def __init__(self, host: Host, number: int) -> None:
        self.host, self.number = host, number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return self.host.call_back(self.number, args, kwargs)


def parse(text: str) -> Any:
    """The syntax tree of a program.

    Raises:
        Unreadable: It is no Python.
    """
    try:
        return compile(text, MODULE + ".py", "exec", ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def code_of(tree: Any) -> Any:
    """A syntax tree as code.

    Raises:
        Unreadable: It is no program, for example because a `return` stands outside of a function.
    """
    try:
        return compile(tree, MODULE + ".py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def defines(statement: Any, name: str) -> bool:
    """Whether a top-level statement is the definition of `name`: a function, a class or an assignment."""
    kind = type(statement).__name__
    if kind in ("FunctionDef", "AsyncFunctionDef", "ClassDef"):
        return bool(statement.name == name)
    targets = statement.targets if kind == "Assign" else [statement.target] if kind == "AnnAssign" else []
    return any(getattr(target, "id", None) == name for target in targets)


def programs(text: str, task: dict[str, Any]) -> list[Any]:
    """What is executed, in order.

    Without a prompt, the candidate's text. With one, the text alone where it defines the entry point at top level,
    after all else that the prompt defines (imports, helpers); otherwise the prompt continued by the text.

    Raises:
        Unreadable: The program is no Python.
    """
    before = parse("\n".join(task["imports"]))
    if "prompt" not in task:
        return [before, parse(text)]
    try:
        tree = parse(text)
    except Unreadable:
        return [before, parse(task["prompt"] + text)]
    if any(defines(statement, task["entry_point"]) for statement in tree.body):
        return [before, parse(task["given"]), tree]
    return [before, parse(task["prompt"] + text)]


def names_of(error: BaseException) -> list[str]:
    """The builtin classes that an exception is an instance of, nearest first: by identity, never by name alone."""
    return [kind.__name__ for kind in type(error).__mro__ if kind in ERRORS]


def text_of(error: BaseException) -> str:
    """The text of an exception, cut; empty where it has none that can be had."""
    try:
        return str.__str__(str(error))[:1000]
    except BaseException:  # noqa: BLE001 - the candidate's own code
        return ""


class Host:
    """The candidate's names and objects, and the channel to whoever asks."""

    def __init__(self, channel: Channel, task: dict[str, Any]) -> None:
        self.channel, self.task = channel, task
        self.names: dict[str, Any] = {}
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}

    # --- loading ---------------------------------------------------------------------------------------------------

    def load(self, text: str) -> tuple[str, str]:
        """Execute the candidate's program as the module `solution`; returns how that went, and what was raised."""
        module = type(sys)(MODULE)
        sys.modules[MODULE] = module
        self.names = module.__dict__
        self.names.update(__builtins__=builtins, __file__=MODULE + ".py")
        try:
            codes = [code_of(tree) for tree in programs(text, self.task)]
        except Unreadable as error:
            return "syntax error", str(error)
        try:
            for code in codes:
                exec(code, self.names)  # noqa: S102 - this is the inside of the sandbox
        except MemoryError:
            return "memory limit", ""
        except BaseException as error:  # noqa: BLE001 - whatever the candidate raises
            return "runtime error", f"{type(error).__name__}: {text_of(error)}"
        return "ok", ""

    # --- calls -----------------------------------------------------------------------------------------------------

    def answer_all(self, inputs: Channel) -> None:
        """One answer a test, in order, and an end mark."""
        index = 0
        while (feed := inputs.read()) is not None:
            try:
                payload = encode(("answer", index, self.result(decode(feed, builtin))), self.frozen)
            except BaseException as error:  # noqa: BLE001 - whatever the candidate raises
                payload = encode(
                    ("error", index, [kind.__name__[:200] for kind in type(error).__mro__[:20]], text_of(error))
                )
            self.channel.write(payload)
            index += 1
        self.channel.write(encode(("end", index)))

    def result(self, test: dict[str, Any]) -> Any:
        """What the candidate answers to one test."""
        name, _, method = self.task["entry_point"].partition(".")
        entry = self.names.get(name, Missing(name))
        if method:
            entry = getattr(entry(), method)
        if "script" in test:
            (_, first), *steps = test["script"]
            made = entry(*first)
            return [None, *(getattr(made, name)(*args) for name, args in steps)]
        value = entry(*test["args"], **test["kwargs"])
        return value if test["in_place"] is None else test["args"][test["in_place"]]

    def frozen(self, value: Any) -> Piece:
        """What is no data, for a reader who cannot ask back: iterators by their items, the rest as opaque."""
        if hasattr(type(value), "__next__"):
            return b"g", b"", [item for _, item in zip(range(MAX_VALUES), value)]  # noqa: B905 - the shorter counts
        return self.array(value) or (b"H", b"0", None)

    def array(self, value: Any) -> Piece | None:
        """Arrays and scalars of numpy, as the builtins that they stand for."""
        if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
            return describe(value.tolist(), self.frozen)
        return None

    # --- requests --------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer requests until nobody asks any more."""
        while True:
            self.answer(*self.receive())

    def receive(self) -> tuple[bytes, Any]:
        """The next message, as bytes and as a value; ends the process where there is none."""
        payload = self.channel.read()
        if payload is None:
            os._exit(0)
        return payload, decode(payload, self.make)

    def answer(self, payload: bytes, message: Any) -> None:
        """Do what is asked and tell how it went."""
        _, number, operation, args, kwargs = message
        try:
            value = OPERATIONS[operation](*args, **kwargs)
            changed = self.changed(payload, args, kwargs, value) if operation == "call" else []
            reply = encode(("ok", number, value, changed), self.other)
        except BaseException as error:  # noqa: BLE001 - whatever the candidate raises
            if operation == "next" and isinstance(error, StopIteration):
                reply = encode(("end", number))
            else:
                reply = self.failure(number, error)
        self.channel.write(reply)

    def failure(self, number: int, error: BaseException) -> bytes:
        """An exception as a message."""
        told = (
            "err",
            number,
            names_of(error),
            [kind.__name__[:200] for kind in type(error).__mro__[:20]],
            text_of(error),
        )
        try:
            return encode((*told, list(error.args)), self.other)
        except BaseException:  # noqa: BLE001 - arguments that cannot be sent
            return encode((*told, []))

    def changed(self, payload: bytes, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> list[Any]:
        """Which mutable arguments of a call have changed, as pairs of position or name and new value."""
        policy = self.task.get("mutations")
        if policy == "never" or (policy == "none_result" and value is not None):
            return []
        given = [*enumerate(args[1:]), *kwargs.items()]
        if not any(type(value) in MUTABLE for _, value in given):
            return []
        _, _, _, old_args, old_kwargs = decode(payload, self.make)
        old = dict([*enumerate(old_args[1:]), *old_kwargs.items()])
        return [
            [key, new]
            for key, new in given
            if type(new) in MUTABLE and encode(new, self.other) != encode(old[key], self.other)
        ]

    def call_back(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the judge; what the judge asks meanwhile is answered."""
        self.channel.write(encode(("cb", number, args, kwargs), self.other))
        while True:
            payload, message = self.receive()
            if message[0] == "req":
                self.answer(payload, message)
            elif message[0] == "back":
                return message[1]
            else:
                raise getattr(builtins, message[1], RuntimeError)(message[2])  # of the judge, so trusted

    def other(self, value: Any) -> Piece:
        """What is no data: functions of the judge as themselves, data types by name, all else as an opaque handle."""
        if type(value) is Callback:
            return b"C", b"%x" % value.number, None
        name = value.__name__ if isinstance(value, type) else ""
        if name and DATA_TYPES.get(name) is value:
            return b"P", name.encode(), None
        piece = self.array(value)
        if piece is not None:
            return piece
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        return (b"G" if hasattr(type(value), "__next__") else b"H"), b"%x" % number, None

    def make(self, tag: bytes, content: Any) -> Any:
        """`make` for `decode`: data, and what the judge sent of ours and of its own."""
        if tag == b"n":
            return self.names.get(content, Missing(content))
        if tag in (b"H", b"G"):
            return self.objects[content]
        if tag == b"C":
            return Callback(self, content)
        if tag == b"P":
            return getattr(builtins, content)
        return builtin(tag, content)


def _set_item(target: Any, key: Any, value: Any) -> None:
    target[key] = value


def _delete_item(target: Any, key: Any) -> None:
    del target[key]


def operations() -> dict[str, Callable[..., Any]]:
    """What can be asked for: plain functions of Python by name."""
    import operator

    binary = "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift lt le gt ge neg pos abs invert"
    table: dict[str, Callable[..., Any]] = {name: getattr(operator, name) for name in binary.split()}
    plain = "getattr setattr delattr iter next len bool str repr isinstance"
    table |= {name: getattr(builtins, name) for name in plain.split()}
    table |= {"getitem": operator.getitem, "setitem": _set_item, "delitem": _delete_item}
    return {**table, "call": lambda function, /, *args, **kwargs: function(*args, **kwargs)}


OPERATIONS = operations()


def read(name: str) -> bytes:
    """A file of the working directory."""
    with open(name, "rb") as file:
        return file.read()


def main() -> None:
    """Load, say how that went, answer."""
    source, sink, _ = own_streams()
    channel = Channel(source, sink)
    task = decode(read("task.bin"), builtin)
    host = Host(channel, task)
    channel.write(encode(("ready",)))  # what goes wrong before is not the candidate's doing
    loaded = host.load(read("candidate.py").decode("utf-8", "surrogatepass"))
    channel.write(encode(("hello", *loaded)))
    if loaded[0] == "ok":
        if os.path.exists("inputs.bin"):
            host.answer_all(Channel(os.open("inputs.bin", os.O_RDONLY), -1))
        else:
            host.serve()
    os._exit(0)


if __name__ == "__main__":
    main()
