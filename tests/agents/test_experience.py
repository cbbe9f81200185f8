"""From samples to advantages: filters, companions, trees, divergences in rewards; expected values by hand."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rlvr_gym.agents import Completion, Episode, Turn, recipes  # noqa: E402
from rlvr_gym.agents.anchors import clustered, observations  # noqa: E402
from rlvr_gym.agents.batch import make_batch  # noqa: E402
from rlvr_gym.agents.experience import Learnable, groups_of, kept_groups, kept_samples  # noqa: E402
from rlvr_gym.agents.late_rewards import shaped  # noqa: E402
from rlvr_gym.agents.recipes import Channel, Critic, Filter, Recipe  # noqa: E402
from rlvr_gym.agents.strategies import BASELINE, Greedy, Sample, Tree  # noqa: E402
from rlvr_gym.reward_shaping import top_groups  # noqa: E402


def turn(reward: float, tokens: int = 1, prompt: tuple[int, ...] = (9,), anchor: str = "", thread: str = "") -> Turn:
    said = Completion("x", tuple(range(tokens)), (-0.5,) * tokens, (1.0,) * tokens, prompt)
    return Turn(said, reward, anchor, thread)


def episode(*turns: Turn, passed: bool | None = None, stop: str = "answered") -> Episode:
    right = sum(each.reward for each in turns) > 0 if passed is None else passed
    return Episode("t", turns, right if stop == "answered" else None, stop, {})


def single(reward: float, group: int = 0, tokens: int = 1, **more: Any) -> Sample:
    return Sample(episode(turn(reward, tokens)), group, **more)


def group(*rewards: float, number: int = 0) -> list[Sample]:
    return [single(reward, number) for reward in rewards]


def estimate(recipe: Recipe, samples: list[Sample], cost: Any = None, values: Any = None) -> Any:
    known = Learnable.of(samples)
    batch = make_batch(known.episodes, 0)
    return known.advantages(recipe, batch, cost, values), batch


# --- Filters ---------------------------------------------------------------------------------------------------------

FOUR = [*group(1, 1), *group(1, 0, number=1), *group(0, 0, number=2), *group(1, 0.2, number=3)]


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (Filter(), {0, 1, 2, 3}),
        (Filter(groups="varied"), {1}),  # 0.2 passes too
        (Filter(groups="varied", metric="reward"), {1, 3}),
        (Filter(groups="band", low=0.2, high=0.8), {1}),
        (Filter(groups="band", metric="reward", low=0.5, high=0.6), {1, 3}),
        (Filter(groups="spread", metric="reward", share=0.25), {1}),
        (Filter(groups="spread", metric="reward", share=0.5), {1, 3}),
    ],
)
def test_each_filter_of_groups(choice: Filter, kept: set[int]) -> None:
    assert kept_groups(FOUR, choice) == kept


def test_groups_with_something_better_than_most_are_kept() -> None:
    """By hand: partial scores 0.3 are fails. Worse than most is no news; better than most, and a mix, are."""
    rows = [(0.3, 0.3, 0.1), (0.3, 0.3, 0.6), (0.3, 0.3, 0.3), (1, 1, 0.3), (1, 1, 1), (0, 0, 1)]
    samples = [
        Sample(Episode("t", (turn(reward),), reward == 1, "answered", {}), number)
        for number, rewards in enumerate(rows)
        for reward in rewards
    ]
    assert kept_groups(samples, Filter(groups="better")) == {1, 3, 5}
    assert kept_groups(samples, Filter(groups="varied", metric="reward")) == {0, 1, 3, 5}


def test_success_with_a_hint_counts_where_groups_are_chosen() -> None:
    """GHPO's rescued groups have `passed` False throughout; two of four passed with a hint in group 0, none in 1."""
    ends = [(0, True), (0, False), (0, True), (0, False), (1, False), (1, False)]
    samples = [
        Sample(Episode("t", (turn(float(right)),), False, "answered", {}, hint=0.25, passed_with_hint=right), number)
        for number, right in ends
    ]
    assert kept_groups(samples, Filter(groups="varied")) == {0}
    assert kept_groups(samples, Filter(groups="band", low=0.2, high=0.8)) == {0}
    assert kept_groups([*samples, *group(1, 0, number=2)], Filter(groups="varied")) == {0, 2}


def test_punished_lengths_do_not_make_a_group_varied() -> None:
    """DAPO's filter looks at what passed: shaping would make every group vary."""
    punished = {"sum": {"of": ["given", {"overlong": {"limit": 10, "cache": 5}}]}}
    samples = shaped([single(1, 0, tokens=n) for n in (1, 9)], punished, longest=10)
    assert len({sample.episode.reward for sample in samples}) == 2
    assert kept_groups(samples, Filter(groups="varied")) == set()


