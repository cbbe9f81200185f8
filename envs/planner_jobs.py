"""Jobs for a planner and executors: a small world, and subgoals in it of which some need the results of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add, mul, sub
from typing import Any, NamedTuple, TypeVar

from rlvr_gym.envs.planner_team import TEAM, Team
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int, copied
from rlvr_gym.envs.tools.calculator import Calculator
from rlvr_gym.envs.tools.files import Files
from rlvr_gym.envs.tools.notes import Notes
from rlvr_gym.envs.tools.sql import SQL
from rlvr_gym.envs.tools.toolbox import Toolbox
from rlvr_gym.envs.tools.toolkit import Toolkit

T = TypeVar("T")

THINGS = ("bench", "clock", "kettle", "lamp", "mirror", "rug", "shelf", "stool", "trunk", "vase")
PEOPLE = ("Ada", "Ilse", "Jonas", "Mara", "Odo", "Petra", "Ruth", "Tomas")
NOTES = ("deposit", "freight", "rebate")
FIELDS = ("price", "weight")
VALUES = ("balance", "figure", "measure", "total")
SHAPES: Mapping[int, tuple[tuple[int, int, int], ...]] = {
    2: ((1, 1, 0),),
    3: ((2, 1, 0), (1, 1, 1)),
    4: ((2, 1, 1), (2, 2, 0), (3, 1, 0)),
    5: ((2, 2, 1), (3, 1, 1), (3, 2, 0), (2, 1, 2)),
}
"""Number of subgoals to how many of them find a value, compute one, and keep one somewhere."""
_RULES = """\
You plan a job that others carry out. You delegate one subgoal in a response, and an executor gets to work; it sees \
the task you write, the tools you give it and the results you pass on, and nothing else, and it reports to you. You \
see its report and nothing else. Tools that you can give:
- calculator: exact arithmetic.
- database: SQL on the tables.
- files: a small shell on text files.
- notes: reading and writing notes.

