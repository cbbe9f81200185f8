"""The run folder: `config.json` says what was run, `samples.jsonl` what came out.

`samples.jsonl` is append-only and keyed by (task, sample): a run that was killed continues where it stopped, one of
n=64 grows to n=256 and keeps the first 64, and a last line torn by a kill is dropped. Everything else in the folder is
derived from these two files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown, suggestion

FORMAT = 1
_PARTIAL = ".partial"
_CONFIG_TYPES = {"env": dict, "policy": dict, "verifier": str, "n": int, "ks": list, "tasks": list}
_TEXT, _TRUTH, _NONE = (str,), (bool,), type(None)
_ROW_TYPES: dict[str, tuple[type, ...]] = {
    "task": _TEXT,
    "sample": (int,),
    "prompt": _TEXT,
    "response": _TEXT,
    "passed": (bool, _NONE),
    "gradable": _TRUTH,
    "score": (float, int),
    "status": _TEXT,
    "reason": _TEXT,
    "extracted": (str, _NONE),
    "finish_reason": _TEXT,
    "tokens": (int,),
    "label": (bool, _NONE),
    "tools": (dict, _NONE),
}


class RunFolderError(RlvrError, ValueError):
    """A run folder is damaged or is not one; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged response: a row of `samples.jsonl`.

    Args:
        task: Content hash of the task.
        sample: Number of the response among those of its task, from 0.
        prompt: What the policy was asked.
        response: What it said last.
        passed: The strict outcome; None where it could not be judged.
        gradable: False where we failed.
        score: Dense score.
        status: The verdict's status, or `"max_turns"`, or `"error"`: the environment raised.
        reason: The verdict's reason code, or the last line of the traceback.
        extracted: The answer that was judged; None where none was found.
        finish_reason: How the generation ended.
        tokens: Sampled tokens, over all turns.
        label: What somebody else judged a recorded response to be; None where nobody did.
        tools: Tool to `{"calls", "errors", "cost"}`; None where the environment has no tools.
    """

    task: str
    sample: int
    prompt: str
    response: str
    passed: bool | None
    gradable: bool
    score: float
    status: str
    reason: str
    extracted: str | None
    finish_reason: str
    tokens: int
    label: bool | None = None
    tools: dict[str, dict[str, float]] | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What a row is found by."""
        return self.task, self.sample


