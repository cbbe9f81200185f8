"""`rlvr/HumanEval-v0` and `rlvr/MBPP-v0`: write a Python function, from a file or a data-set id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlvr_gym.envs.card import Card
from rlvr_gym.envs.code import CodeEnv, CodeProblem, discounted, fenced
from rlvr_gym.envs.source import Record
from rlvr_gym.envs.task import check_int
from rlvr_gym.verifiers.code import humaneval_reference, mbpp_reference


@dataclass(frozen=True)
class HumanEvalReader:
    """Rows of HumanEval (Chen et al. 2021, arXiv 2107.03374): `prompt`, `entry_point`, `test`, `canonical_solution`."""

    def __call__(self, row: Record) -> CodeProblem:
        """See `Reader`."""
        prompt = row.text("prompt")
        values = {"prompt": prompt, "test": row.text("test"), "entry_point": row.text("entry_point")}
        solution = row.optional_text("canonical_solution")
        return CodeProblem(
            f"Complete this Python function. Give the whole function in a ```python block.\n\n{fenced(prompt)}",
            humaneval_reference(values),
            fenced(prompt + solution) if solution else "",
        )


@dataclass(frozen=True)
class MBPPReader:
    """Rows of MBPP (Austin et al. 2021, arXiv 2108.07732), sanitised or not.

    Columns: `prompt` (or `text`), `test_list`, `code`, `test_imports` (or `test_setup_code`).

    Args:
        shown_tests: How many of the tests the prompt shows.
    """

    shown_tests: int

    def __call__(self, row: Record) -> CodeProblem:
        """See `Reader`."""
        prompt, code = row.text("prompt", "text"), row.optional_text("code")
        tests, imports = _texts(row, "test_list"), _texts(row, "test_imports")
        imports += row.optional_text("test_setup_code").splitlines()
        if not tests:
            raise row.error("the column 'test_list' must be a list with at least one test")
        values = {"code": code, "test_list": tests, "test_imports": imports}
        try:
            reference = mbpp_reference(values, public=self.shown_tests)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise row.error(f"'code' and 'test_list' must hold Python: {error}") from error
        reference["asserts"] = discounted(reference["asserts"])
        shown = "\n".join(tests[: self.shown_tests])
        named = " and ".join(f"`{name}`" for name in reference["names"])
        interface = f"It must pass tests such as\n\n{fenced(shown)}" if shown else f"Define {named}."
        return CodeProblem(
            f"{prompt.strip()}\n\nAnswer with Python code in a ```python block. {interface}",
            reference,
            fenced("\n".join([*imports, code])) if code else "",
        )


def _texts(row: Record, column: str) -> list[str]:
    values: Any = row.parsed(column) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise row.error(f"the column {column!r} must be a list of texts")
    return list(values)


class HumanEvalEnv(CodeEnv):
    """Complete a Python function; judged by the `check(candidate)` of the data set with `code@1`.

    Args:
        path: `HumanEval.jsonl`.
        hub: Instead of `path`: a data-set id, for example `openai/openai_humaneval`.
        **settings: See `CodeEnv`.

    Example:
        >>> import json, pathlib, tempfile
        >>> row = {"prompt": "def double(x):\\n", "entry_point": "double", "canonical_solution": "    return x + x\\n"}
        >>> row["test"] = "def check(candidate):\\n    assert candidate(2) == 4\\n    assert candidate(-3) == -6\\n"
        >>> file = pathlib.Path(tempfile.mkdtemp(), "HumanEval.jsonl")
        >>> _ = file.write_text(json.dumps(row))
        >>> env = HumanEvalEnv(path=str(file))
        >>> print(env.reset(seed=0)[0])
        Complete this Python function. Give the whole function in a ```python block.
        <BLANKLINE>
        ```python
        def double(x):
        ```
        >>> env.step("```python\\ndef double(x):\\n    return 2 * x\\n```")[1]
        1.0
    """

    card = Card(
        family="code",
        answer_format="The function, whole or as the body that goes on from the prompt, in a fenced `python` block.",
        licence="Those of the data that you bring; HumanEval itself (Chen et al. 2021) is under the MIT licence.",
        chance=0.01,
        chance_reason="of 15 fixed functions (constants, the argument, sorted, ...) len solves 1 of HumanEval's 164 "
        "problems, 0.6 %, and none solves a sample row",
        data="A file or a data-set id with the columns `prompt`, `entry_point`, `test` and, for solutions, "
        "`canonical_solution`.",
    )

    def __init__(self, *, path: str | None = None, hub: str | None = None, **settings: Any) -> None:
        super().__init__(HumanEvalReader(), path=path, hub=hub, **settings)


class MBPPEnv(CodeEnv):
    """Write a Python function from a sentence and a test; judged by all tests with `code@1`.

    Args:
        path: A file of rows, for example `sanitized-mbpp.json` or `mbpp.jsonl`.
        hub: Instead of `path`: a data-set id, for example `google-research-datasets/mbpp`.
        shown_tests: How many tests the prompt shows. The prompt of the paper shows 3, which mostly are all: a table of
            the shown answers passes then.
        **settings: See `CodeEnv`.

    Example:
        >>> import json, pathlib, tempfile
        >>> tests = ["assert double(2) == 4", "assert double(-3) == -6"]
        >>> row = {"prompt": "Double a number.", "code": "def double(x):\\n    return x + x", "test_list": tests}
        >>> file = pathlib.Path(tempfile.mkdtemp(), "mbpp.jsonl")
        >>> _ = file.write_text(json.dumps(row))
        >>> env = MBPPEnv(path=str(file))
        >>> print(env.reset(seed=0)[0])
        Double a number.
        <BLANKLINE>
        Answer with Python code in a ```python block. It must pass tests such as
        <BLANKLINE>
        ```python
        assert double(2) == 4
        ```
        >>> env.step("```python\\ndef double(x):\\n    return 4\\n```")[1]
        0.0
    """

    card = Card(
        family="code",
        answer_format="The functions that the tests call, in a fenced `python` block.",
        licence="Those of the data that you bring; MBPP itself (Austin et al. 2021) is under CC BY 4.0.",
        chance=0.011,
        chance_reason="of 15 fixed functions (constants, the argument, sorted, ...) sorted solves 4 of the 399 "
        "problems of sanitised MBPP, 1.0 %, and none solves a sample row; with shown_tests=3 a table of the shown "
        "answers passes",
        data="A file or a data-set id with the columns `prompt` (or `text`), `test_list`, `code` and, where tests "
        "need them, `test_imports` or `test_setup_code`.",
    )

    def __init__(
        self, *, path: str | None = None, hub: str | None = None, shown_tests: int = 1, **settings: Any
    ) -> None:
        check_int("shown_tests", shown_tests, 0, 1000)
        super().__init__(MBPPReader(shown_tests), path=path, hub=hub, **settings)
