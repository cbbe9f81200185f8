"""Made-up folders for `ToolFiles`, and what is to be found out about them or done with them.

A tree has settings (`key = value`, one file a service) and journals (`day LEVEL part number`, one line an event). All
names and numbers are drawn. Each kind of task knows the commands of an expert and what comes of them by its own count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rlvr_gym.envs.procedural import TaskRandom

TOPS = "services config etc units modules".split()
LOGS = "logs journal records events trace".split()
GROUPS = "north south east west alpha beta gamma delta".split()
SERVICES = """billing search mailer cache gateway parser indexer sensor meter relay backup proxy router planner vault
ledger printer scanner monitor tracker""".split()
OWNERS = "ada bela cyra dov edda filip greta hugo".split()
STAGES = ("test", "live", "spare")
KEYS = "port quota limit weight budget depth".split()
LEVELS = ("INFO", "WARN", "ERROR", "DEBUG")
PARTS = "disk net cpu fan mem power".split()
TARGETS = "archive attic old retired store".split()


@dataclass(frozen=True)
class Config:
    """The settings of one service.

    Args:
        path: Of its file.
        owner: Who owns it.
        stage: One of `STAGES`.
        serial: A mark that no other file has.
        numbers: Key to number.
    """

    path: str
    owner: str
    stage: str
    serial: str
    numbers: Mapping[str, int]

    def text(self) -> str:
        """The file."""
        lines = [f"owner = {self.owner}", f"stage = {self.stage}", *(f"{key} = {n}" for key, n in self.numbers.items())]
        return "".join(f"{line}\n" for line in [*lines, f"serial = {self.serial}"])


@dataclass(frozen=True)
class Scene:
    """A tree of files.

    Args:
        top: Folder of the settings.
        logs: Folder of the journals.
        configs: The settings, by path.
        journals: Path to lines.
    """

    top: str
    logs: str
    configs: tuple[Config, ...]
    journals: Mapping[str, tuple[str, ...]]

    def files(self) -> dict[str, str]:
        """Path to text."""
        journals = {path: "".join(f"{line}\n" for line in lines) for path, lines in self.journals.items()}
        return {**{config.path: config.text() for config in self.configs}, **journals}


@dataclass(frozen=True)
class Job:
    """A task over a tree.

    Args:
        text: What is asked.
        commands: What an expert runs.
        answer: What is to be answered; None where only the files count.
        changed: Path to text of the files that are to be there anew or otherwise than before; None for a folder.
        absent: Paths that are to be there no more.
    """

    text: str
    commands: tuple[str, ...]
    answer: str | None = None
    changed: Mapping[str, str | None] | None = None
    absent: tuple[str, ...] = ()


def scene(rng: TaskRandom, files: int, depth: int, lines: int) -> Scene:
    """Draw a tree.

    Args:
        rng: Where the choices come from.
        files: How many files there are; three of them are journals.
        depth: How many folders the settings lie under one another.
        lines: Lines of a journal.
    """
    top, logs, keys = rng.choice(TOPS), rng.choice(LOGS), _some(rng, KEYS, 3)
    configs: dict[str, Config] = {}
    while len(configs) < files - 3:
        folders = [rng.choice(GROUPS) for _ in range(depth - 1)]
        path = "/".join([top, *folders, f"{rng.choice(SERVICES)}{rng.between(1, 99)}.conf"])
        numbers = {key: rng.between(1_000, 9_999) for key in keys}
        serial = f"{rng.choice('KLMNPQ')}{rng.choice('ABCDE')}-{rng.between(10_000, 99_999)}"
        configs[path] = Config(path, rng.choice(OWNERS), rng.choice(STAGES), serial, numbers)
    months = sorted(_some(rng, [f"{month:02}" for month in range(1, 13)], 3))
    journals = {
        f"{logs}/{month}.log": tuple(
            f"2024-{month}-{rng.between(1, 28):02} {rng.choice(LEVELS)} {rng.choice(PARTS)} {rng.between(100, 999)}"
            for _ in range(rng.between(lines // 2, lines))
        )
        for month in months
    }
    return Scene(top, logs, tuple(configs[path] for path in sorted(configs)), journals)


def job(rng: TaskRandom, there: Scene, *, writes: bool) -> Job | None:
    """Draw a task over a tree; None where what was drawn makes no sense there."""
    return rng.choice(_WORK if writes else _QUESTIONS)(rng, there)


def _setting(rng: TaskRandom, there: Scene) -> Job:
    """Two numbers in the file that has a mark."""
    config = rng.choice(there.configs)
    one, other = _some(rng, sorted(config.numbers), 2)
    return Job(
        f"One file below {there.top} has the serial {config.serial}. What are its {one} and its {other}? Answer with "
        "the two numbers, separated by a comma, for example `1, 2`.",
        (f"grep -rl 'serial = {config.serial}' {there.top}", f"cat {config.path}"),
        f"{config.numbers[one]}, {config.numbers[other]}",
    )


def _counts(rng: TaskRandom, there: Scene) -> Job:
    """How many lines of each journal have a level or a part."""
    word = rng.choice((*LEVELS, *PARTS))
    counts = [sum(f" {word} " in line for line in lines) for lines in there.journals.values()]
    return Job(
        f"Count in each file of {there.logs} the lines with '{word}'. Answer with the three counts, in the order of "
        "the names of the files and separated by commas, for example `3, 0, 12`.",
        (f"grep -c ' {word} ' {there.logs}/*.log",),
        ", ".join(map(str, counts)),
    )


def _numbers(rng: TaskRandom, there: Scene) -> Job | None:
    """The numbers of a key in all files of an owner."""
    owner = rng.choice(OWNERS)
    theirs = [config for config in there.configs if config.owner == owner]
    if not 2 <= len(theirs) <= 6:
        return None
    key = rng.choice(sorted(theirs[0].numbers))
    paths = " ".join(config.path for config in theirs)
    return Job(
        f"Several files below {there.top} have the owner {owner}. What is the {key} of each of them? Answer with the "
        "numbers, in the order of the whole paths of the files and separated by commas, for example `1, 2, 3`.",
        (f"grep -rl 'owner = {owner}' {there.top}", f"grep -h '^{key} = ' {paths}"),
        ", ".join(str(config.numbers[key]) for config in theirs),
    )


def _largest(rng: TaskRandom, there: Scene) -> Job | None:
    """The mark of the file with the largest number among those of a stage."""
    stage = rng.choice(STAGES)
    theirs = [config for config in there.configs if config.stage == stage]
    if len(theirs) < 3:
        return None
    key = rng.choice(sorted(theirs[0].numbers))
    best = max(theirs, key=lambda config: config.numbers[key])
    if sum(config.numbers[key] == best.numbers[key] for config in there.configs) > 1:
        return None
    paths = " ".join(config.path for config in theirs)
    return Job(
        f"Of the files below {there.top} with the stage {stage}, one has the largest {key}. Answer with its serial and "
        f"its {key}, separated by a comma, for example `XY-12345, 1234`.",
        (
            f"grep -rl 'stage = {stage}' {there.top}",
            f"grep -h '^{key} = ' {paths} | sort | tail -n 1",
            f"grep -h '^serial = ' {best.path}",
        ),
        f"{best.serial}, {best.numbers[key]}",
    )


def _move(rng: TaskRandom, there: Scene) -> Job | None:
    """Move all files of an owner into a new folder."""
    owner, target = rng.choice(OWNERS), rng.choice(TARGETS)
    theirs = [config for config in there.configs if config.owner == owner]
    names = {config.path.rpartition("/")[2] for config in theirs}
    if not 1 <= len(theirs) <= 6 or len(names) < len(theirs):
        return None
    moved = {f"{target}/{config.path.rpartition('/')[2]}": config.text() for config in theirs}
    return Job(
        f"Make a folder {target} at the top, and move into it all files below {there.top} that have the owner {owner}; "
        "they keep their names.",
        (
            f"grep -rl 'owner = {owner}' {there.top}",
            f"mkdir {target}",
            f"mv {' '.join(config.path for config in theirs)} {target}",
        ),
        changed={target: None, **moved},
        absent=tuple(config.path for config in theirs),
    )


def _edit(rng: TaskRandom, there: Scene) -> Job | None:
    """Set the stage of all files of an owner that have another one."""
    owner, (old, new) = rng.choice(OWNERS), _some(rng, STAGES, 2)
    theirs = [config for config in there.configs if config.owner == owner and config.stage == old]
    if not 1 <= len(theirs) <= 6:
        return None
    paths = [config.path for config in theirs]
    return Job(
        f"In all files below {there.top} that have the owner {owner} and the stage {old}, set the stage to {new}.",
        (
            f"grep -rl 'owner = {owner}' {there.top}",
            f"grep -l 'stage = {old}' {' '.join(_paths(there, owner))}",
            f"replace 'stage = {old}' 'stage = {new}' {' '.join(paths)}",
        ),
        changed={config.path: config.text().replace(f"stage = {old}\n", f"stage = {new}\n") for config in theirs},
    )


def _delete(rng: TaskRandom, there: Scene) -> Job | None:
    """Remove the files of a stage whose number is below a bound."""
    stage, bound = rng.choice(STAGES), rng.between(3, 6) * 1_000
    theirs = [config for config in there.configs if config.stage == stage]
    key = rng.choice(sorted(there.configs[0].numbers))
    gone = [config.path for config in theirs if config.numbers[key] < bound]
    if not 1 <= len(gone) <= 6 or len(gone) == len(theirs):
        return None
    return Job(
        f"Remove all files below {there.top} that have the stage {stage} and a {key} of less than {bound}.",
        (
            f"grep -rl 'stage = {stage}' {there.top}",
            f"grep '^{key} = ' {' '.join(config.path for config in theirs)}",
            f"rm {' '.join(gone)}",
        ),
        absent=tuple(gone),
    )


def _collect(rng: TaskRandom, there: Scene) -> Job | None:
    """Write the lines of all journals with a mark into a new file."""
    level, part, target = rng.choice(LEVELS), rng.choice(PARTS), f"{rng.choice(TARGETS)}.txt"
    mark = f" {level} {part} "
    found = sorted(line for lines in there.journals.values() for line in lines if mark in line)
    if not found:
        return None
    return Job(
        f"Write into a new file {target} at the top the lines of all files of {there.logs} that have "
        f"'{mark.strip()}', sorted; a line that is there twice stays twice.",
        (f"grep -h '{mark}' {there.logs}/*.log | sort > {target}",),
        changed={target: "".join(f"{line}\n" for line in found)},
    )


def _paths(there: Scene, owner: str) -> list[str]:
    return [config.path for config in there.configs if config.owner == owner]


def _some(rng: TaskRandom, items: Sequence[str], count: int) -> list[str]:
    left, found = list(items), []
    for _ in range(count):
        found.append(left.pop(rng.below(len(left))))
    return found


Kind = Callable[[TaskRandom, Scene], Job | None]
_QUESTIONS: tuple[Kind, ...] = (_setting, _counts, _numbers, _largest)
_WORK: tuple[Kind, ...] = (_move, _edit, _delete, _collect)
