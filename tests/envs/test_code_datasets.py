"""Programs from data: HumanEval, MBPP and contests. Rows of our own in the published forms, and the real data."""

from __future__ import annotations

import ast
import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs.rows import DataError
from rlvr_gym.verifiers import ConfigError

SECRET = 7341957
DOUBLE = "```python\ndef double(x):\n    return x + x\n```"

HUMANEVAL = {
    "prompt": 'import math\n\ndef double(x):\n    """Twice x.\n    >>> double(2)\n    4\n    """\n',
    "entry_point": "double",
    "canonical_solution": "    return x + x\n",
    "test": f"def check(candidate):\n    assert candidate(3) == 6\n    assert candidate({SECRET}) == {2 * SECRET}\n",
}
MBPP = {
    "prompt": "Double a number.",
    "code": "import math\ndef double(x):\n    return x + x",
    "test_list": ["assert double(2) == 4", f"assert double({SECRET}) == {2 * SECRET}", "assert double(-1) == -2"],
    "test_imports": ["import math"],
}
APPS_STDIO = {
    "question": "\nAdd the numbers of each line.\n",
    "input_output": json.dumps({"inputs": ["1 2\n3 4\n", f"{SECRET} 1\n"], "outputs": ["3\n7\n", f"{SECRET + 1} \n"]}),
    "solutions": json.dumps(["import sys\nfor line in sys.stdin:\n    print(sum(map(int, line.split())))", "pass"]),
    "starter_code": "",
    "difficulty": "interview",
}
APPS_CALLS = {
    "question": "Double a number.",
    "input_output": json.dumps({"fn_name": "double", "inputs": [[2], [SECRET]], "outputs": [[4], [2 * SECRET]]}),
    "solutions": json.dumps(["def double(x):\n    return 2 * x"]),
    "starter_code": "def double(x):\n\t",
}
LIVE_CALLS = {
    "question_content": "Pair each number with its double.",
    "starter_code": "class Solution:\n    def pairs(self, numbers: List[int], k: int) -> List[List[int]]:\n        ",
    "public_test_cases": json.dumps([{"input": "[1, 2]\n2", "output": "[[1, 2], [2, 4]]", "testtype": "functional"}]),
    "private_test_cases": json.dumps(
        [{"input": f"[{SECRET}]\n2", "output": f"[[{SECRET}, {2 * SECRET}]]", "testtype": "functional"}]
    ),
    "metadata": json.dumps({"func_name": "pairs"}),
    "difficulty": "easy",
    "platform": "leetcode",
}
LIVE_STDIO = {
    "question_content": "Add two numbers.",
    "starter_code": "",
    "public_test_cases": json.dumps([{"input": "1 2", "output": "3", "testtype": "stdin"}]),
    "private_test_cases": json.dumps([{"input": f"{SECRET} 1", "output": str(SECRET + 1), "testtype": "stdin"}]),
    "metadata": "{}",
}
PICKLED = base64.b64encode(zlib.compress(pickle.dumps(LIVE_STDIO["private_test_cases"]))).decode()

PAIRS = (
    "class Solution:\n    def pairs(self, numbers: List[int], k: int):\n        return [(n, n * k) for n in numbers]"
)
CASES: dict[str, tuple[str, dict[str, Any], str]] = {  # id, row, a response that passes
    "HumanEval": ("HumanEval", HUMANEVAL, DOUBLE),
    "MBPP": ("MBPP", MBPP, DOUBLE),
    "APPS, programs": (
        "CodeContests",
        APPS_STDIO,
        "```python\nimport sys\nfor line in sys.stdin:\n    a, b = map(int, line.split())\n    print(a + b)\n```",
    ),
    "APPS, functions": ("CodeContests", APPS_CALLS, DOUBLE),
    "LiveCodeBench, functions": ("CodeContests", LIVE_CALLS, f"```python\n{PAIRS}\n```"),
    "LiveCodeBench, programs": (
        "CodeContests",
        LIVE_STDIO,
        "```python\nprint(sum(map(int, input().split())))\n```",
    ),
}


def written(folder: Path, *rows: dict[str, Any]) -> str:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def make(name: str, folder: Path, *rows: dict[str, Any], **settings: Any) -> Any:
    return gym.make(f"rlvr_gym:rlvr/{name}-v0", path=written(folder, *rows), **settings)