The job has these subgoals, in no particular order:"""
_COMPUTE: Mapping[str, Callable[[int, int], int]] = {"*": mul, "+": add, "-": sub}
_WORDS = {"*": "times", "+": "plus", "-": "minus"}


@dataclass(frozen=True)
class Scene:
    """What there is before anything is done.

    Args:
        files: Path to text.
        orders: Customer, item and units, row by row.
        bills: Customer and amount, row by row.
        notes: Name to text.
    """

    files: Mapping[str, str]
    orders: tuple[tuple[str, str, int], ...]
    bills: tuple[tuple[str, int], ...]
    notes: Mapping[str, str]


@dataclass(frozen=True)
class Subgoal:
    """A part of a job.

    Args:
        name: What its result is called.
        kit: What it takes.
        asks: What is to be done, in words that follow a colon.
        needs: Names of the subgoals whose results it takes.
        call: A call that does it: `{"name", "arguments"}`.
        state: The part of the public state by which it is known to be done.
        report: What the executor then says.
    """

    name: str
    kit: str
    asks: str
    needs: tuple[str, ...]
    call: Mapping[str, Any]
    state: Mapping[str, Any]
    report: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "needs": list(self.needs)}


class Job(NamedTuple):
    """A world and what is to be done in it.

    Args:
        scene: The world.
        subgoals: In an order in which they can be done.
        told: The order in which they are told, as places in `subgoals`.
        answer: Name of the subgoal whose value is asked for.
    """

    scene: Scene
    subgoals: tuple[Subgoal, ...]
    told: tuple[int, ...]
    answer: str


class PlannerExecutorTaskSet(ProceduralTaskSet[Job]):
    """Jobs with subgoals, each of which takes one kind of tools.

    Values are found in files, a database and notes, computed from each other, and kept in one of these places.

    Args:
        subgoals: How many, 2 to 5.
        things: Things in the world that values can be asked of, 3 to 10.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> task = PlannerExecutorTaskSet(subgoals=2)[0]
        >>> print("\\n".join(line for line in task.prompt.splitlines() if "clock" in line))
        - clock_weight: find the weight of the clock in the file stock/clock.txt.
        - measure: work out clock_weight times 50.
    """

    def __init__(
        self, *, subgoals: int = 4, things: int = 4, split: str = "all", size: int = 10_000, seed: int = 0
    ) -> None:
        self._subgoals = check_int("subgoals", subgoals, min(SHAPES), max(SHAPES))
        self._things = check_int("things", things, 3, 10)
        super().__init__("PlannerExecutor", style="question", split=split, size=size, seed=seed)
        self._difficulty = {"subgoals": subgoals, "things": things}

    def draw(self, rng: TaskRandom) -> Job:
        """See `ProceduralTaskSet.draw`."""
        return drawn(rng, self._subgoals, self._things)

    def split_key(self, problem: Job) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return str([subgoal.to_dict() for subgoal in problem.subgoals])

    def make(self, problem: Job) -> Task:
        """See `ProceduralTaskSet.make`."""
        scene = copied(asdict(problem.scene))
        names = [subgoal.name for subgoal in problem.subgoals]
        state: dict[str, Any] = {}
        for subgoal in problem.subgoals:
            for kit, part in subgoal.state.items():
                state.setdefault(kit, {}).update(part)
        [answer] = (subgoal.report for subgoal in problem.subgoals if subgoal.name == problem.answer)
        reference = {
            "initial": Toolbox(equipped(scene, names)).public_state(),
            "state": state,
            "forbidden": [[]],
            "ignore": [[TEAM, name] for name in names if name not in state[TEAM]],
            "answer": answer,
        }
        subgoals = [subgoal.to_dict() for subgoal in problem.subgoals]
        lines = [f"- {subgoals[i]['name']}: {subgoals[i]['asks']}." for i in problem.told]
        told = "\n".join([_RULES, *lines])
        prompt = (
            f"{told}\n\nEvery result must be reported by an executor under the name of its subgoal, and nothing else "
            f"may change in files, database and notes. When all is done, answer with the value of {problem.answer}."
        )
        return Task.create(
            prompt, {"reference": reference, "scene": scene, "subgoals": subgoals}, difficulty=self._difficulty
        )


def equipped(scene: Mapping[str, Any], names: Sequence[str]) -> dict[str, Toolkit]:
    """The toolkits of a world.

    Args:
        scene: What `asdict` gives of a `Scene`.
        names: Of the subgoals.
    """
    notes = Notes()
    notes.set_state(dict(scene["notes"]))
    kits: dict[str, Toolkit] = {"calculator": Calculator(), "database": SQL(_script(scene))}
    return {**kits, "files": Files(scene["files"]), "notes": notes, TEAM: Team(sorted(names))}


def drawn(rng: TaskRandom, count: int, things: int) -> Job:
    """Draw a job.

    Args:
        rng: Where everything random comes from.
        count: Subgoals, a key of `SHAPES`.
        things: Things in the world, 3 to 10.
    """
    return _Builder(rng, things).job(*rng.choice(SHAPES[count]))


def taken(rng: TaskRandom, items: Sequence[T], count: int) -> list[T]:
    """Different elements of a sequence, in random order."""
    left = list(items)
    return [left.pop(rng.below(len(left))) for _ in range(count)]


class _Builder:
    """Draws a world, then one subgoal after the other."""

    def __init__(self, rng: TaskRandom, things: int) -> None:
        self.rng = rng
        self.things = taken(rng, THINGS, things)
        self.people = taken(rng, PEOPLE, 3)
        self.fields = {thing: {field: rng.between(100, 999) for field in FIELDS} for thing in self.things}
        orders = [(rng.choice(self.people), thing, rng.between(101, 499)) for thing in self.things * 3]
        self.scene = Scene(
            {"reports/old.txt": "closed\n", **{_stock(thing): _lines(self.fields[thing]) for thing in self.things}},
            tuple(taken(rng, orders, len(orders))),
            tuple((person, rng.between(1_000, 9_999)) for person in self.people[:2]),
            {name: str(rng.between(100, 999)) for name in NOTES},
        )
        self.values: dict[str, int] = {}  # of what was found or computed

    def job(self, finds: int, computes: int, keeps: int) -> Job:
        """So many subgoals of each kind, and the order in which they are told."""
        found = self._finds(finds)
        computed = self._computes([subgoal.name for subgoal in found], computes)
        kept = [keep(self, computed) for keep in taken(self.rng, (_note, _file, _row), keeps)]
        subgoals = (*found, *computed, *kept)
        return Job(self.scene, subgoals, tuple(taken(self.rng, range(len(subgoals)), len(subgoals))), computed[-1].name)

    def value(self, name: str, kit: str, asks: str, needs: Sequence[str], call: dict[str, Any], value: int) -> Subgoal:
        """A subgoal that is done when its value is reported."""
        self.values[name] = value
        return Subgoal(name, kit, asks, tuple(needs), call, {TEAM: {name: str(value)}}, str(value))

    def _finds(self, count: int) -> list[Subgoal]:
        left = {
            _in_file: taken(self.rng, [(thing, field) for thing in self.things for field in FIELDS], count),
            _in_orders: taken(self.rng, [(thing, "units") for thing in self.things], count),
            _in_notes: taken(self.rng, [(name, "") for name in NOTES], count),
        }
        kinds = [self.rng.choice(tuple(left)) for _ in range(count)]
        return [kind(self, *left[kind].pop()) for kind in kinds]

    def _computes(self, names: list[str], count: int) -> list[Subgoal]:
        """Computations that use every value that was found, and each other's; the last is the answer."""
        left, found = taken(self.rng, names, len(names)), list[Subgoal]()
        for name in taken(self.rng, VALUES, count):
            most = len(left) if len(found) == count - 1 else 2
            used, left = left[:most], left[most:]
            found.append(self._compute(name, used))
            left.append(name)
        return found

    def _compute(self, name: str, used: Sequence[str]) -> Subgoal:
        operator = self.rng.choice("*+-") if len(used) < 3 else "+"
        terms = [(other, self.values[other]) for other in used]
        if len(terms) == 1:
            number = self.rng.between(11, 99)
            terms.append((str(number), number))
        terms.sort(key=lambda term: -term[1] if operator == "-" else 0)  # a difference is not negative
        text = f" {_WORDS[operator]} ".join(told for told, _ in terms)
        expression = f" {operator} ".join(str(value) for _, value in terms)
        value = reduce(_COMPUTE[operator], (value for _, value in terms))
        call = _call("calculator", expression=expression)
        return self.value(name, "calculator", f"work out {text}", used, call, value)


