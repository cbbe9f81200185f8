"""Dense, then binary, on a table of categoricals: what a binary reward alone never finds.

HAS-ORDERED: accept a tape of two colours that contains a pattern, not necessarily in one piece. A program has one state
for each symbol of the pattern, and each state three branches: the next symbol of the tape is the one that is waited
for, it is another, or the tape is empty. A policy is an independent categorical for each of the 12 branches, and begins
at the chain that accepts what *starts with* the pattern, with little weight on every other target: the probability of
the right program, whose four `other` branches all stay where they are, is 0.004**4 * 0.98**8 = 2.2e-10.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rlvr_gym.reward_shaping.core import Judged, make_reward
from rlvr_gym.reward_shaping.schedules import Controller, Feedback, Outcome, scored
from rlvr_gym.verifiers import Status, Verdict
from rlvr_gym.verifiers.verdict import Reason, VerifierId

Array = npt.NDArray[Any]

L, Q = 4, 0.004  # length of the patterns; weight of each wrong target at the start
END, NONE = L, L + 1  # targets beside the states 0 to L - 1
PATTERNS = list(product((0, 1), repeat=L))
LONGEST = 8
ALL_TAPES = [tape for n in range(LONGEST + 1) for tape in product((0, 1), repeat=n)]
TESTS = 24
GROUPS, GROUP_SIZE = 32, 16
STEPS = 240
REWARD = make_reward({"anneal": {"a": "dense", "b": "outcome", "key": "mix"}})
JUDGED = [
    Judged(
        Verdict(Status.PASSED if n == TESTS else Status.FAILED, n / TESTS, Reason("tests", ""), VerifierId("t", 1, ""))
    )
    for n in range(TESTS + 1)
]
OUTCOMES = [[Outcome(str(p), n == TESTS, n / TESTS) for n in range(TESTS + 1)] for p in PATTERNS]


def contains(pattern: tuple[int, ...], tape: tuple[int, ...]) -> bool:
    rest = iter(tape)
    return all(symbol in rest for symbol in pattern)


def branches(pattern: tuple[int, ...], tapes: list[tuple[int, ...]]) -> Array:
    """Which branch (0 waited for, 1 other, 2 empty) is taken of each state at each moment; [tape, time, state].

    Every branch but that of the empty tape takes a symbol, so that the place on the tape is the time.
    """
    found = np.full((len(tapes), LONGEST + L + 1, L), 2)
    for number, tape in enumerate(tapes):
        for time, symbol in enumerate(tape):
            found[number, time] = [int(symbol != waited) for waited in pattern]
    return found


def accepts(programs: Array, taken: Array) -> Array:
    """Whether each program accepts each tape; one that goes on and on with an empty tape does not.

    Args:
        programs: Targets [program, state, branch].
        taken: `branches` of each program's pattern [program, tape, time, state].
    """
    rows = np.arange(len(programs))[:, None]
    numbers = np.arange(taken.shape[1])[None, :]
    state = np.zeros((len(programs), taken.shape[1]), int)
    for time in range(taken.shape[2]):
        inside = np.minimum(state, L - 1)
        after = programs[rows, inside, taken[rows, numbers, time, inside]]
        state = np.where(state < L, after, state)
        if (state >= L).all():
            break
    return state == END


def suite(pattern: tuple[int, ...], rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Twelve tapes to accept, twelve to reject."""
    kinds = [[tape for tape in ALL_TAPES if contains(pattern, tape) is wanted] for wanted in (True, False)]
    return [kind[i] for kind in kinds for i in rng.choice(len(kind), TESTS // 2, replace=False)]


SUITES = [suite(pattern, np.random.default_rng([7, number])) for number, pattern in enumerate(PATTERNS)]
TAKEN = np.array([branches(pattern, tapes) for pattern, tapes in zip(PATTERNS, SUITES, strict=True)])
WANTED = np.array([[contains(p, tape) for tape in tapes] for p, tapes in zip(PATTERNS, SUITES, strict=True)])


def first_logits() -> Array:
    chain = np.full((L, 3), NONE)
    chain[:, 0] = np.arange(1, L + 1)  # the last one's is END
    weights = np.full((L, 3, L + 2), Q)
    np.put_along_axis(weights, chain[:, :, None], 1 - (L + 1) * Q, axis=2)
    return np.log(weights)


def probabilities(logits: Array) -> Array:
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def count_passed(programs: Array, patterns: Array) -> Array:
    """How many of its pattern's tests each program passes; equal programs are run once."""
    code = programs.reshape(len(programs), -1) @ (L + 2) ** np.arange(3 * L) * len(PATTERNS) + patterns
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    of = patterns[first]
    return (accepts(programs[first], TAKEN[of]) == WANTED[of]).sum(1)[which]


class Seen(NamedTuple):
    full: list[float]  # share of the rollouts of each step that passed all tests
    stages: list[str]  # under which they were rewarded
    coverage: list[float]
    logits: Array


def train(schedule: Any, seed: int) -> Seen:
    """Policy gradient with advantages normalised within groups, and Adam, which rests where there is no signal."""
    rng = np.random.default_rng(seed)
    controller = Controller(schedule)
    logits = first_logits()
    mean, square, updates = np.zeros_like(logits), np.zeros_like(logits), 0
    full, stages, coverage = [], [], []
    for step in range(1, STEPS + 1):
        patterns = np.repeat(np.arange(GROUPS) % len(PATTERNS), GROUP_SIZE)
        p = probabilities(logits)
        programs = (rng.random((len(patterns), L, 3, 1)) > p.cumsum(-1)[None, :, :, :-1]).sum(-1)
        passed = count_passed(programs, patterns)
        at_point = np.array([each.reward for each in scored(REWARD, JUDGED, controller.point)])
        stages.append(controller.point.stage)
        full.append(float((passed == TESTS).mean()))
        outcomes = [OUTCOMES[at][n] for at, n in zip(patterns.tolist(), passed.tolist(), strict=True)]
        controller.advance(Feedback.of(step, outcomes))
        coverage.append(controller.metrics()["coverage"])

        rewards = at_point[passed].reshape(GROUPS, GROUP_SIZE)
        spread = rewards.std(1, keepdims=True)
        advantages = np.where(spread > 0, rewards - rewards.mean(1, keepdims=True), 0) / np.where(spread > 0, spread, 1)
        if not advantages.any():
            continue
        chosen = np.arange(3 * L) * (L + 2) + programs.reshape(len(programs), -1)
        weights = np.repeat(advantages.ravel(), 3 * L)
        gradient = np.bincount(chosen.ravel(), weights, logits.size).reshape(logits.shape) / len(programs)
        gradient -= advantages.mean() * p
        updates += 1
        mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
        logits = logits + 0.05 * mean / (1 - 0.9**updates) / (np.sqrt(square / (1 - 0.95**updates)) + 1e-8)
    return Seen(full, stages, coverage, logits)


def right_for(logits: Array) -> list[bool]:
    """For each pattern whether the likeliest program accepts exactly what it should, of all tapes up to length 8."""
    program = logits.argmax(-1)[None]
    return [
        bool(
            (accepts(program, branches(pattern, ALL_TAPES)[None])[0] == [contains(pattern, t) for t in ALL_TAPES]).all()
        )
        for pattern in PATTERNS
    ]


def test_the_interpreter_knows_the_right_program_and_the_chain() -> None:
    solution = np.full((L, 3), NONE)
    solution[:, 0], solution[:, 1] = np.arange(1, L + 1), np.arange(L)
    as_logits = np.eye(L + 2)[solution]
    assert all(right_for(as_logits))
    chain = first_logits().argmax(-1)[None]
    taken = branches((0, 1, 0, 1), [(0, 1, 0, 1), (0, 1, 0, 1, 1), (1, 0, 1, 0, 1), (0, 1)])
    assert accepts(chain, taken[None]).tolist() == [[True, True, False, False]]
    endless = solution.copy()
    endless[0, 2] = 0  # with an empty tape, state 0 waits for ever
    assert accepts(endless[None], branches((0, 1, 0, 1), [(), (1, 1)])[None]).tolist() == [[False, False]]


def test_dense_then_binary_finds_what_binary_alone_does_not() -> None:
    binary = train({"stages": [{"name": "binary", "values": {"mix": 1}}]}, seed=0)
    assert sum(binary.full) == 0.0  # 122,880 rollouts; 2.7e-5 successes are expected
    assert np.array_equal(binary.logits, first_logits())

    staged = train("delta_two_stage", seed=0)
    switch = staged.stages.index("binary")  # the first step under the binary reward
    assert staged.stages == ["dense"] * switch + ["binary"] * (STEPS - switch)
    assert switch >= 20
    assert staged.coverage[switch - 1] >= 0.10 > max(staged.coverage[19 : switch - 1])
    assert staged.full[switch - 1] < 0.05  # long before it is learnt
    assert np.mean(staged.full[-20:]) >= 0.95
    assert all(right_for(staged.logits))


def test_a_switch_at_the_first_success_is_stranded_and_a_rescue_saves_it() -> None:
    early = {"coverage": 0.03, "rescues": 0}  # one of the 16 patterns
    stranded = train({"delta_two_stage": early}, seed=4)
    assert stranded.stages[-1] == "binary"
    assert max(stranded.full) < 0.02
    assert not any(right_for(stranded.logits))

    rescued = train({"delta_two_stage": {**early, "rescues": 3}}, seed=4)
    switch = rescued.stages.index("binary")
    assert rescued.stages[: switch + 1] == stranded.stages[: switch + 1]
    assert "dense" in rescued.stages[switch:]
    assert np.mean(rescued.full[-20:]) >= 0.95
    assert all(right_for(rescued.logits))
