"""The sandbox protocol: `run` one program, `run_batch` many; back ends differ in how a prepared job is executed.

A back end implements `isolation`, `execute` and `close`. Compilers, refusal below `min_isolation` and concurrency are
here.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, ClassVar, Self

from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.sandbox.languages import Language, find_language, languages_here
from rlvr_gym.verifiers.sandbox.spec import (
    Isolation,
    Limits,
    RunResult,
    RunSpec,
    SandboxError,
    check_level,
    encoded,
)


@dataclass(frozen=True)
class Job:
    """What a back end executes: files in, a command, files out.

    Args:
        language: The language; a back end may run Python without the command.
        command: Program and arguments. The program is looked up on the `PATH` of the sandbox.
        files: All files of the working directory, the source among them.
        stdin: What the program reads.
        collect: Paths of files to bring back.
        limits: What it may use.
        compiling: The command is the language's compiler.
        peer: The program at the other end of stdin and stdout, if any.
    """

    language: Language
    command: tuple[str, ...]
    files: Mapping[str, bytes]
    stdin: bytes
    collect: tuple[str, ...]
    limits: Limits
    compiling: bool = False
    peer: Job | None = None


class Sandbox(ABC):
    """Runs untrusted programs. Safe in threads; every run is apart from every other.

    Args:
        min_isolation: The lowest level, one of `LEVELS`, at which a program may be run at all.
        concurrency: How many programs `run_batch` runs at one time; by default twice the processors.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox
        >>> with make_sandbox("forkserver") as sandbox:
        ...     result = sandbox.run(RunSpec("print(sum(map(int, input().split())))", stdin="1 2 3"))
        >>> result.ok, result.stdout
        (True, b'6\\n')
    """

    name: ClassVar[str]

    def __init__(self, *, min_isolation: str = "none", concurrency: int | None = None) -> None:
        if concurrency is None:
            concurrency = 2 * (os.cpu_count() or 1)
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 1 <= concurrency <= 1024:
            raise ConfigError(f"concurrency must be an integer from 1 to 1024, got {shown(concurrency)}")
        self.min_isolation = check_level(min_isolation)
        self.concurrency = concurrency

    def run(self, spec: RunSpec) -> RunResult:
        """Run one program to its end.

        Whatever the program does is told by the result. What is raised is a failure of ours or of the caller.

        Raises:
            SandboxError: The sandbox failed, or its isolation is below `min_isolation`.
            UnknownNameError: There is no such language.
        """
        built = self.build(spec)
        return built if isinstance(built, RunResult) else self.execute(_job(built))

    def run_batch(self, specs: Iterable[RunSpec]) -> list[RunResult | SandboxError]:
        """Run many, `concurrency` at a time; order is kept, and a failure of ours stands in the place of its result."""
        todo = list(specs)
        if len(todo) < 2 or self.concurrency == 1:
            return [self._run_or_error(spec) for spec in todo]
        with ThreadPoolExecutor(min(self.concurrency, len(todo)), thread_name_prefix="sandbox") as pool:
            return list(pool.map(self._run_or_error, todo))

    def build(self, spec: RunSpec) -> RunSpec | RunResult:
        """Compile once for many runs.

        Returns:
            The spec with the artifact in place of the source, which `run` does not compile again; the spec as it is
            where its language needs no compiler; the compiler's result where it refused the source.

        Raises:
            SandboxError: As `run`.
            UnknownNameError: As `run`.
        """
        self.check_isolation()
        self._check_language(spec)
        built = self._built(spec)
        if isinstance(built, RunResult) or built.peer is None:
            return built
        peer = self._built(built.peer)
        return peer if isinstance(peer, RunResult) else replace(built, peer=peer)

    @abstractmethod
    def isolation(self) -> Isolation:
        """The layers that a run has here.

        Raises:
            SandboxError: The back end cannot be started.
        """

    @abstractmethod
    def execute(self, job: Job) -> RunResult:
        """Execute one prepared job; for back ends to implement and for `run` to call.

        Raises:
            SandboxError: The back end failed.
        """

    @abstractmethod
    def close(self) -> None:
        """End all helpers; a later run starts them again."""

    def config(self) -> dict[str, Any]:
        """The settings as JSON values; `make_sandbox(self.name, **self.config())` builds an equal one."""
        return {"min_isolation": self.min_isolation, "concurrency": self.concurrency}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.config())

    def languages(self) -> list[str] | None:
        """Names of the languages that programs may be in here; None where that cannot be told beforehand."""
        return languages_here()

    def check_isolation(self) -> None:
        """Refuse to run anything below `min_isolation`.

        Raises:
            SandboxError: The level that is asked for is not reached.
        """
        if self.min_isolation == "none":
            return
        found = self.isolation()
        if not found.reaches(self.min_isolation):
            lacking = "; ".join(f"{layer}: {why}" for layer, why in found.missing.items()) or "no layer is missing"
            raise SandboxError(
                f"{self.name} reaches isolation {found.level!r} here, and {self.min_isolation!r} is asked for "
                f"({lacking}): use another back end, such as docker, or lower min_isolation"
            )

    def _check_language(self, spec: RunSpec) -> None:
        language, known = find_language(spec.language), self.languages()
        built = language.compile and language.artifact in spec.files
        if known is not None and language.name not in known and not built:
            raise SandboxError(
                f"{self.name} cannot run {language.name} here: it needs {', '.join(language.tools)} "
                f"(languages that it can run: {', '.join(known)})"
            )
        if spec.peer is not None:
            self._check_language(spec.peer)

    def _built(self, spec: RunSpec) -> RunSpec | RunResult:
        language = find_language(spec.language)
        if not language.compile or language.artifact in spec.files:
            return spec
        files = {**_files(spec), language.source: encoded("code", spec.code)}
        job = Job(language, language.compile, files, b"", (language.artifact,), spec.compile_limits, compiling=True)
        result = self.execute(job)
        if not result.ok or language.artifact not in result.files:
            return replace(result, phase="compile")
        return replace(spec, code="", files={**spec.files, language.artifact: result.files[language.artifact]})

    def _run_or_error(self, spec: RunSpec) -> RunResult | SandboxError:
        try:
            return self.run(spec)
        except SandboxError as error:
            return error


def _again(cls: type[Sandbox], config: dict[str, Any]) -> Sandbox:
    return cls(**config)


def _job(spec: RunSpec) -> Job:
    language = find_language(spec.language)
    files = _files(spec)
    if not language.artifact or language.artifact not in files:
        files[language.source] = encoded("code", spec.code)
    peer = _job(spec.peer) if spec.peer is not None else None
    command, stdin = (*language.run, *spec.argv), encoded("stdin", spec.stdin)
    return Job(language, command, files, stdin, spec.collect, spec.limits, peer=peer)


def _files(spec: RunSpec) -> dict[str, bytes]:
    return {path: encoded(path, content) for path, content in spec.files.items()}