def test_what_cannot_be_graded_makes_no_group_varied() -> None:
    assert kept_groups([single(1), Sample(episode(turn(0.0), stop="error"), 0)], Filter(groups="varied")) == set()


def test_filters_of_responses() -> None:
    samples = [*group(1, 0, 0.5), *group(-1, 2, number=1)]
    assert kept_samples(samples, Filter(samples="positive"), [0] * 5) == [True, False, True, False, True]
    sizes = [0.1, 0.9, 0.5, 0.3, 0.3]
    kept = kept_samples(samples, Filter(samples="advantage", keep=0.5), sizes)
    assert kept == [False, True, False, True, False]  # one of three, one of two; of equal ones the first


def test_what_was_cut_off_is_left_out_whatever_else_is() -> None:
    cut = Turn(Completion("x", (1,), (-0.5,), (1.0,), (9,), finish_reason="length"), 1.0, "")
    samples = [single(1), Sample(episode(cut), 0), single(-1), Sample(episode(cut, turn(1.0)), 0)]
    assert kept_samples(samples, Filter(finished=True), [0] * 4) == [
        True,
        False,
        True,
        True,
    ]  # by how the last turn ended
    assert kept_samples(samples, Filter(samples="positive", finished=True), [0] * 4) == [True, False, False, True]
    best = Filter(samples="advantage", keep=0.5, finished=True)
    assert kept_samples(samples, best, [0.1, 0.9, 0.5, 0.2]) == [
        False,
        False,
        True,
        False,
    ]  # of the two, the one that ended


def test_top_groups_counts_down() -> None:
    assert top_groups([1.0] * 4, 0.3) == [True, False, False, False]
    assert top_groups([1.0] * 8, 0.3) == [True, True, *[False] * 6]
    assert top_groups([0.1, 0.2], 0.0) == [False, False]
    assert top_groups([], 1.0) == []


def test_of_few_groups_one_is_always_learnt_from() -> None:
    """UFO's quarter of three groups, and the fifth of four whose short answers GRPO-lambda rewards."""
    assert top_groups([0.1, 0.5, 0.2], 0.25) == [False, True, False]
    assert kept_groups(FOUR[:6], recipes.get("ufo").filter) == {1}
    lengths = [single(1, number, tokens=n) for number in range(4) for n in (1, 9)]
    found = shaped(lengths, recipes.get("grpo-lambda").shaping, longest=10)
    assert [sample.group for sample in found if sample.episode.reward < 1] == [0, 0]


# --- Advantages ------------------------------------------------------------------------------------------------------


def test_the_greedy_companion_is_the_baseline_and_teaches_nothing() -> None:
    """ReMax: rewards less what the greedy response earned; its own row is none."""
    samples = [single(1.0, 0, tokens=2), single(0.2, 0, role=BASELINE), single(0.0, 1), single(0.5, 1, role=BASELINE)]
    found, batch = estimate(recipes.get("remax", kl_coef=0.0), samples)
    assert batch.mask_BT.sum(dim=1).tolist() == [2, 1]
    assert found.advantages_BT[batch.mask_BT].tolist() == pytest.approx([0.8, 0.8, -0.5])
    coarse = Recipe("x", rollout=Greedy(), channels=(Channel(baseline="greedy", scale="none"),))
    assert torch.allclose(estimate(coarse, samples)[0].advantages_BT, found.advantages_BT)
    assert groups_of(samples) == {0: [0], 1: [2]}


def test_without_a_companion_that_can_be_graded_nothing_is_compared() -> None:
    lost = Sample(episode(turn(1.0), stop="error"), 0, role=BASELINE)
    known = Learnable.of([single(1.0, 0), lost, single(1.0, 1), single(0.0, 1, role=BASELINE)])
    assert [len(each.turns) for each in known.episodes] == [0, 1]


def test_rewards_to_go_take_the_divergence_of_later_tokens_alone() -> None:
    """REINFORCE++: reward 1 in the end, 0.1 of divergence at each of three tokens: 0.7, 0.8, 0.9."""
    recipe = Recipe("x", channels=(Channel("token", "batch", baseline="none", scale="none"),))
    found, batch = estimate(recipe, [single(1.0, tokens=3)], cost=torch.full((1, 4), 0.1))
    assert found.advantages_BT[batch.mask_BT].tolist() == pytest.approx([0.7, 0.8, 0.9])


def test_discounts_pass_by_what_the_policy_did_not_say() -> None:
    """Golden vector: rewards 0, 0, 1 with a tool's token between, discount 0.5: 0.5, -, 1 and never 0."""
    one = turn(0.0, 1, prompt=(9,))
    two = turn(1.0, 1, prompt=(9, 0, 5))
    recipe = Recipe("x", channels=(Channel("token", "batch", baseline="none", scale="none", discount=0.5),))
    found, batch = estimate(recipe, [Sample(episode(one, two), 0)])
    assert batch.mask_BT.tolist() == [[False, True, False, True]]
    assert found.advantages_BT.tolist() == [[0.0, 0.5, 0.0, 1.0]]


