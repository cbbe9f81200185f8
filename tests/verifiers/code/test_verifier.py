"""`code@1` as a whole: settings, batches, copies, and what is and is not the candidate's failure."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from rlvr_gym.verifiers import ConfigError, Item, Verdict, make_verifier
from rlvr_gym.verifiers.code import pool as pools
from rlvr_gym.verifiers.code.outcomes import Judged, Outcome, parts_of, score_of, status_of
from rlvr_gym.verifiers.code.outcomes import Test as Asked
from rlvr_gym.verifiers.code.program import CHECKER, JUDGE, PYTEST_JUDGE, RUNNER, program
from rlvr_gym.verifiers.sandbox import RunResult, RunSpec, SandboxError

Judge = Callable[..., Verdict]
Build = Callable[..., dict[str, Any]]
DOUBLE = "```python\ndef f(x): return x * 2\n```"
REFERENCE = {"kind": "asserts", "asserts": ["assert f(2) == 4", "assert f('a') == 'aa'"], "names": ["f"]}
READY = b"0000000bt1:s5:ready"
CALLS = {"kind": "calls", "entry_point": "f", "tests": [{"args": [2], "expected": 4}]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sandbox": "forksever"}, "sandbox must be one of"),
        ({"sandbox": ["forkserver"]}, "sandbox must be one of"),
        ({"sandbox_config": {"spares": 1}}, "spares"),
        ({"sandbox_config": 5}, "sandbox_config must be an object"),
        ({"sandbox_config": {"concurrency": 0}}, "concurrency"),
        ({"min_isolation": "high"}, "min_isolation"),
        ({"limits": {"cpu": 1}}, "there is no limit 'cpu'"),
        ({"limits": {"cpu_s": -1}}, "limit cpu_s"),
        ({"limits": [1]}, "limits must be an object"),
        ({"blocks": "first"}, "blocks must be one of"),
        ({"language": "pyhton"}, "language must be one of"),
        ({"rescale": "balanced"}, "rescale must be one of"),
        ({"fresh_state": 1}, "fresh_state must be"),
        ({"timeout": 1}, "has no setting 'timeout'"),
    ],
    ids=repr,
)
def test_a_wrong_setting_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_verifier("code@1", **config)


def test_objects_in_the_configuration_survive() -> None:
    config = {"sandbox_config": {"without": ["uid"], "concurrency": 3}, "limits": {"wall_s": 9, "cpu_s": 2}}
    verifier = make_verifier("code@1", **config)
    assert {key: verifier.config()[key] for key in config} == config
    again = make_verifier("code@1", **json.loads(json.dumps(verifier.config())))
    assert (again, hash(again), again.id) == (verifier, hash(verifier), verifier.id)
    assert (
        make_verifier("code@1", limits={"cpu_s": 2.0, "wall_s": 9}).id
        == make_verifier("code@1", limits=config["limits"]).id
    )


def test_a_batch_keeps_its_order_and_mixes_kinds() -> None:
    verifier = make_verifier("code@1")
    stdio = {"kind": "stdio", "tests": [{"stdin": "", "stdout": "1"}]}
    items = [
        Item(DOUBLE, REFERENCE),
        Item("no code", REFERENCE),
        (DOUBLE, CALLS),
        ("```python\nprint(1)\n```", stdio),
        (DOUBLE, {"kind": "calls"}),
        ("```python\ndef f(x): return 5\n```", CALLS),
    ]
    words = [verdict.status.value for verdict in verifier.verify_batch(items)]
    assert words == ["passed", "no_answer", "passed", "passed", "reference_error", "failed"]
    assert verifier.verify_batch([]) == []


def test_verdicts_are_equal_whatever_the_clocks_say() -> None:
    verifier = make_verifier("code@1")
    one, other = verifier.verify(DOUBLE, REFERENCE), verifier.verify(DOUBLE, REFERENCE)
    assert one == other
    assert one.timings[0].stage == "sandbox"
    assert "timings" not in one.to_dict()


def test_threads_share_one_sandbox() -> None:
    verifier = make_verifier("code@1")
    with ThreadPoolExecutor(16) as threads:
        verdicts = list(threads.map(lambda _: verifier.verify(DOUBLE, REFERENCE), range(48)))
    assert all(verdict.passed for verdict in verdicts)
    assert pickle.loads(pickle.dumps(verifier))._pool() is verifier._pool()


def _in_child(channel: Any) -> None:
    verifier = make_verifier("code@1")
    channel.send(verifier.verify(DOUBLE, REFERENCE).status.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_of_this_process_can_judge_and_the_parent_still_can() -> None:
    verifier = make_verifier("code@1")
    assert verifier.verify(DOUBLE, REFERENCE).passed
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_in_child, args=(there,))
    child.start()
    assert here.poll(60)
    assert here.recv() == "passed"
    child.join(60)
    assert child.exitcode == 0
    assert verifier.verify(DOUBLE, REFERENCE).passed


def test_nothing_is_left_behind() -> None:
    verifier = make_verifier("code@1")
    verifier.verify(DOUBLE, REFERENCE)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(20):
        verifier.verify_batch([(DOUBLE, REFERENCE), (DOUBLE, CALLS)])
    assert len(os.listdir("/proc/self/fd")) <= before[0] + 8
    assert threading.active_count() <= before[1]


class Failing:
    """A sandbox that does what a test tells it to."""

    concurrency = 1

    def __init__(self, answer: Callable[[RunSpec], RunResult]) -> None:
        self.run, self.build = answer, lambda spec: spec


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[RunSpec], RunResult]], Any]:
    """`answered(function)`: a verifier whose sandbox answers with the function."""

    def build(function: Callable[[RunSpec], RunResult]) -> Any:
        made = pools.Pool(Failing(function))  # type: ignore[arg-type]
        monkeypatch.setattr("rlvr_gym.verifiers.code.verifier.shared_pool", lambda name, config: made)
        return make_verifier("code@1")

    return build


def result(**change: Any) -> RunResult:
    from rlvr_gym.verifiers.sandbox import Isolation

    plain = RunResult(0, None, b"", b"", None, 0.0, 0.0, 0, Isolation())
    return replace(plain, **change)


def test_a_failure_of_the_sandbox_is_not_the_candidates(answered: Any) -> None:
    def lost(spec: RunSpec) -> RunResult:
        raise SandboxError("gone")

    for reference in (REFERENCE, CALLS, {"kind": "stdio", "tests": [{"stdin": "", "stdout": "1"}]}):
        verdict = answered(lost).verify(DOUBLE, reference)
        assert (verdict.status.value, verdict.gradable) == ("sandbox_error", False)


@pytest.mark.parametrize(
    "stdout", [b"", b"x", b"00000003abc", b"0" * 7, b"-0000001", b"ffffffff", b"00000003N0:" * 3, b"\0" * 99]
)
def test_any_bytes_of_a_runner_are_the_candidates_failure(answered: Any, stdout: bytes) -> None:
    verdict = answered(lambda spec: result(stdout=READY + stdout)).verify(DOUBLE, CALLS)
    assert (verdict.gradable, verdict.passed, verdict.score) == (True, False, 0.0)


def test_a_runner_that_never_started_is_not_the_candidates_failure(answered: Any) -> None:
    """What a runner says first, it says before it loads the candidate."""
    begun = b"\0report\n" + b"0000000ft2:s5:testsi1:2" + b"0000000bt1:s5:begin" + b"0000000dt1:s7:stopped"
    for limit in (None, "wall", "memory"):
        silent = result(limit=limit, stderr=begun, peer=result(limit=limit, exit_code=1))
        for reference in (CALLS, REFERENCE):
            verdict = answered(lambda spec, silent=silent: silent).verify(DOUBLE, reference)
            assert (verdict.status.value, verdict.reason.code) == ("sandbox_error", "not_started")


def test_a_judge_that_only_dies_with_the_candidate_is_the_candidates_failure(answered: Any) -> None:
    """A judge that says nothing is run once more alone; where it then comes to its tests, it was not at fault."""

    def dying(spec: RunSpec) -> RunResult:
        alone = b"\0report\n" + b"0000000ft2:s5:testsi1:2"
        return result(stderr=b"" if spec.peer else alone, limit="memory" if spec.peer else None)

    verdict = answered(dying).verify(DOUBLE, REFERENCE)
    assert (verdict.status.value, verdict.gradable) == ("limit_exceeded", True)
    silent = answered(lambda spec: result()).verify(DOUBLE, REFERENCE)
    assert (silent.status.value, silent.gradable) == ("reference_error", False)


def test_another_number_of_tests_than_expected_never_passes(answered: Any) -> None:
    passes = b"00000016t3:s4:tests6:passeds0:"
    started = b"0000000bt1:s5:begin" + b"0000000bt1:s5:ready"
    report = b"\0report\n" + b"0000000ft2:s5:testsi1:1" + started + passes + b"0000000at1:s4:done"
    assert not answered(lambda spec: result(stderr=report, peer=result())).verify(DOUBLE, REFERENCE).passed
    more = report.replace(b"testsi1:1", b"testsi1:2").replace(passes, passes * 2)
    assert answered(lambda spec: result(stderr=more, peer=result())).verify(DOUBLE, REFERENCE).passed
    undone = more.replace(b"0000000at1:s4:done", b"")
    assert not answered(lambda spec: result(stderr=undone, peer=result())).verify(DOUBLE, REFERENCE).passed


def test_outcomes_combine_by_precedence() -> None:
    words = ["passed", "not run", "wrong answer", "runtime error", "file limit", "timeout"]
    codes = []
    for last in range(1, len(words) + 1):
        status, reason = status_of(Judged([Outcome(word) for word in words[:last]]), last)
        codes.append((status.value, reason.code))
    assert codes == [
        ("passed", "all_passed"),
        ("failed", "not_run"),
        ("failed", "wrong_answer"),
        ("runtime_error", "runtime_error"),
        ("limit_exceeded", "file_limit"),
        ("timeout", "timeout"),
    ]
    assert status_of(Judged([]), 0)[0].value == "failed"
    assert status_of(Judged([Outcome("passed")]), 2)[0].value == "failed"


def test_balanced_accuracy_needs_two_classes() -> None:
    def scored(groups: str, hits: str) -> float:
        tests = [Asked(group=None if g == "?" else g) for g in groups]
        outcomes = [Outcome("passed" if hit == "1" else "wrong answer") for hit in hits]
        return score_of(tests, Judged(outcomes), "balanced_accuracy")

    # two classes: the sum of the recalls less one, at least 0; else the share that passed
    assert scored("aabb", "1111") == 1.0
    assert scored("aabb", "1100") == 0.0
    assert scored("aabb", "1110") == 0.5
    assert scored("aabb", "1000") == 0.0
    assert scored("aaaa", "1000") == 0.25
    assert scored("aabc", "1100") == 0.5
    assert scored("aab?", "1100") == 0.5


def test_text_of_the_candidate_is_cut_and_escaped() -> None:
    got = "\x1b[2J\u202e\n" + "x" * 1000
    [part] = parts_of([Asked(public=True, asked="f()")], Judged([Outcome("wrong answer", got)]))
    assert part.detail.isprintable()
    assert len(part.detail) < 300


@pytest.mark.parametrize("parts", [RUNNER, JUDGE, PYTEST_JUDGE, CHECKER], ids=lambda parts: parts[-1])
def test_a_program_of_the_sandbox_needs_nothing_of_ours_and_little_else(parts: tuple[str, ...]) -> None:
    import ast

    tree = ast.parse(program(parts), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"builtins", "os", "sys", "operator", "importlib", "re"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert ast.unparse(tree.body[-1]) == "main()"