def outcome(env: Any, response: str, index: int = 0) -> dict[str, Any]:
    env.reset(options={"task_index": index})
    _, _, terminated, truncated, info = env.step(response)
    assert (terminated, truncated) == (True, False), info
    found: dict[str, Any] = info
    return found


@pytest.mark.parametrize(("name", "row", "response"), list(CASES.values()), ids=list(CASES))
def test_right_programs_pass_and_wrong_ones_do_not(
    name: str, row: dict[str, Any], response: str, tmp_path: Path
) -> None:
    env = make(name, tmp_path, row)
    assert outcome(env, response)["passed"] is True
    assert env.unwrapped.task.solution is None or outcome(env, env.unwrapped.task.solution)["passed"] is True
    wrong = response.replace("x + x", "x + 2").replace("a + b", "a").replace("sum(", "max(").replace("n * k", "n + 1")
    assert wrong != response
    assert outcome(env, wrong)["passed"] is False


@pytest.mark.parametrize(("name", "row", "response"), list(CASES.values()), ids=list(CASES))
def test_nothing_hidden_is_seen(name: str, row: dict[str, Any], response: str, tmp_path: Path) -> None:
    for reward in ("outcome", "dense"):
        env = make(name, tmp_path, row, reward=reward, render_mode="ansi")
        for attempt in (
            "",
            "```python\nx = 1\n```",
            "```python\n1 +\n```",
            response.replace("+", "-").replace("*", "-"),
        ):
            seen = [repr(env.reset(seed=0)), repr(env.step(attempt)), str(env.render()), repr(env.unwrapped.task)]
            assert str(SECRET) not in "".join(seen)
            assert str(2 * SECRET) not in "".join(seen)


@pytest.mark.parametrize("name", ["HumanEval", "MBPP", "CodeContests"])
def test_an_end_before_the_tests_is_no_pass(name: str, tmp_path: Path) -> None:
    rows = {"HumanEval": HUMANEVAL, "MBPP": MBPP, "CodeContests": APPS_CALLS}
    env = make(name, tmp_path, rows[name], reward="dense")
    for code in ("import os\nos._exit(0)", "raise SystemExit(0)", "print('passed')", "double = lambda x: type('A', (), "
                 "{'__eq__': lambda a, b: True})()"):  # fmt: skip
        info = outcome(env, f"```python\n{code}\n```")
        assert (info["passed"], info["reward_terms"]) == (False, {"dense": 0.0})


# --- Prompts -------------------------------------------------------------------------------------------------------


def test_humaneval_asks_for_the_whole_function(tmp_path: Path) -> None:
    env = make("HumanEval", tmp_path, HUMANEVAL)
    prompt = env.reset(seed=0)[0]
    assert prompt.endswith(f"```python\n{HUMANEVAL['prompt'].rstrip()}\n```")
    body_only = "```python\n    return x + x\n```"
    assert outcome(env, body_only)["passed"] is True  # a continuation is taken as well


@pytest.mark.parametrize(
    ("count", "seen"), [(0, "Define `double`."), (1, "== 4\n```"), (3, "assert double(-1) == -2\n```")]
)
def test_mbpp_shows_as_many_tests_as_asked(count: int, seen: str, tmp_path: Path) -> None:
    prompt = make("MBPP", tmp_path, MBPP, shown_tests=count).reset(seed=0)[0]
    assert prompt.endswith(seen)
    assert prompt.count("assert ") == count


def test_mbpp_reads_rows_that_are_not_sanitised(tmp_path: Path) -> None:
    row = {"text": "Double.", "code": MBPP["code"], "test_list": MBPP["test_list"], "test_setup_code": "import math"}
    env = make("MBPP", tmp_path, row)
    assert env.reset(seed=0)[0].startswith("Double.\n")
    assert outcome(env, env.unwrapped.task.solution)["passed"] is True


def test_a_table_of_the_shown_test_earns_next_to_nothing(tmp_path: Path) -> None:
    env = make("MBPP", tmp_path, MBPP, reward="dense")
    terms = outcome(env, "```python\ndef double(x):\n    return 4\n```")["reward_terms"]
    assert terms["dense"] == pytest.approx(0.01 / 2.01)  # the shown test weighs 0.01, the two hidden ones 1 each


