"""`rlvr/CodeContests-v0`: programs and functions from programming contests, in the forms of APPS and LiveCodeBench.

Both forms hold whole programs (standard input to standard output) and functions that are called.

| | APPS (Hendrycks et al. 2021, arXiv 2105.09938) | LiveCodeBench (Jain et al. 2024, arXiv 2403.07974) |
|---|---|---|
| problem | `question` | `question_content` |
| tests | `inputs`, `outputs` in `input_output` | `public_test_cases`, `private_test_cases` |
| name of the function | `fn_name` in `input_output` | `func_name` in `metadata` |
| code to begin with | `starter_code` | `starter_code` |
| solutions | `solutions` | none |

All but the texts is JSON, as text or as values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlvr_gym.envs.card import Card
from rlvr_gym.envs.code import CodeEnv, CodeProblem, discounted, fenced
from rlvr_gym.envs.source import Record
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.sandbox import LANGUAGES

KINDS = ("stdio", "calls")

# As both projects do before a function is called: starter code uses `List` and `Optional` without importing them.
IMPORTS = (
    "import bisect, collections, functools, heapq, itertools, math, operator, random, re, string, sys",
    *(f"from {module} import *" for module in "typing bisect collections functools heapq itertools math".split()),
)
# Tests are JSON, which has no tuples, and in which 1 and 1.0 are one number.
COMPARE = {"tuple_as_list": True, "int_as_float": True}

PICKLED = (
    "'private_test_cases' is no JSON. In livecodebench/code_generation_lite it is a pickle inside zlib and base64, and "
    "a pickle can run anything when it is read, so it is not read here. Take livecodebench/code_generation, which is "
    "JSON; or, where you trust the file, put for each row pickle.loads(zlib.decompress(base64.b64decode(text))) in its "
    "place, which gives the JSON text"
)

_SPOKEN = {"cpp": "C++", "javascript": "JavaScript"}


class _Case(NamedTuple):
    """A test: `given` and `expected` are texts for a program, a list of arguments and a value for a function."""

    given: Any
    expected: Any
    public: bool = False


class _Cases(NamedTuple):
    """The tests of a row, and the name of the function where they call one."""

    cases: list[_Case]
    function: str


@dataclass(frozen=True)
class ContestReader:
    """Rows in the form of APPS or of LiveCodeBench, told apart by their columns.

    Args:
        language: Of whole programs.
        kind: `"stdio"` or `"calls"`: problems of the other kind are left out. Empty: all are taken.
        checker: When the output of a program is accepted, as JSON; see `code@1`.
    """

    language: str
    kind: str
    checker: str

    def __call__(self, row: Record) -> CodeProblem | None:
        """See `Reader`."""
        live = not row.has("input_output") and row.has("public_test_cases")
        question = row.text("question_content" if live else "question").strip()
        cases, function = _live_cases(row) if live else _apps_cases(row)
        if not cases:
            raise row.error("there are no tests")
        if self.kind and (self.kind == "calls") != bool(function):
            return None
        if function and self.language != "python":
            raise row.error(
                f"its tests call a function, which is done in Python only, and language is {self.language!r}: leave "
                "such problems out with kind='stdio'"
            )
        starter = row.optional_text("starter_code").strip("\n").rstrip()
        reference = _calls(cases, function, starter) if function else self._stdio(cases)
        difficulty = {name: row.values[name] for name in ("difficulty", "platform") if row.has(name)}
        solution = _solution(row) if self.language == "python" else ""
        return CodeProblem(f"{question}\n\n{self._request(function, starter)}", reference, solution, difficulty)

    def _stdio(self, cases: list[_Case]) -> dict[str, Any]:
        tests = [{"stdin": case.given, "stdout": case.expected, "public": case.public} for case in cases]
        checker = json.loads(self.checker)
        return {"kind": "stdio", "tests": discounted(tests), "language": self.language, "checker": checker}

    def _request(self, function: str, starter: str) -> str:
        place = f"in a ```{self.language} block"
        begin = f"\n\n{fenced(starter, self.language)}" if starter else ""
        if function and starter:
            return f"Complete this code. Give the whole of it {place}.{begin}"
        if function:
            return f"Write a Python function `{function}`. Give it {place}."
        name = _SPOKEN.get(self.language, self.language.capitalize())
        program = f"Write a {name} program that reads standard input and writes the answer to standard output."
        return f"{program} Give it {place}." + (f" Begin with this code:{begin}" if begin else "")


def _apps_cases(row: Record) -> _Cases:
    data = row.parsed("input_output")
    if not isinstance(data, Mapping) or not all(isinstance(data.get(key), list) for key in ("inputs", "outputs")):
        raise row.error(f"'input_output' must be an object with the lists 'inputs' and 'outputs', got {shown(data)}")
    inputs, outputs, function = data["inputs"], data["outputs"], data.get("fn_name") or ""
    if len(inputs) != len(outputs):
        raise row.error(f"'input_output' has {len(inputs)} inputs and {len(outputs)} outputs")
    if not isinstance(function, str):
        raise row.error(f"'fn_name' must be a text, got {shown(function)}")
    if not function:
        return _Cases([_Case(_joined(given), _joined(out)) for given, out in zip(inputs, outputs, strict=True)], "")
    if not all(isinstance(given, list) for given in inputs):
        raise row.error("the inputs of a function must be lists of arguments")
    if all(isinstance(out, list) and len(out) == 1 for out in outputs):  # each value in a list of its own
        outputs = [out[0] for out in outputs]
    return _Cases([_Case(given, out) for given, out in zip(inputs, outputs, strict=True)], function)


def _joined(value: Any) -> Any:
    """Input or output of a program, which is a text or a list of lines; all else is left to the verifier to refuse."""
    lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "\n".join(value) if lines else value


def _live_cases(row: Record) -> _Cases:
    metadata = row.parsed("metadata") or {}
    function = metadata.get("func_name") or "" if isinstance(metadata, Mapping) else ""
    if not isinstance(function, str):
        raise row.error(f"'func_name' must be a text, got {shown(function)}")
    private = row.values.get("private_test_cases")
    if isinstance(private, str) and private.lstrip()[:1] not in ("", "["):
        raise row.error(PICKLED)
    found: list[_Case] = []
    for column in ("public_test_cases", "private_test_cases"):
        cases = row.parsed(column) or []
        if not isinstance(cases, list):
            raise row.error(f"{column!r} must be a list of tests, got {shown(cases)}")
        found += [_live_case(row, column, case, function) for case in cases]
    return _Cases(found, function)


def _live_case(row: Record, column: str, case: Any, function: str) -> _Case:
    if not isinstance(case, Mapping) or not all(isinstance(case.get(key), str) for key in ("input", "output")):
        raise row.error(f"a test of {column!r} must have the texts 'input' and 'output', got {shown(case)}")
    given, expected, public = case["input"], case["output"], column == "public_test_cases"
    wanted = "functional" if function else "stdin"
    if case.get("testtype", wanted) != wanted:
        named = f"names the function {function!r}" if function else "names no function"
        raise row.error(f"'metadata' {named}, so that a test has testtype {wanted!r}, got {shown(case['testtype'])}")
    if not function:
        return _Case(given, expected, public)
    try:
        arguments = [json.loads(line) for line in given.split("\n") if line.strip()]
        return _Case(arguments, json.loads(expected), public)
    except (ValueError, RecursionError) as error:
        raise row.error(f"a test of {column!r} must hold a JSON value in each line: {error}") from error


def _calls(cases: list[_Case], function: str, starter: str) -> dict[str, Any]:
    return {
        "kind": "calls",
        "entry_point": f"Solution.{function}" if "class Solution" in starter else function,
        "tests": discounted([{"args": c.given, "expected": c.expected, "public": c.public} for c in cases]),
        "imports": list(IMPORTS),
        "compare": COMPARE,
    }


def _solution(row: Record) -> str:
    """The first of the solutions, which are a list, also as JSON."""
    solutions = row.parsed("solutions")
    first = solutions[0] if isinstance(solutions, list) and solutions else ""
    return fenced(first) if isinstance(first, str) and first.strip() else ""


class CodeContestsEnv(CodeEnv):
    """Programming contests in the form of APPS or LiveCodeBench; judged on hidden inputs with `code@1`.

    Args:
        path: A file of rows; see the module for the columns.
        hub: Instead of `path`: a data-set id, for example `codeparrot/apps` or `livecodebench/code_generation`.
        language: Of whole programs. Functions are Python.
        kind: `"stdio"` (whole programs) or `"calls"` (functions) leaves the other problems out; None takes all.
        checker: When the output of a program is accepted: `"tokens"`, `"lines"`, `"exact"`, `{"float": {"abs": 1e-6}}`
            and others of `code@1`.
        **settings: See `CodeEnv`.

    Example:
        >>> import json, pathlib, tempfile
        >>> tests = {"inputs": ["1 2\\n", "30 4\\n"], "outputs": ["3\\n", "34\\n"]}
        >>> row = {"question": "Add two integers.", "input_output": json.dumps(tests)}
        >>> file = pathlib.Path(tempfile.mkdtemp(), "apps.jsonl")
        >>> _ = file.write_text(json.dumps(row))
        >>> env = CodeContestsEnv(path=str(file))
        >>> env.reset(seed=0)[0].splitlines()[0]
        'Add two integers.'
        >>> env.step("```python\\nprint(sum(map(int, input().split())))\\n```")[1]
        1.0
    """

    card = Card(
        family="code",
        answer_format="A program that reads standard input, or the function or class `Solution` asked for, in a "
        "fenced `python` block (another language has its own).",
        licence="Those of the data that you bring: problems of APPS and LiveCodeBench come from contest sites, whose "
        "terms hold for them.",
        chance=0.0,
        chance_reason="none of 36 fixed programs and functions (constants, echoes of the input, sums, ...) passes a "
        "sample row; a row of your data whose tests all expect one output pays a constant",
        data="A file or a data-set id with `question` and `input_output` (APPS), or `question_content`, "
        "`public_test_cases`, `private_test_cases` and `metadata` (LiveCodeBench); `starter_code` and `solutions` "
        "are optional.",
    )

    def __init__(
        self,
        *,
        path: str | None = None,
        hub: str | None = None,
        language: str = "python",
        kind: str | None = None,
        checker: str | Mapping[str, Any] = "tokens",
        **settings: Any,
    ) -> None:
        for name, value, known in (("language", language, LANGUAGES), ("kind", kind, (None, *KINDS))):
            if not isinstance(value, str | None) or value not in known:
                raise ConfigError(f"{name} must be one of {', '.join(map(str, known))}; got {shown(value)}")
        if not isinstance(checker, str | Mapping):
            raise ConfigError(f"checker must be a text or an object, got {shown(checker)}")
        reader = ContestReader(language, kind or "", json.dumps(checker, sort_keys=True))
        super().__init__(reader, path=path, hub=hub, **settings)