def test_tokens_of_several_rows_are_one_trajectory() -> None:
    """Two conversations: what the second earns is due to the first as well."""
    turns = (turn(0.0, 2, thread="a"), turn(1.0, 1, thread="b"), turn(0.0, 1, prompt=(9, 0, 1, 7), thread="a"))
    recipe = Recipe("x", channels=(Channel("token", "batch", baseline="none", scale="none", discount=0.5),))
    found, batch = estimate(recipe, [Sample(episode(*turns), 0)])
    assert batch.ids_BT.shape[0] == 2
    assert found.advantages_BT[0][batch.mask_BT[0]].tolist() == [0.25, 0.5, 0.0]
    assert found.advantages_BT[1][batch.mask_BT[1]].tolist() == [1.0]


def test_gae_is_that_of_the_function_on_tensors() -> None:
    """Golden vector V2 through samples: three turns, rewards at their ends, a tool's token between."""
    said = [turn(0.0, 2, prompt=(9,)), turn(1.0, 2, prompt=(9, 0, 1, 5))]
    values = torch.tensor([[0.0, 0.1, 0.2, 0.9, 0.4, 0.5]])
    channel = Channel("token", "batch", baseline="value", scale="none", trace=0.95)
    recipe = Recipe("x", channels=(channel,), critic=Critic())
    found, batch = estimate(recipe, [Sample(episode(*said), 0)], values=values)
    assert found.advantages_BT[batch.mask_BT].tolist() == pytest.approx([0.808937, 0.746250, 0.575, 0.5], abs=1e-5)
    assert found.returns_BT[batch.mask_BT].tolist() == pytest.approx([0.908937, 0.946250, 0.975, 1.0], abs=1e-5)


def test_the_divergence_of_a_response_lowers_its_reward() -> None:
    """RLOO with 0.1 a token: 1 - 0.2 against 0 - 0.1; each less the other."""
    recipe = recipes.get("rloo")
    cost = torch.tensor([[0.0, 0.1, 0.1], [0.0, 0.1, 5.0]])  # the last is padding
    found, batch = estimate(recipe, [single(1.0, tokens=2), single(0.0, tokens=1)], cost=cost)
    assert found.advantages_BT[batch.mask_BT].tolist() == pytest.approx([0.9, 0.9, -0.9])


TWENTY = tuple(range(100, 120))


def seen(reward: float, shown: tuple[int, ...], anchor: str, before: Turn | None = None) -> Turn:
    """A turn that was shown these ids after what stands before it."""
    held = (*before.completion.prompt_ids, *before.completion.token_ids) if before is not None else ()
    return turn(reward, prompt=(*held, *shown), anchor=anchor)


@pytest.mark.parametrize(
    ("similarity", "expected"), [(1.0, [0, 0, 0]), (0.96, [0, 0, 0]), (0.95, [0.25, 0, -0.25]), (0.9, [0.25, 0, -0.25])]
)
def test_anchors_that_are_alike(similarity: float, expected: list[float]) -> None:
    """Two first states of 20 ids that differ in one (2 * 19 / 40 = 0.95); from there 0.5 * 1 and 0 come, mean 0.25.

    The third step was shown one of those 20 ids; a prompt with its history would be alike too, and must not count.
    """
    first = seen(0.0, TWENTY, "a")
    samples = [
        Sample(episode(first, seen(1.0, TWENTY[:1], "b", first)), 0),
        Sample(episode(seen(0.0, (*TWENTY[:10], 7, *TWENTY[11:]), "c")), 0),
        Sample(episode(seen(9.0, TWENTY, "a")), 1),  # of another prompt
    ]
    channel = Channel("step", "anchor", scale="none", discount=0.5, similarity=similarity)
    found, batch = estimate(Recipe("x", channels=(channel,)), samples)
    assert found.advantages_BT[batch.mask_BT].tolist() == [*expected, 0.0]
    both = Recipe("x", channels=(Channel(scale="none"), channel, Channel("step", "anchor", scale="none")))
    outcome = [0.5, 0.5, -0.5, 0.0]  # the channel of whole trajectories; that of exact anchors says 0
    found, batch = estimate(both, samples)
    assert found.advantages_BT[batch.mask_BT].tolist() == [
        a + b for a, b in zip(outcome, [*expected, 0.0], strict=True)
    ]