def test_contests_say_what_they_want(tmp_path: Path) -> None:
    env = make("CodeContests", tmp_path, APPS_STDIO, APPS_CALLS, LIVE_CALLS)
    prompts = [env.reset(options={"task_index": i})[0] for i in range(3)]
    assert prompts[0] == (
        "Add the numbers of each line.\n\nWrite a Python program that reads standard input and writes the answer to "
        "standard output. Give it in a ```python block."
    )
    assert prompts[1].endswith("Give the whole of it in a ```python block.\n\n```python\ndef double(x):\n```")
    assert "    def pairs(self, numbers: List[int], k: int) -> List[List[int]]:\n```" in prompts[2]
    unnamed = make("CodeContests", tmp_path, {**APPS_CALLS, "starter_code": None}).reset(seed=0)[0]
    assert unnamed.endswith("Write a Python function `double`. Give it in a ```python block.")
    assert env.reset(options={"task_index": 2})[1]["difficulty"] == {"difficulty": "easy", "platform": "leetcode"}


# --- Contests: forms and settings ----------------------------------------------------------------------------------


def test_public_tests_of_livecodebench_are_told_and_private_ones_are_not(tmp_path: Path) -> None:
    env = make("CodeContests", tmp_path, LIVE_STDIO, reward="dense")
    info = outcome(env, "```python\nprint(input())\n```")
    shown, hidden = (part["detail"] for part in info["verdict"]["parts"])
    assert "'1 2" in shown
    assert hidden == "wrong answer"


def test_columns_may_hold_values_instead_of_json_texts(tmp_path: Path) -> None:
    rows = []
    for row, columns in ((APPS_CALLS, ["input_output", "solutions"]), (LIVE_STDIO, ["public_test_cases", "metadata"])):
        rows.append({**row, **{column: json.loads(row[column]) for column in columns}})
    env = make("CodeContests", tmp_path, *rows)
    assert outcome(env, DOUBLE, 0)["passed"] is True
    assert outcome(env, CASES["LiveCodeBench, programs"][2], 1)["passed"] is True


def test_lines_in_lists_are_joined_and_expected_values_taken_out_of_their_lists(tmp_path: Path) -> None:
    lines = {"inputs": [["1 2", "3 4"]], "outputs": [["3", "7"]]}
    plain = {"fn_name": "f", "inputs": [[[1, 2]], [[]]], "outputs": [[2, 1], []]}
    wrapped = {"fn_name": "f", "inputs": [[[1, 2]], [[]]], "outputs": [[[2, 1]], [[]]]}
    rows = [{"question": "?", "input_output": json.dumps(value)} for value in (lines, plain, wrapped)]
    env = make("CodeContests", tmp_path, *rows)
    assert outcome(env, CASES["APPS, programs"][2], 0)["passed"] is True
    assert len(env.unwrapped.taskset) == 2  # rows of equal content are one task, and the last two are equal
    assert outcome(env, "```python\ndef f(x):\n    return x[::-1]\n```", 1)["passed"] is True


def test_one_kind_can_be_taken(tmp_path: Path) -> None:
    for kind, count in (("stdio", 2), ("calls", 2), (None, 4)):
        env = make("CodeContests", tmp_path, APPS_STDIO, APPS_CALLS, LIVE_CALLS, LIVE_STDIO, kind=kind)
        assert len(env.unwrapped.taskset) == count


def test_other_languages_run_whole_programs(tmp_path: Path) -> None:
    env = make("CodeContests", tmp_path, APPS_STDIO, APPS_CALLS, language="bash", kind="stdio")
    assert "Write a Bash program" in env.reset(seed=0)[0]
    assert "```bash block" in env.reset(seed=0)[0]
    assert env.unwrapped.task.solution is None  # those of the row are Python
    assert outcome(env, "```bash\nwhile read a b; do echo $((a + b)); done\n```")["passed"] is True
    with pytest.raises(DataError, match=r"row 2: its tests call a function.*leave such problems out with kind='stdio'"):
        make("CodeContests", tmp_path, APPS_STDIO, APPS_CALLS, language="cpp")


