"""`Search`: a tree search over forks of the environment, whose best leaves are the group (ReST-MCTS)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import gymnasium as gym
from rlvr_gym.agents.checks import check_counts, check_numbers
from rlvr_gym.agents.policy import Policy
from rlvr_gym.agents.strategies.base import Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.agents.strategies.growing import Limb, Trunk, finish, grown, parts, take_turn
from rlvr_gym.verifiers import ConfigError


@dataclass(frozen=True)
class Search(Strategy):
    """Monte-Carlo tree search over turns (ReST-MCTS*, arXiv 2406.03816), without a learnt value model.

    A simulation descends from the beginning to the child of the largest `V + c * sqrt(2 ln N_parent / N)` as long as
    a node has `branch` children, samples one turn more there, which is a new node, and plays on to the end. `V` is the
    mean of the returns of the simulations through a node, `N` their number. The group is the leaves of the largest
    return, the first found of equal ones, in the order in which they were found. So they are not drawn as the policy
    draws: this is for learners of the best (rejection sampling, expert iteration, preferences).

    **Deviations.** The paper's `V` comes of a value model and a lookahead of three greedy steps, and its search stops
    at `V >= 0.9`; here it is that of rollouts, and all simulations are made. What has only ends below it is not visited
    again; where nothing is left before the group is full, the rest are trajectories by themselves. An episode whose
    environment raised counts with the rewards that it had, and is chosen last.

    Args:
        simulations: Of each prompt; at least as many as the group has members.
        branch: Children of a node, at most.
        exploration: `c`.

    Raises:
        ConfigError: A setting is refused. When collecting: there are fewer simulations than members.

    Example:
        >>> round(Search(exploration=0.5).score(value=0.5, visits=2, of_parent=4), 4)
        1.0887
    """

    name: ClassVar[str] = "search"
    apart: ClassVar[bool] = True
    simulations: int = 16
    branch: int = 3
    exploration: float = 0.7

    def __post_init__(self) -> None:
        check_counts(self, {"simulations": 1, "branch": 1})
        check_numbers(self, ("exploration",))

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        self.check(stage.envs, group_size)
        samples: list[Sample] = []
        for part in parts(stage, prompts, 1):
            with grown(stage, part) as trunks:
                for leaves in self._search(stage.policy, trunks, group_size):
                    best = sorted(range(len(leaves)), key=partial(_rank, leaves))[:group_size]
                    samples += [leaves[place].sample() for place in sorted(best)]
        return samples

    def score(self, value: float, visits: int, of_parent: int) -> float:
        """What a child is chosen by."""
        return value + self.exploration * math.sqrt(2 * math.log(of_parent) / visits)

    def check(self, envs: Sequence[gym.Env[str, str]], group_size: int) -> None:
        """See `Strategy.check`."""
        if group_size > self.simulations:
            raise ConfigError(f"a group of {group_size} needs as many simulations, got {self.simulations}")

    def _search(self, policy: Policy, trunks: Sequence[Trunk], group_size: int) -> list[list[Limb]]:
        roots = {trunk: _Node() for trunk in trunks}
        leaves: dict[Trunk, list[Limb]] = {trunk: [] for trunk in trunks}
        for number in range(self.simulations):
            below = {trunk: self._descend(root) for trunk, root in roots.items() if not root.spent(self.branch)}
            wave = {trunk: trunk.grow(number, at=node.place) for trunk, node in below.items()}
            take_turn(policy, list(wave.values()))
            nodes = {trunk: below[trunk].child(limb) for trunk, limb in wave.items()}
            finish(policy, list(wave.values()))
            for trunk, limb in wave.items():
                nodes[trunk].add(limb.episode.reward)
                leaves[trunk].append(limb)
        for trunk, found in leaves.items():
            found += [trunk.grow(self.simulations + n) for n in range(group_size - len(found))]
        finish(policy, [limb for found in leaves.values() for limb in found])
        return list(leaves.values())

    def _descend(self, node: _Node) -> _Node:
        while len(node.children) == self.branch:
            opened = [child for child in node.children if not child.spent(self.branch)]
            node = max(opened, key=partial(self._score_of, node))
        return node

    def _score_of(self, parent: _Node, child: _Node) -> float:
        return self.score(child.total / child.visits, child.visits, parent.visits)


@dataclass(eq=False)
class _Node:
    """A moment of the search.

    Args:
        parent: Where it was reached from; None for the beginning.
        place: A trajectory that stands there; None for the beginning.
        over: Whether nothing can be sampled there.
    """

    parent: _Node | None = None
    place: Limb | None = None
    over: bool = False
    children: list[_Node] = field(default_factory=list)
    visits: int = 0
    total: float = 0.0

    def child(self, limb: Limb) -> _Node:
        """The node where a trajectory stands now, a new one."""
        place = limb.trunk.grow(0, at=limb) if limb.done is None else None
        node = _Node(self, place, over=place is None or place.done is not None)
        self.children.append(node)
        return node

    def spent(self, branch: int) -> bool:
        """Whether there is nothing below it that was not sampled."""
        return self.over or (len(self.children) == branch and all(child.spent(branch) for child in self.children))

    def add(self, reward: float) -> None:
        """Count the return of a simulation through it, here and above."""
        self.visits += 1
        self.total += reward
        if self.parent is not None:
            self.parent.add(reward)


def _rank(leaves: Sequence[Limb], place: int) -> tuple[bool, float, int]:
    episode = leaves[place].episode
    return not episode.gradable, -episode.reward, place
