"""`rlvr/ListFunctions-v0`: the tables say one thing three times, solutions pass, what is nearly right does not."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import TaskRandom
from rlvr_gym.envs.code import code_verifier
from rlvr_gym.envs.list_functions import LIMITS, ListFunctionsTaskSet
from rlvr_gym.envs.list_programs import Chosen, ListProgram, Step, draw_program
from rlvr_gym.envs.list_steps import MAPPINGS, NUMBERS, PREDICATES, STEPS, TOTALS
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox

KNOBS: list[dict[str, Any]] = [
    {},
    {"depth": 1},
    {"depth": 5, "described": True},
    {"length": 20, "high": 500, "shown": 3},
    {"length": 3, "high": 5},
    {"style": "compact"},
    {"shown": 0, "described": True},
]


def some_lists(count: int, key: bytes = b"lists") -> list[list[int]]:
    """Edge cases, then lists that no task set has drawn."""
    rng = TaskRandom(key)
    edges: list[list[int]] = [[], [0], [1], [-1], [2, 2], [3, -3, 3], list(range(-12, 13)), list(range(12, -13, -1))]
    spans = (3, 5, 20, 20)
    return edges + [
        [rng.between(-span, span) for _ in range(rng.below(11))] for span in (rng.choice(spans) for _ in range(count))
    ]


def numbers_of(domain: str) -> list[int]:
    low, high = NUMBERS.get(domain, (-3, 3))
    return [low, high] if domain else [0]


def every_step() -> Iterator[Step]:
    """Each shape with each predicate and mapping that it takes, and the ends of each range of numbers."""
    for name, shape in {**STEPS, **TOTALS}.items():
        predicates = PREDICATES if "{p}" in shape.source else {"": None}
        mappings = MAPPINGS if "{m}" in shape.source else {"": None}
        for number in numbers_of(shape.number):
            for p, predicate in predicates.items():
                for m, mapping in mappings.items():
                    for n in numbers_of(predicate.number if predicate else ""):
                        last = numbers_of(mapping.number if mapping else "")[-1]
                        yield Step(Chosen(name, number), Chosen(p, n), Chosen(m, last))


def test_python_agrees_with_our_evaluator_on_every_step() -> None:
    programs = [ListProgram((step,)) for step in every_step()]
    assert len(programs) > 250
    lists = some_lists(25)
    source = "import json\nanswers = []\n"
    for program in programs:
        source += f"{program.source}\nfirst = f\n{program.one_line}\n"
        source += f"answers.append([[g(x) for x in {lists}] for g in (first, f)])\n"
    with make_sandbox("forkserver") as sandbox:
        result = sandbox.run(RunSpec(f"{source}print(json.dumps(answers))"))
    answers = json.loads(result.stdout)
    for program, (as_function, in_one_line) in zip(programs, answers, strict=True):
        assert as_function == in_one_line == [program(x) for x in lists], program.source


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_every_solution_passes_and_a_table_of_the_shown_examples_does_not(knobs: dict[str, Any]) -> None:
    taskset = ListFunctionsTaskSet(seed=1, **knobs)
    compact = knobs.get("style") == "compact"
    verifier = code_verifier("forkserver", {}, limits=LIMITS, blocks="whole" if compact else "last_block")
    tasks = [taskset[i] for i in range(20)]
    for verdict in verifier.verify_batch([(task.solution, task.reference) for task in tasks]):
        assert verdict.passed, verdict
    tables = []
    for task in tasks:
        tests = task.reference["tests"]
        shown = {json.dumps(test["args"][0]): test["expected"] for test in tests if test.get("public")}
        assert all(str(answer).replace(" ", "") in task.prompt.replace(" ", "") for answer in shown.values())
        table = f"def f(x):\n    return {shown}.get(str(x), {[*shown.values(), []][0]})"
        tables.append((table if compact else f"```python\n{table}\n```", task.reference))
    for verdict in verifier.verify_batch(tables):
        assert not verdict.passed
        assert verdict.score < 0.2  # tests with one answer weigh as much as one, and there are at least 6 answers


def survivors(program: ListProgram, tests: list[Any], others: list[ListProgram]) -> list[ListProgram]:
    """Programs that pass the tests and yet answer otherwise on one of many other lists."""
    passing = [other for other in others if all(other(x) == y for x, y in tests)]
    many = some_lists(400, b"more lists")
    return [other for other in passing if any(other(x) != program(x) for x in many)]


@pytest.mark.parametrize("knobs", [{}, {"depth": 1}, {"depth": 5}, {"shown": 0, "described": True}], ids=str)
def test_what_is_nearly_right_fails(knobs: dict[str, Any]) -> None:
    """Of all dropped steps, swapped steps and numbers off by one that make a difference, 99 in 100 are caught."""
    taskset = ListFunctionsTaskSet(seed=2, **knobs)
    tried = 0
    missed: list[ListProgram] = []
    for index in range(50):
        program = taskset._problem(index)
        hidden = [t for t in taskset[index].reference["tests"] if not t.get("public")]
        tests = [(test["args"][0], test["expected"]) for test in hidden]
        assert all(program(x) == y for x, y in tests)
        mutants = list(program.mutants())
        # And what the generator did not look at: a step replaced by any other.
        rng = TaskRandom(b"%d" % index)
        for i, step in enumerate(program.steps[:-1]):
            for other in draw_program(rng, 4, 10).steps[:3]:
                if other != step:
                    mutants.append(ListProgram((*program.steps[:i], other, *program.steps[i + 1 :])))
        tried += len(mutants)
        missed += survivors(program, tests, mutants)
    assert tried > 40
    assert len(missed) <= tried / 100, [other.source for other in missed]


def test_no_step_can_be_left_out() -> None:
    taskset = ListFunctionsTaskSet(depth=4)
    lists = some_lists(300)
    for index in range(20):
        program = taskset._problem(index)
        answers = [program(x) for x in lists]
        for i in range(4):
            shorter = program.without(i)
            assert [shorter(x) for x in lists] != answers, program.source


def test_functions_that_answer_alike_share_a_side_of_the_split() -> None:
    taskset = ListFunctionsTaskSet()
    odd, even = Chosen("odd"), Chosen("even")
    keep, remove = ListProgram((Step(Chosen("keep"), odd),)), ListProgram((Step(Chosen("remove"), even),))
    assert (
        taskset.split_key(keep) == taskset.split_key(remove) != taskset.split_key(ListProgram((Step(Chosen("sort")),)))
    )


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)])
def test_training_and_test_functions_are_disjoint(seeds: tuple[int, int]) -> None:
    keys = []
    for split, seed in zip(("train", "test"), seeds, strict=True):
        taskset = ListFunctionsTaskSet(depth=2, split=split, seed=seed)
        keys.append({taskset.split_key(taskset._problem(i)) for i in range(150)})
    assert not keys[0] & keys[1]
    assert min(map(len, keys)) > 130


def test_there_are_many_functions() -> None:
    """Of 600,000 draws 449,047 answered like no other before (measured once); two of 2,000 are alike about 5 times."""
    taskset = ListFunctionsTaskSet()
    assert len({taskset.split_key(taskset._problem(i)) for i in range(2_000)}) >= 1_975


def test_a_task_depends_on_the_seeds_and_the_index_alone() -> None:
    forward = [ListFunctionsTaskSet(seed=5)[i].id for i in range(20)]
    backward = ListFunctionsTaskSet(seed=5)
    assert [backward[i].id for i in reversed(range(20))] == forward[::-1]
    assert not set(forward) & {ListFunctionsTaskSet(seed=6)[i].id for i in range(20)}


def test_tasks_stay_what_they_are() -> None:
    """A change of the generator changes scores: it needs a new version of the id, and new digests here."""
    digests = {}
    for style in ("question", "compact"):
        taskset = ListFunctionsTaskSet(style=style)
        digests[style] = hashlib.sha256("".join(taskset[i].id for i in range(100)).encode()).hexdigest()[:16]
    assert digests == {"question": "db6456a2e429c913", "compact": "58ecaa579c0fcbcd"}


def test_hidden_tests_hold_the_edge_cases() -> None:
    taskset = ListFunctionsTaskSet(shown=0, described=True)
    inputs = [[test["args"][0] for test in taskset[i].reference["tests"]] for i in range(50)]
    assert all([] in lists for lists in inputs)
    for what in (
        lambda x: len(x) == 1 and x[0] > 0,
        lambda x: len(x) == 1 and x[0] < 0,
        lambda x: len(set(x)) < len(x),
        lambda x: min(x, default=0) < 0 < max(x, default=0),
    ):
        assert sum(any(map(what, lists)) for lists in inputs) >= 45


def test_prompts() -> None:
    program = ListProgram((Step(Chosen("keep"), Chosen("greater", 2)), Step(Chosen("sum"))))
    asked = ListFunctionsTaskSet(shown=2).make(program).prompt.split("\n")
    assert asked[0] == "Write a Python function `f(x)` that takes a list of integers and agrees with these examples:"
    assert asked[2] == "f([]) == 0"
    examples = [line for line in asked if line.startswith("f(")]
    assert len(examples) == 2
    given, _, answer = examples[1].removeprefix("f(").partition(") == ")
    assert program(ast.literal_eval(given)) == int(answer)
    said = ListFunctionsTaskSet(shown=0, described=True).make(program).prompt
    assert "\n1. keep only the values that are greater than 2\n2. return the sum\n" in said
    assert "agrees" not in said
    lists = ListFunctionsTaskSet(shown=1, described=True).make(ListProgram((Step(Chosen("sort")),))).prompt
    assert (
        "\n1. sort in ascending order\n2. return the list\n\nIt agrees with these examples:\n\nf([]) == []\n" in lists
    )
    assert ListFunctionsTaskSet(shown=1, style="compact").make(program).prompt == "[]:0\n"


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"depth": 0}, "depth must be an integer from 1 to 6, got 0"),
        ({"length": 2}, "length must be"),
        ({"high": 4}, "high must be"),
        ({"shown": 21}, "shown must be"),
        ({"described": 1}, "described must be true or false, got 1"),
        ({"shown": 0}, "shown=0 leaves nothing that says what the function does"),
        ({"sandbox": "none"}, "sandbox"),
        ({"verifier_config": {"sandbox": "docker"}}, "name the sandbox with sandbox="),
        ({"verifier_config": {"limit": {}}}, "did you mean 'limits'?"),
        ({"verifier_config": 5}, "verifier_config must be a JSON object"),
    ],
)
def test_refused_settings_say_what_was_expected(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        gym.make("rlvr_gym:rlvr/ListFunctions-v0", **knobs)
    assert message in str(caught.value)


def test_settings_of_the_verifier_are_laid_over_those_of_the_environment() -> None:
    env: Any = gym.make("rlvr_gym:rlvr/ListFunctions-v0", verifier_config={"limits": {"cpu_s": 1}}, style="compact")
    config = env.unwrapped.verifier.config()
    assert (config["limits"], config["blocks"], config["sandbox"]) == ({"cpu_s": 1}, "whole", "forkserver")


ATTACKS = {
    "the examples as a program": "{prompt}",
    "the identity": "```python\ndef f(x):\n    return x\n```",
    "the empty list": "```python\ndef f(x):\n    return []\n```",
    "nothing": "```python\ndef f(x):\n    pass\n```",
    "equal to everything": "```python\nclass A(list):\n    def __eq__(self, other):\n        return True\n"
    "def f(x):\n    return A()\n```",
    "an end before the tests": "```python\nimport os\ndef f(x):\n    os._exit(0)\n```",
    "a claim": "```python\nprint('all 22 tests passed')\n```",
    "a generator without end": "```python\nimport itertools\ndef f(x):\n    return itertools.count()\n```",
    "the solution in the thoughts": "<think>\n{solution}\n</think>\nDone.",
    "the solution, then another program": "{solution}\n```python\ndef f(x):\n    return x\n```",
    "an unclosed fence": "```python\ndef f(x):\n    return x\n",
    "the frames": "```python\nimport sys\ndef f(x):\n    return sys._getframe(1).f_locals.get('expected')\n```",
}


@pytest.mark.parametrize("attack", list(ATTACKS.values()), ids=list(ATTACKS))
def test_attacks_pay_nothing(attack: str) -> None:
    for reward in ("outcome", "dense"):
        env: Any = gym.make("rlvr_gym:rlvr/ListFunctions-v0", reward=reward)
        for index in range(2):
            prompt, _ = env.reset(options={"task_index": index})
            response = attack.replace("{prompt}", prompt).replace("{solution}", env.unwrapped.task.solution)
            _, paid, terminated, truncated, info = env.step(response)
            assert (terminated, truncated, info["passed"]) == (True, False, False)
            # The dense reward pays for lists on which the wrong program happens to be right, which are few.
            assert paid <= (0.0 if reward == "outcome" else 0.25)


def test_hidden_tests_leave_the_environment_by_no_way() -> None:
    env: Any = gym.make("rlvr_gym:rlvr/ListFunctions-v0", render_mode="ansi", high=1000, length=12)
    for index in range(5):
        observation, info = env.reset(options={"task_index": index})
        step = env.step("```python\ndef f(x):\n    return [987654321]\n```")
        seen = f"{observation} {info!r} {step!r} {env.render()} {env.unwrapped.task!r}"
        for test in env.unwrapped.task.reference["tests"]:
            if not test.get("public") and len(str(test["args"][0])) > 12:
                assert str(test["args"][0]) not in seen
                if isinstance(test["expected"], list) and len(test["expected"]) > 2:
                    assert str(test["expected"]) not in seen
        assert env.unwrapped.task.solution not in seen