@pytest.mark.parametrize(
    ("checker", "expected", "passes"),
    [
        ("tokens", "1  2\n3\n", True),
        ("lines", "1  2\n3\n", False),
        ("lines", "1 2 \n3\n\n", True),
        ("exact", "1 2\n3", False),
        (
            {"float": {"abs": 0.01}},
            "1.001 2.0 2.999",
            False,
        ),  # the program wrote integers as expected, but 3 < 2.999 + 0.01
    ],
)
def test_the_checker_is_a_setting(checker: Any, expected: str, passes: bool, tmp_path: Path) -> None:
    row = {"question": "?", "input_output": json.dumps({"inputs": [""], "outputs": [expected]})}
    env = make("CodeContests", tmp_path, row, checker=checker)
    wanted = passes if isinstance(checker, str) else True
    assert outcome(env, "```python\nprint('1 2')\nprint(3)\n```")["passed"] is wanted


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "pickled": (
        "CodeContests",
        {**LIVE_STDIO, "private_test_cases": PICKLED},
        "it is not read here. Take livecodebench/",
    ),
    "other columns": ("CodeContests", {"prompt": "?", "tests": "[]"}, "no column 'question'"),
    "no tests": ("CodeContests", {**APPS_STDIO, "input_output": '{"inputs": [], "outputs": []}'}, "there are no tests"),
    "fewer outputs": (
        "CodeContests",
        {**APPS_STDIO, "input_output": '{"inputs": [""], "outputs": []}'},
        "1 inputs and 0",
    ),
    "no object": ("CodeContests", {**APPS_STDIO, "input_output": "[1]"}, "must be an object with the lists"),
    "no JSON": ("CodeContests", {**APPS_STDIO, "input_output": "{"}, "'input_output' is no JSON"),
    "null tests": ("CodeContests", {**APPS_STDIO, "input_output": None}, "must be an object with the lists"),
    "numbers as input": (
        "CodeContests",
        {**APPS_STDIO, "input_output": '{"inputs": [1], "outputs": ["1"]}'},
        "cannot use the tests (bad_reference)",
    ),
    "no argument list": (
        "CodeContests",
        {**APPS_CALLS, "input_output": '{"fn_name": "f", "inputs": ["1"], "outputs": [1]}'},
        "must be lists of arguments",
    ),
    "a bad name": (
        "CodeContests",
        {**APPS_CALLS, "input_output": '{"fn_name": "f()", "inputs": [[1]], "outputs": [1]}'},
        "cannot use the tests (bad_entry_point)",
    ),
    "a name of another type": (
        "CodeContests",
        {**APPS_CALLS, "input_output": '{"fn_name": 5, "inputs": [[1]], "outputs": [1]}'},
        "'fn_name' must be a text",
    ),
    "kinds that disagree": ("CodeContests", {**LIVE_STDIO, "metadata": '{"func_name": "f"}'}, "names the function 'f'"),
    "arguments that are no JSON": (
        "CodeContests",
        {**LIVE_CALLS, "public_test_cases": '[{"input": "x", "output": "1"}]'},
        "must hold a JSON value in each line",
    ),
    "a test without output": (
        "CodeContests",
        {**LIVE_STDIO, "public_test_cases": '[{"input": "1"}]'},
        "the texts 'input'",
    ),
    "an object as tests": ("CodeContests", {**LIVE_STDIO, "public_test_cases": "{}"}, "there are no tests"),
    "no check": ("HumanEval", {**HUMANEVAL, "test": "assert True"}, "cannot use the tests (no_check)"),
    "no entry point": ("HumanEval", {**HUMANEVAL, "entry_point": None}, "no column 'entry_point'"),
    "a blank prompt": ("HumanEval", {**HUMANEVAL, "prompt": "  "}, "the column 'prompt' is empty"),
    "a number as test": ("HumanEval", {**HUMANEVAL, "test": 5}, "the column 'test' must be a text, got 5"),
    "no list": ("MBPP", {**MBPP, "test_list": "assert True"}, "'test_list' is no JSON"),
    "an empty list": ("MBPP", {**MBPP, "test_list": []}, "at least one test"),
    "no Python": ("MBPP", {**MBPP, "test_list": ["assert"]}, "must hold Python"),
    "no assert": ("MBPP", {**MBPP, "test_list": ["double(2)"]}, "cannot use the tests (no_assert)"),
    "deep code": ("MBPP", {**MBPP, "code": "(" * 5000}, "must hold Python"),
}


