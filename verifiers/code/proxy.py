"""The candidate as the tests see it: proxies for its names and objects, and the link to its process.

A part of the judge. What comes over the link is built by `wire.decode` out of bytes; nothing that the candidate sends
can do more here than be another answer.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from rlvr_gym.verifiers.code.wire import MAX_VALUES, Channel, Piece, WireError, builtin, decode, encode

DATA_TYPES = {
    kind.__name__: kind
    for kind in (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict, range, object)
}
# Control flow of Python itself, and what the verdict is made from: a candidate's are errors like any other.
NEVER_RAISED = (
    "BaseException Exception BaseExceptionGroup ExceptionGroup SystemExit KeyboardInterrupt GeneratorExit "
    "StopIteration StopAsyncIteration AssertionError"
).split()
ERRORS: dict[str, type[Exception]] = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and name not in NEVER_RAISED
}


class CandidateError(Exception):
    """What the candidate raised, where it is no builtin exception that may be raised here."""


class Stopped(BaseException):
    """The candidate's process is gone, or does not keep to the protocol; no test can go on."""


class NotReady(Exception):
    """The tests call the candidate while they are being loaded."""


class Proxy:
    """Stands for a name or an object of the candidate. What tests do with it is done there, and its data come back.

    Equality and hash are identity and are never asked for; nor is anything that would take a value of the tests as the
    other operand, from which the candidate could learn what is expected.
    """

    __slots__ = ("_rlvr",)

    def __init__(self, link: Link, tag: bytes, body: bytes) -> None:
        object.__setattr__(self, "_rlvr", (link, tag, body))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__qualname__", "__module__"):
            raise AttributeError(name)
        return ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        ask(self, "setattr", name, value)

    def __delattr__(self, name: str) -> None:
        ask(self, "delattr", name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return ask(self, "call", *args, **kwargs)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("an object of the candidate cannot be copied")

    def __len__(self) -> int:
        return int(ask(self, "len"))

    def __bool__(self) -> bool:
        return ask(self, "bool") is True

    def __str__(self) -> str:
        return _text(ask(self, "str"))

    def __repr__(self) -> str:
        return _text(ask(self, "repr"))

    def __getitem__(self, key: Any) -> Any:
        return ask(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        ask(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        ask(self, "delitem", key)

    def __iter__(self) -> Iterator[Any]:
        return items_of(ask(self, "iter"))

    def __next__(self) -> Any:
        return ask(self, "next")

    def __enter__(self) -> Any:
        return ask(ask(self, "getattr", "__enter__"), "call")

    def __exit__(self, *details: object) -> bool:
        return ask(ask(self, "getattr", "__exit__"), "call", None, None, None) is True

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Proxy) and ask(value, "isinstance", self) is True


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError("the candidate's text of an object is no text")
    return value


def _between_proxies(operation: str) -> Callable[[Any, Any], Any]:
    def operator(self: Proxy, other: object) -> Any:
        return ask(self, operation, other) if isinstance(other, Proxy) else NotImplemented

    return operator


def _alone(operation: str) -> Callable[[Any], Any]:
    def operator(self: Proxy) -> Any:
        return ask(self, operation)

    return operator


for _name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift lt le gt ge".split():
    setattr(Proxy, f"__{_name.rstrip('_')}__", _between_proxies(_name))
for _name in "neg pos abs invert".split():
    setattr(Proxy, f"__{_name}__", _alone(_name))


def items_of(iterator: Any) -> Iterator[Any]:
    """The items of an iterator of the candidate, one by one, up to a cap."""
    if not isinstance(iterator, Proxy):
        yield from iterator
        return
    for _ in range(MAX_VALUES):
        try:
            item = ask(iterator, "next")
        except StopIteration:
            return
        yield item
    raise CandidateError("an iterator does not end")


def ask(proxy: Proxy, operation: str, *args: Any, **kwargs: Any) -> Any:
    """Have the candidate's process do something with the object behind a proxy."""
    link: Link = object.__getattribute__(proxy, "_rlvr")[0]
    return link.ask(operation, (proxy, *args), kwargs)


class Link:
    """The way to the candidate's process, and what was learnt on it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.ready = self.gone = False
        self.asked = self.heard = 0
        self.last: Any = None
        self.raised: list[BaseException] = []
        self.proxies: dict[bytes, Proxy] = {}
        self.functions: list[Any] = []

    def receive(self) -> tuple[Any, ...]:
        """The next message.

        Raises:
            Stopped: None will come, or what came is no message.
        """
        try:
            payload = self.channel.read()
            message = decode(payload, self.make) if payload is not None else None
        except (WireError, OSError):
            message = None
        if type(message) is tuple and message and type(message[0]) is str:
            return message
        self.stop()

    def stop(self) -> NoReturn:
        """Give up on the candidate.

        Raises:
            Stopped: Always.
        """
        self.gone = True
        raise Stopped

    def send(self, message: tuple[Any, ...]) -> None:
        """Send a message.

        Raises:
            Stopped: The candidate's process is gone.
            WireError: It holds something that cannot be sent.
        """
        payload = encode(message, self.other)
        try:
            self.channel.write(payload)
        except OSError:
            self.stop()

    def ask(self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Send a request and wait for its answer; what is asked back meanwhile is answered."""
        if not self.ready:
            raise NotReady("the candidate cannot be used while the tests are loaded")
        if self.gone:
            self.stop()
        self.asked += 1
        number = self.asked
        self.send(("req", number, operation, args, kwargs))
        while True:
            message = self.receive()
            if message[0] == "cb" and len(message) == 4:
                self.answer(*message[1:])
            elif len(message) < 2 or message[1] != number:
                self.stop()
            else:
                self.heard += 1
                if message[0] == "end" and operation == "next":
                    raise StopIteration
                return self.outcome(message, args, kwargs)

    def outcome(self, message: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a reply says: a value or an exception."""
        kind, rest = message[0], message[2:]
        if kind == "ok" and len(rest) == 2 and type(rest[1]) is list:
            for change in rest[1]:
                self.apply(change, args[1:], kwargs)
            self.last = rest[0]
            return rest[0]
        if kind == "err" and [type(part) for part in rest] == [list, list, str, list]:
            error = exception(*rest)
            self.raised.append(error)
            raise error
        self.stop()

    def apply(self, change: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Put what the candidate made of a mutable argument into the argument, where it is of the same kind."""
        if type(change) is not list or len(change) != 2:
            self.stop()
        key, new = change
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        old: Any = given.get(key) if type(key) in (int, str) else None
        if type(old) is not type(new):
            self.stop()
        if isinstance(old, (list, bytearray)):
            old[:] = new
        elif isinstance(old, (dict, set)):
            old.clear()
            old.update(new)

    def answer(self, number: Any, args: Any, kwargs: Any) -> None:
        """Call a function of the tests for the candidate."""
        self.heard += 1
        if [type(number), type(args), type(kwargs)] != [int, tuple, dict] or not 0 <= number < len(self.functions):
            self.stop()
        try:
            self.send(("back", self.functions[number](*args, **kwargs)))
        except Exception as error:  # noqa: BLE001 - whatever a function of the tests raises
            self.send(("fail", type(error).__name__, str(error)[:1000]))

    def root(self, name: str) -> Proxy:
        """A proxy for a name of the candidate's module."""
        return Proxy(self, b"n", name.encode())

    def other(self, value: Any) -> Piece:
        """What is no data: the candidate's own objects, data types by name, functions to be called back, iterators."""
        if isinstance(value, Proxy):
            _, tag, body = object.__getattribute__(value, "_rlvr")
            return tag, body, None
        name = getattr(value, "__name__", None)
        if type(name) is str and getattr(builtins, name, None) is value:
            return b"P", name.encode(), None
        if isinstance(value, type) and issubclass(value, (Proxy, BaseException)):
            raise WireError("a class of the judge cannot be sent")
        if callable(value):
            self.functions.append(value)
            return b"C", b"%x" % (len(self.functions) - 1), None
        if hasattr(type(value), "__next__"):
            return b"g", b"", [item for _, item in zip(range(MAX_VALUES), value)]  # noqa: B905 - the shorter counts
        raise WireError(f"a value of type {type(value).__name__} cannot be sent to the candidate")

    def make(self, tag: bytes, content: Any) -> Any:
        """`make` for `decode`: builtin values, proxies for the candidate's objects, functions of the tests."""
        if tag in (b"H", b"G"):
            body = b"%x" % content
            return self.proxies.setdefault(body, Proxy(self, tag, body))
        if tag == b"C":
            return self.functions[content]
        if tag == b"P":
            return DATA_TYPES[content]
        return builtin(tag, content)


def exception(builtin_names: list[Any], names: list[Any], text: str, args: list[Any]) -> BaseException:
    """An exception like the candidate's: the nearest builtin class that may be raised here, else `CandidateError`.

    Its attribute `rlvr_names` holds the names of the class that the candidate raised and of all its bases.
    """
    kind = ERRORS.get(builtin_names[0]) if builtin_names and type(builtin_names[0]) is str else None
    error: BaseException = CandidateError(text)
    if kind is not None:
        try:
            error = kind(*args)
        except (TypeError, ValueError, LookupError):
            error = CandidateError(text)  # a class that cannot be made from these
    error.rlvr_names = [name for name in names if type(name) is str]  # type: ignore[attr-defined]
    return error
