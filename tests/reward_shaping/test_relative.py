"""Rewards among others: literals, the defects of public code, and independence of the order of the batch."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import ListTaskSet, Task, TextEnv
from rlvr_gym.reward_shaping import Judged, RewardContext, audit, make_reward
from rlvr_gym.verifiers import ConfigError, Status, Verdict, make_verifier
from rlvr_gym.verifiers.verdict import Reason, VerifierId, ungradable

WHO = VerifierId("hand", 1, "0")


def judged(passed: bool, tokens: int = 0, group: str = "", behaviour: str = "", score: float = 0.0) -> Judged:
    verdict = Verdict(Status.PASSED if passed else Status.FAILED, 1.0 if passed else score, Reason("x", "x"), WHO)
    return Judged(verdict, RewardContext(group_id=group, tokens=tokens, behaviour_key=behaviour))


BROKEN = Judged(ungradable(Status.SANDBOX_ERROR, "x", "x", WHO), RewardContext(group_id="a"))


def column(spec: object, batch: list[Judged]) -> list[float]:
    return [sum(row.values()) for row in make_reward(spec).terms_of(batch)]  # type: ignore[arg-type]


def test_win_rates_stay_within_their_groups() -> None:
    # Group a: 0.9 beats two; 0.5 and 0.5 tie: half a win over two. Group b is alone.
    batch = [judged(False, group="a", score=s) for s in (0.5, 0.9, 0.5)] + [judged(False, group="b", score=0.7)]
    assert column({"win_rate": {"of": "dense"}}, batch) == [0.25, 1.0, 0.25, 0.5]
    stretched = {"win_rate": {"of": {"sum": {"of": ["dense"], "weights": [100]}}}}  # a hacked scale gains nothing
    assert column(stretched, batch) == [0.25, 1.0, 0.25, 0.5]


def test_kimi_length_by_hand() -> None:
    batch = [judged(p, n, "a") for p, n in ((True, 100), (True, 150), (False, 100), (False, 200))]
    # x = 1/2 - (L - 100)/100: 0.5, 0, 0.5, -0.5; a fail gets min(0, x).
    assert column("kimi_length", batch) == [0.5, 0.0, 0.0, -0.5]
    assert column("kimi_length", [judged(True, 7, "a"), judged(False, 7, "a")]) == [0.0, 0.0]
    assert audit({"sum": {"of": ["outcome", "kimi_length"]}}).margin == 0.5


def test_only_the_groups_that_solve_most_pay_for_length() -> None:
    # Rates: a 1, b 1/2, c 0, d 0, e 0; the best 20 % of 5 groups is a. Mean length of its passes 20, deviation 10.
    batch = [judged(True, 10, "a"), judged(True, 30, "a")]
    batch += [judged(True, 10, "b"), judged(False, 90, "b")]
    batch += [judged(False, 10, group) for group in "cde"]
    short, long = 1 / (1 + math.exp(1)), 1 / (1 + math.exp(-1))
    assert column("top_short", batch) == pytest.approx([-0.5 * short, -0.5 * long, 0, 0, 0, 0, 0])
    both = {"sum": {"of": ["outcome", "top_short"]}}
    assert column(both, batch)[2:] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert audit(both).dominates


def test_a_top_group_keeps_its_wrong_responses_at_0_and_may_have_no_pass() -> None:
    everywhere = {"sum": {"of": ["outcome", {"top_short": {"share": 1.0}}]}}
    batch = [judged(True, 10, "a"), judged(True, 30, "a"), judged(False, 5, "a"), judged(False, 5, "b")]
    assert column(everywhere, batch)[2:] == [0.0, 0.0]


def test_rare_counts_what_responses_do_within_the_group() -> None:
    batch = [judged(False, group="a", behaviour="x") for _ in range(4)]
    batch += [judged(False, group="a", behaviour="y"), judged(False, group="b", behaviour="x"), judged(False)]
    assert column("rare", batch) == [0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 0.0]
    # The hack: random behaviour is always rare. The guard: among fails only, and far below a pass.
    guarded = {"sum": {"of": ["outcome", {"gate": {"on": "failed", "then": "rare"}}], "weights": [1, 0.1]}}
    assert audit(guarded).margin == pytest.approx(0.9)


def test_ungradable_responses_have_no_terms_and_count_for_nobody() -> None:
    batch = [judged(True, group="a"), BROKEN, judged(False, group="a")]
    assert make_reward("win_rate").terms_of(batch) == [{"win_rate": 1.0}, {}, {"win_rate": 0.0}]


def test_one_response_alone_is_refused_also_by_an_environment() -> None:
    mixed = make_reward({"sum": {"of": ["outcome", "rare"]}})
    assert mixed.batch_scoped
    with pytest.raises(ConfigError, match="terms_of"):
        mixed.terms(judged(True))
    tasks = ListTaskSet([Task.create("1 + 1?", {"reference": 2})])
    with pytest.raises(ConfigError, match="one by one"):
        TextEnv(tasks, make_verifier("number@1"), reward=mixed)


BATCHES = st.lists(
    st.builds(
        judged,
        st.booleans(),
        st.integers(0, 9),
        st.sampled_from("abc"),
        st.sampled_from(["", "x", "y"]),
        st.sampled_from([0.0, 0.25, 0.5]),
    )
    | st.just(BROKEN),
    max_size=9,
)
BATCHED = (
    {"win_rate": {"of": "dense"}},
    "kimi_length",
    {"top_short": {"share": 0.5}},
    {"sum": {"of": ["outcome", {"gate": {"on": "failed", "then": "rare"}}, {"win_rate": {"of": "rare"}}]}},
)


@pytest.mark.parametrize("spec", BATCHED)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_whoever_shuffles_the_batch_shuffles_its_rewards(spec: object, data: st.DataObject) -> None:
    batch = data.draw(BATCHES)
    order = data.draw(st.permutations(range(len(batch))))
    reward = make_reward(spec)  # type: ignore[arg-type]
    straight = reward.terms_of(batch)
    shuffled = reward.terms_of([batch[place] for place in order])
    for place, row in zip(order, shuffled, strict=True):
        assert row == pytest.approx(straight[place])