class RunFolder:
    """Reads and writes the two source files of a run.

    Args:
        path: The folder; made when something is written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def name(self) -> str:
        """The folder's own name, which tables and legends use."""
        return self.path.resolve().name

    def config(self) -> dict[str, Any]:
        """The run's configuration.

        Raises:
            RunFolderError: There is none, or it is damaged.
        """
        file = self.path / "config.json"
        if not file.is_file():
            hint = ""
            if self.path.parent.is_dir() and not self.path.exists():
                hint = suggestion(self.path.name, [p.name for p in self.path.parent.iterdir() if p.is_dir()])
            raise RunFolderError(f"{self.path} is not a run folder: it has no config.json{hint}")
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise RunFolderError(f"{file} is damaged: {error}. Start the run in a new folder") from error
        if not isinstance(config, dict) or config.get("format") != FORMAT:
            found = config.get("format") if isinstance(config, dict) else type(config).__name__
            raise RunFolderError(f"{file} has format {shown(found)}; this version reads format {FORMAT}")
        for key, kind in _CONFIG_TYPES.items():
            if not isinstance(config.get(key), kind):
                raise RunFolderError(
                    f"{file} is damaged: {key!r} is {shown(config.get(key))}, expected {kind.__name__}. "
                    "Start the run in a new folder"
                )
        if not isinstance(config["env"].get("id"), str) or not isinstance(config["env"].get("kwargs"), dict):
            raise RunFolderError(f"{file} is damaged: 'env' names no environment. Start the run in a new folder")
        return config

    def open(self, identity: Mapping[str, Any], **extent: Any) -> None:
        """Begin a run, or continue it if it is the same one.

        Args:
            identity: What makes samples comparable: environment, policy, verifier, seed. Must not change.
            **extent: How much is asked for: number of tasks, n. May change between calls.

        Raises:
            RunFolderError: The folder holds another run; the message says what differs.
        """
        plain = json.loads(json.dumps(identity))
        if (self.path / "config.json").exists():
            before = self.config()
            changed = [key for key in plain if before.get(key) != plain[key]]
            if changed:
                lines = "; ".join(
                    f"{key}: {_short(before.get(key))} there, {_short(plain[key])} now" for key in changed
                )
                raise RunFolderError(f"{self.path} holds another run ({lines}); choose another folder with --out")
        else:
            refuse_foreign(self.path, "a run folder")
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "config.json", {"format": FORMAT, **plain, **extent})

    def samples(self) -> dict[tuple[str, int], Sample]:
        """All rows by key; where a key stands twice, the later row counts. A torn last line is left out.

        Raises:
            RunFolderError: A line before the last is not a sample.
        """
        file = self.path / "samples.jsonl"
        found: dict[tuple[str, int], Sample] = {}
        if not file.exists():
            return found
        data = file.read_bytes()
        lines = data.split(b"\n")
        complete, torn = lines[:-1], lines[-1]
        for number, line in enumerate(complete, start=1):
            sample = _parse(line)
            if sample is None:
                raise RunFolderError(
                    f"{file}, line {number} is not a sample: {line[:60]!r}. Delete that line to resume: what it held "
                    "will be sampled again"
                )
            found[sample.key] = sample
        if torn and (sample := _parse(torn)) is not None:
            found[sample.key] = sample
        return found

    def append(self, samples: Iterable[Sample]) -> None:
        """Add rows and flush them to the operating system; repairs a torn last line first."""
        file = self.path / "samples.jsonl"
        lines = "".join(json.dumps(asdict(sample)) + "\n" for sample in samples)
        with file.open("a+b") as out:
            _repair(out)
            out.write(lines.encode())


def refuse_foreign(path: Path, what: str, own: str | None = None) -> None:
    """Refuse a folder that holds something and is not ours: nothing of the user's is written over.

    Args:
        path: Where we are about to write.
        what: What the folder should be, for the message.
        own: A file whose presence says that the folder is ours.

    Raises:
        RunFolderError: It is a file, or holds files and `own` is not among them.
    """
    if path.exists() and not path.is_dir():
        raise RunFolderError(f"{path} is a file, expected a folder; choose another with --out")
    if not path.is_dir() or (own and (path / own).exists()):
        return
    # A partial file is what a kill between writing and renaming leaves.
    if any(not entry.name.endswith(_PARTIAL) for entry in path.iterdir()):
        raise RunFolderError(f"{path} is not empty and not {what}; choose another with --out")


def _repair(out: Any) -> None:
    """Cut off a line without its newline, unless it is a whole sample, which gets its newline."""
    end = out.seek(0, 2)
    if end == 0:
        return
    start, block = end, b""
    while start > 0 and b"\n" not in block:
        start = max(0, start - 65536)
        out.seek(start)
        block = out.read(end - start)
    tail = block[block.rfind(b"\n") + 1 :]
    if not tail:
        return
    if _parse(tail) is not None:
        out.write(b"\n")
    else:
        out.truncate(end - len(tail))


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file atomically."""
    partial = file.with_name(file.name + _PARTIAL)
    partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    partial.replace(file)


def _parse(line: bytes) -> Sample | None:
    try:
        sample = Sample(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    return sample if all(type(getattr(sample, name)) in kinds for name, kinds in _ROW_TYPES.items()) else None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else text[:157] + "..."


def identity_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that two runs must share to be compared: the tasks and how they are judged.

    Raises:
        ConfigError: A part is missing.
    """
    try:
        return {key: config[key] for key in ("env", "verifier")}
    except KeyError as error:
        raise ConfigError(f"the run's configuration lacks {error}") from error