def test_clusters_depend_on_the_order() -> None:
    """Of A, B (one other than A) and C (one other than B, two than A): ratios 0.95, 0.95 and 0.9."""
    a, b, c = TWENTY, (1, *TWENTY[1:]), (1, 2, *TWENTY[2:])
    assert clustered([a, b, c], [0] * 3, 0.95) == [0, 0, 1]
    assert clustered([b, a, c], [0] * 3, 0.95) == [0, 0, 0]
    assert clustered([a, c, b], [0] * 3, 0.95) == [0, 1, 0]  # like both, and A came first
    assert clustered([a, a, b, (), ()], [0, 1, 0, 0, 0], 0.95) == [0, 1, 0, 2, 2]


@given(st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=8).map(tuple), st.integers(0, 1))), st.floats(0.1, 1.0))
@settings(max_examples=100, deadline=None)
def test_clusters_are_those_of_the_plain_loop(found: list[tuple[tuple[int, ...], int]], similarity: float) -> None:
    leaders: list[tuple[int, tuple[int, ...]]] = []
    expected = []
    for shown, group in found:
        for number, (theirs, leader) in enumerate(leaders):
            if theirs == group and SequenceMatcher(None, shown, leader, autojunk=False).ratio() >= similarity:
                expected.append(number)
                break
        else:
            expected.append(len(leaders))
            leaders.append((group, shown))
    assert clustered([shown for shown, _ in found], [group for _, group in found], similarity) == expected


def test_an_edited_prompt_is_seen_as_a_whole() -> None:
    turns = (turn(0.0, prompt=(1, 2)), turn(0.0, prompt=(1, 2, 0, 3)), turn(0.0, prompt=(5, 3)))
    threads = (turn(0.0, prompt=(1,), thread="plan"), turn(0.0, prompt=(8,), thread="do"))
    assert observations(episode(*turns)) == [(1, 2), (3,), (5, 3)]
    assert observations(episode(*threads, turn(0.0, prompt=(1, 0, 4), thread="plan"))) == [(1,), (8,), (4,)]


def test_trees_compare_within_the_tree_and_within_the_prompt() -> None:
    """Golden vector V11: leaves 1, 0, 0 and 1, 1, 0."""
    leaves = [single(reward, 0, tree=tree) for tree, rewards in enumerate([[1, 0, 0], [1, 1, 0]]) for reward in rewards]
    recipe = Recipe("x", group_size=6, channels=(Channel(), Channel(key="tree")))
    found, batch = estimate(recipe, leaves)
    expected = [2.067568, -1.490219, -1.490219, 1.490219, 1.490219, -2.067568]
    assert found.advantages_BT[batch.mask_BT].tolist() == pytest.approx(expected, abs=1e-4)


def test_shared_turns_have_the_mean_of_their_leaves_or_each_leafs_own() -> None:
    """Golden vector V10: leaves of 1 and -0.5 share their first turn: 0.25, hard; each its own, soft."""
    first = turn(0.0)
    leaves = [
        Sample(episode(first, turn(reward, prompt=(9, 0, 5))), 0, nodes=(0, place + 1))
        for place, reward in enumerate((1.0, -0.5))
    ]
    channels = (Channel(baseline="none", scale="none"),)
    hard, batch = estimate(Recipe("x", rollout=Tree(), channels=channels, shared="hard"), leaves)
    soft, _ = estimate(Recipe("x", channels=channels, shared="soft"), leaves)
    assert hard.advantages_BT[batch.mask_BT].tolist() == [0.25, 1.0, 0.25, -0.5]
    assert soft.advantages_BT[batch.mask_BT].tolist() == [1.0, 1.0, -0.5, -0.5]


def test_what_cannot_be_graded_gives_no_row_and_no_statistic() -> None:
    lost = Sample(episode(turn(5.0), stop="deadline"), 0)
    found, batch = estimate(Recipe("x", channels=(Channel(scale="none"),)), [*group(1, 0), lost])
    assert found.advantages_BT[batch.mask_BT].tolist() == [0.5, -0.5]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=2, max_size=5), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_leave_one_out_is_a_multiple_of_dr_grpo_and_group_means_cancel(groups: list[list[float]]) -> None:
    samples = [each for number, rewards in enumerate(groups) for each in group(*rewards, number=number)]
    mean, batch = estimate(Recipe("x", channels=(Channel(scale="none"),)), samples)
    loo, _ = estimate(Recipe("x", channels=(Channel(baseline="leave_one_out", scale="none"),)), samples)
    sizes = torch.tensor([float(len(rewards)) for rewards in groups for _ in rewards])
    one, other = mean.advantages_BT[batch.mask_BT], loo.advantages_BT[batch.mask_BT]
    assert torch.allclose(other, one * sizes / (sizes - 1), atol=1e-5)
    assert float(one.sum()) == pytest.approx(0.0, abs=1e-5)
