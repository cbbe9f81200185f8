"""Languages as data: how a source becomes a program, and what the program needs. A new language is a new row.

A language can be used where its interpreter or compiler is present: on this machine for the back ends that share its
tools, in the image for containers.
"""

from __future__ import annotations

import functools
import glob
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from rlvr_gym.verifiers.errors import UnknownNameError


@dataclass(frozen=True)
class Language:
    """One language.

    Args:
        name: As in `RunSpec.language`.
        source: Name of the main file.
        run: The command, to which `RunSpec.argv` is added.
        compile: The command that turns the source into `artifact`; empty for interpreters.
        artifact: The file that `run` needs, where there is a compiler.
        needs: Programs that must be present besides the first words of `compile` and `run`.
        reserves: The runtime reserves far more address space than it uses, so that limits on address space would stop
            it from starting; its memory is limited by what it may write to.
    """

    name: str
    source: str
    run: tuple[str, ...]
    compile: tuple[str, ...] = ()
    artifact: str = ""
    needs: tuple[str, ...] = ()
    reserves: bool = False

    @property
    def tools(self) -> tuple[str, ...]:
        """The programs that must be present."""
        first = (command[0] for command in (self.compile, self.run) if command and command[0][0] != ".")
        return (*first, *self.needs)


_ROWS = (
    Language("python", "main.py", ("python3", "-s", "main.py")),
    Language("bash", "main.sh", ("bash", "main.sh")),
    Language("javascript", "main.js", ("node", "main.js"), reserves=True),
    Language("perl", "main.pl", ("perl", "main.pl")),
    Language("c", "main.c", ("./main",), ("gcc", "-O2", "-std=c17", "-o", "main", "main.c", "-lm"), "main"),
    Language("cpp", "main.cpp", ("./main",), ("g++", "-O2", "-std=c++17", "-o", "main", "main.cpp"), "main"),
    Language("rust", "main.rs", ("./main",), ("rustc", "-O", "-o", "main", "main.rs"), "main"),
    Language("go", "main.go", ("./main",), ("go", "build", "-o", "main", "main.go"), "main", reserves=True),
    Language(
        "java",
        "Main.java",
        ("java", "-Xms16m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "main.jar", "Main"),
        ("sh", "-c", "javac -J-Xms16m -J-XX:+UseSerialGC Main.java && jar cf main.jar *.class"),
        "main.jar",
        needs=("javac", "jar"),
        reserves=True,
    ),
)

LANGUAGES: dict[str, Language] = {row.name: row for row in _ROWS}


def find_language(name: str) -> Language:
    """A language by name.

    Raises:
        UnknownNameError: There is no such language; near matches are offered.

    Example:
        >>> find_language("cpp").compile[0]
        'g++'
    """
    if name not in LANGUAGES:
        raise UnknownNameError("language", str(name), LANGUAGES)
    return LANGUAGES[name]


@functools.cache
def _present() -> tuple[str, ...]:
    path = toolchains().path
    found = {tool for row in LANGUAGES.values() for tool in row.tools if shutil.which(tool, path=path)}
    return tuple(name for name, row in LANGUAGES.items() if name == "python" or set(row.tools) <= found)


def languages_here() -> list[str]:
    """Names of the languages whose tools are on this machine, in places that a sandbox can show; looked up once.

    Example:
        >>> "python" in languages_here()
        True
    """
    return list(_present())


@dataclass(frozen=True)
class Toolchains:
    """Where this machine's interpreters and compilers are.

    Args:
        path: The `PATH` under which they are found.
        folders: What has to be visible besides the system's directories.
    """

    path: str
    folders: tuple[str, ...]


@functools.cache
def toolchains() -> Toolchains:
    """Find the tools of all languages; looked up once.

    A tool outside of the system's directories counts when it lies in the `bin` of a folder of its own. A folder that
    holds the home or the working directory is no such folder: to show it would show what is beside the tool.
    """
    path, folders = ["/usr/local/bin", "/usr/bin", "/bin"], sorted(glob.glob("/etc/java-*-openjdk"))
    private = {Path.home(), Path.cwd()}
    for name in sorted({tool for row in LANGUAGES.values() for tool in row.tools} - {"python3"}):
        found = shutil.which(name)
        real = Path(_behind_rustup(name, found)).resolve() if found else None
        if real is None or real.is_relative_to("/usr") or real.parent.name != "bin":
            continue
        folder = real.parent.parent
        if any(place.is_relative_to(folder) for place in private):
            continue
        path.append(str(real.parent))
        folders.append(str(folder))
    return Toolchains(":".join(dict.fromkeys(path)), tuple(dict.fromkeys(folders)))


def _behind_rustup(name: str, found: str) -> str:
    """The compiler itself, where what is on the path only chooses one."""
    if Path(found).resolve().name != "rustup":
        return found
    home = Path(os.environ.get("RUSTUP_HOME", Path.home() / ".rustup"))
    chosen = sorted(home.glob(f"toolchains/*/bin/{name}"))
    return str(chosen[-1]) if chosen else found