def _in_file(build: _Builder, thing: str, field: str) -> Subgoal:
    asks = f"find the {field} of the {thing} in the file {_stock(thing)}"
    call = _call("shell", command=f"cat {_stock(thing)}")
    return build.value(f"{thing}_{field}", "files", asks, (), call, build.fields[thing][field])


def _in_orders(build: _Builder, thing: str, what: str) -> Subgoal:
    asks = (
        f"find how many units of the item {thing} were ordered in all; "
        "the table orders has the columns customer, item and units"
    )
    units = sum(units for _, item, units in build.scene.orders if item == thing)
    call = _call("sql", query=f"SELECT SUM(units) FROM orders WHERE item = '{thing}'")
    return build.value(f"{thing}_{what}", "database", asks, (), call, units)


def _in_notes(build: _Builder, note: str, _: str) -> Subgoal:
    call = _call("read_note", name=note)
    return build.value(note, "notes", f"find what the note '{note}' says", (), call, int(build.scene.notes[note]))


def _note(build: _Builder, values: Sequence[Subgoal]) -> Subgoal:
    source, name = build.rng.choice(values).name, f"{build.rng.choice(build.things)} sum"
    text = str(build.values[source])
    asks = f"keep the value of {source}, and nothing else, as a note under the name '{name}'"
    return _kept("memo", "notes", asks, source, _call("write_note", name=name, text=text), {"notes": {name: text}})


def _file(build: _Builder, values: Sequence[Subgoal]) -> Subgoal:
    source, path = build.rng.choice(values).name, f"reports/{build.rng.choice(build.things)}.txt"
    text = str(build.values[source])
    asks = f"write the value of {source}, and nothing else, to the file {path} by echo"
    call = _call("shell", command=f"echo {text} > {path}")
    return _kept("paper", "files", asks, source, call, {"files": {path: f"{text}\n"}})


def _row(build: _Builder, values: Sequence[Subgoal]) -> Subgoal:
    source, person = build.rng.choice(values).name, build.rng.choice(build.people)
    value = build.values[source]
    asks = f"add one row, '{person}' and the value of {source}, to the table bills with the columns customer and amount"
    rows = [*map(list, build.scene.bills), [person, value]]
    state = {"database": {"bills": {"columns": ["customer", "amount"], "rows": rows}}}
    call = _call("sql", query=f"INSERT INTO bills VALUES ('{person}', {value})")
    return _kept("bill", "database", asks, source, call, state)


def _kept(name: str, kit: str, asks: str, source: str, call: dict[str, Any], state: dict[str, Any]) -> Subgoal:
    return Subgoal(name, kit, asks, (source,), call, state, "done")


def _call(tool: str, /, **arguments: str) -> dict[str, Any]:
    return {"name": tool, "arguments": arguments}


def _stock(thing: str) -> str:
    return f"stock/{thing}.txt"


def _lines(fields: Mapping[str, int]) -> str:
    return "".join(f"{field}: {value}\n" for field, value in fields.items())


def _script(scene: Mapping[str, Any]) -> str:
    orders = ", ".join(f"('{customer}', '{item}', {units})" for customer, item, units in scene["orders"])
    bills = ", ".join(f"('{customer}', {amount})" for customer, amount in scene["bills"])
    return (
        f"CREATE TABLE orders (customer TEXT, item TEXT, units INTEGER); INSERT INTO orders VALUES {orders};"
        f"CREATE TABLE bills (customer TEXT, amount INTEGER); INSERT INTO bills VALUES {bills};"
    )
