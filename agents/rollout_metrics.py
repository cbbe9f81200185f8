"""What a step tells of its rollout, before anything is shaped, filtered or learnt: metrics, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence

from rlvr_gym.agents.episode import Episode, tool_totals
from rlvr_gym.agents.experience import groups_of, response_tokens
from rlvr_gym.agents.strategies import BASELINE, Sample

Metrics = dict[str, float]


def rollout_metrics(samples: Sequence[Sample], *, hints: bool = False) -> Metrics:
    """Metrics of all that was played for a step; docs/runs.md says what each is.

    Args:
        samples: Of every round, with the rewards that they were paid.
        hints: Whether hints may be given, so that their metrics are there also where none was.

    Example:
        >>> ends = enumerate([True, True, True, False])
        >>> found = rollout_metrics([Sample(Episode("t", (), right, "answered", {}), n // 2) for n, right in ends])
        >>> found["pass_rate"], found["passed_groups"], found["failed_groups"]
        (0.75, 0.5, 0.0)
    """
    episodes = [sample.episode for sample in samples if sample.role != BASELINE]
    graded = [episode for episode in episodes if episode.gradable]
    groups = groups_played(samples)
    metrics = {
        "episodes": len(episodes),
        "ungradable": len(episodes) - len(graded),
        **{name: sum(map(of_kind, groups)) / max(len(groups), 1) for name, of_kind in _KINDS.items()},
        **(_graded_metrics(graded) if graded else {}),
    }
    if any(sample.age for sample in samples):
        metrics["replayed"] = sum(sample.age > 0 for sample in samples) / max(len(samples), 1)
    if greedy := [sample.episode for sample in samples if sample.role == BASELINE and sample.episode.gradable]:
        metrics["greedy_pass_rate"] = sum(bool(episode.passed) for episode in greedy) / len(greedy)
    hinted = [episode for episode in graded if episode.hint]
    if graded and (hints or hinted):
        metrics["hinted"] = len(hinted) / len(graded)
    if hinted:
        metrics["hinted_pass_rate"] = sum(episode.succeeded for episode in hinted) / len(hinted)
    return metrics


def groups_played(samples: Sequence[Sample]) -> list[list[Episode]]:
    """The episodes of each group that are learnt from."""
    return [[samples[place].episode for place in places] for places in groups_of(samples).values()]


def rollout_cost(samples: Sequence[Sample]) -> Metrics:
    """Tokens and turns that were sampled, and seconds of tools; a turn that trajectories have in common counts once.

    `sampled_first_turns` are those that began an episode: fewer than there are episodes where trajectories branch.
    """
    said, first = {}, set()
    for sample in samples:
        for place, turn in enumerate(sample.episode.turns):
            said[id(turn.completion)] = len(turn.completion.token_ids)
            if not place:
                first.add(id(turn.completion))
    cost = {"sampled_tokens": sum(said.values()), "sampled_turns": len(said), "sampled_first_turns": len(first)}
    return {name: float(count) for name, count in cost.items()} | _tool_seconds([each.episode for each in samples])


def _graded_metrics(graded: Sequence[Episode]) -> Metrics:
    """Means over the episodes that could be graded, of which there is at least one."""
    count = len(graded)
    entropies = [value for e in graded for turn in e.turns for value in turn.completion.entropies]
    rewards = [episode.reward for episode in graded]
    mean = sum(rewards) / count
    lengths = [response_tokens(episode) for episode in graded]
    return {
        "reward_mean": mean,
        "reward_std": (sum((reward - mean) ** 2 for reward in rewards) / count) ** 0.5,
        "pass_rate": sum(bool(episode.passed) for episode in graded) / count,
        "cut_off": sum(episode.completion.finish_reason == "length" for episode in graded) / count,
        "entropy": sum(entropies) / max(len(entropies), 1),
        "response_tokens": sum(lengths) / count,
        "response_tokens_most": max(lengths),
        **_tool_metrics(graded),
    }


def _tied(group: Sequence[Episode]) -> bool:
    """Whether a group carries no signal: rewards are equal, or fewer than two can be graded."""
    return len({episode.reward for episode in group if episode.gradable}) < 2


def _passed(group: Sequence[Episode]) -> bool:
    return {episode.succeeded for episode in group if episode.gradable} == {True}


def _failed(group: Sequence[Episode]) -> bool:
    return {episode.succeeded for episode in group if episode.gradable} == {False}


_KINDS = {"tied_groups": _tied, "passed_groups": _passed, "failed_groups": _failed}


def _tool_metrics(graded: Sequence[Episode]) -> Metrics:
    """Calls, failed calls and cost an episode, in all and of each tool; nothing where there are no tools."""
    known = [episode.tool_stats for episode in graded if episode.tool_stats is not None]
    if not known:
        return {}
    totals = tool_totals(known)
    every = {"": {key: sum(row[key] for row in totals.values()) for key in ("calls", "errors", "cost")}}
    named = {f"/{name or 'unknown'}": row for name, row in totals.items()}
    return {f"tool_{key}{name}": row[key] / len(known) for name, row in {**every, **named}.items() for key in row}


def _tool_seconds(episodes: Sequence[Episode]) -> dict[str, float]:
    found: dict[str, float] = {}
    for episode in episodes:
        for name, seconds in episode.tool_seconds.items():
            found[f"tool_s/{name}"] = found.get(f"tool_s/{name}", 0.0) + seconds
    return found