@pytest.mark.parametrize(("name", "row", "message"), list(REFUSED.values()), ids=list(REFUSED))
def test_a_row_that_cannot_be_used_is_an_error_with_its_number(
    name: str, row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    if row.get("public_test_cases") == "{}":
        row = {**row, "private_test_cases": "[]"}
    good = {"HumanEval": HUMANEVAL, "MBPP": MBPP, "CodeContests": APPS_STDIO}[name]
    with pytest.raises(DataError) as caught:
        make(name, tmp_path, good, row)
    assert f"{tmp_path}/rows.jsonl, row 2: " in str(caught.value)
    assert message in str(caught.value)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "trapped",))

    row = {**LIVE_STDIO, "private_test_cases": base64.b64encode(zlib.compress(pickle.dumps(Trap()))).decode()}
    with pytest.raises(DataError, match="a pickle can run anything"):
        make("CodeContests", tmp_path, row)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("MBPP", {"shown_tests": -1}, "shown_tests must be"),
        ("HumanEval", {"hub": "x"}, "got both"),
        ("HumanEval", {"limit": 0}, "limit must be"),
        ("HumanEval", {"sandbox": "forkservr"}, "sandbox must be one of"),
        ("HumanEval", {"verifier_config": {"limits": {"cpu": 1}}}, "cpu"),
        ("CodeContests", {"language": "cobol"}, "language must be one of"),
        ("CodeContests", {"kind": "both"}, "kind must be one of None, stdio, calls; got 'both'"),
        ("CodeContests", {"checker": 5}, "checker must be a text or an object"),
    ],
)
def test_refused_settings(name: str, settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    row = {"HumanEval": HUMANEVAL, "MBPP": MBPP, "CodeContests": APPS_STDIO}[name]
    with pytest.raises(ConfigError) as caught:
        make(name, tmp_path, row, **settings)
    assert message in str(caught.value)


def test_equal_files_are_read_once_and_changed_ones_again(tmp_path: Path) -> None:
    first, second = make("HumanEval", tmp_path, HUMANEVAL), make("HumanEval", tmp_path, HUMANEVAL)
    assert first.unwrapped.taskset is not None
    third = gym.make(first.spec)
    assert third.unwrapped.taskset is second.unwrapped.taskset
    changed: Any = make("HumanEval", tmp_path, {**HUMANEVAL, "prompt": "def double(x):\n"})
    assert changed.reset(seed=0)[0] != first.reset(seed=0)[0]


# --- The real data -------------------------------------------------------------------------------------------------


def real(data_dir: Path, path: str) -> str:
    file = data_dir / path
    if not file.is_file():
        pytest.skip(f"no {file}")
    return str(file)


REAL = {"HumanEval": ("humaneval/HumanEval.jsonl", 164), "MBPP": ("mbpp/mbpp_sanitized.json", 399)}


@pytest.mark.parametrize(("name", "path", "count"), [(name, *rest) for name, rest in REAL.items()])
def test_published_solutions_pass(name: str, path: str, count: int, data_dir: Path) -> None:
    """Every twelfth one; that all do is measured in docs/envs/programs.md."""
    env: Any = gym.make(f"rlvr_gym:rlvr/{name}-v0", path=real(data_dir, path)).unwrapped
    tasks = list(env.taskset)
    assert len(tasks) == count
    sample = tasks[::12]
    verdicts = env.verifier.verify_batch([(task.solution, task.reference) for task in sample])
    assert all(verdict.passed for verdict in verdicts)


def test_what_the_real_prompt_of_mbpp_shows_does_not_pass(data_dir: Path) -> None:
    """A function that always gives the answer of the shown test."""
    env: Any = gym.make("rlvr_gym:rlvr/MBPP-v0", path=real(data_dir, REAL["MBPP"][0])).unwrapped
    pairs = []
    for task in list(env.taskset)[::12]:
        shown = ast.parse(task.prompt.rpartition("```python\n")[2].removesuffix("\n```")).body[0]
        name = task.reference["names"][0]
        if isinstance(shown, ast.Assert) and isinstance(shown.test, ast.Compare):
            answer = ast.unparse(shown.test.comparators[0])
            pairs.append((f"```python\ndef {name}(*args):\n    return {answer}\n```", task.reference))
    assert len(pairs) > 25
    passed = sum(verdict.passed for verdict in env.verifier.verify_batch(pairs))
    assert passed == 0
