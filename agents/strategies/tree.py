"""`Tree`: several trees of trajectories a prompt, which branch at places drawn by chance (Tree-GRPO)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import gymnasium as gym
import numpy as np
from rlvr_gym.agents.checks import check_counts
from rlvr_gym.agents.policy import Policy, unit_interval
from rlvr_gym.agents.strategies.base import Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.agents.strategies.growing import Limb, Trunk, finish, grown, parts
from rlvr_gym.verifiers import ConfigError


@dataclass(frozen=True)
class Tree(Strategy):
    """Trees of turns (Tree-GRPO, arXiv 2509.21240): `trees` (M) of a prompt, grown in rounds (L) of expansions (N).

    A tree begins as one trajectory. A round chooses `expansions` of its nodes, uniformly and with replacement, and
    grows a trajectory to its end from each; nodes are the beginning and every moment after a turn that did not end
    the episode, among them those of trajectories of earlier rounds. Of the `1 + rounds * expansions` leaves of a tree
    as many are kept, by chance, as make up the group. `Sample.tree` is the number of the tree within the group. With
    the defaults, those of the published script, 2 trees have 3 leaves each, and a group of 6 keeps all of them.

    Args:
        trees: Trees of a prompt (M); the size of the group is a multiple of it.
        rounds: Rounds of expansions (L).
        expansions: Of each tree in each round (N).

    Raises:
        ConfigError: A setting is refused. When collecting: the size of the group is no multiple of `trees`, or above
            the number of leaves.

    Example:
        >>> Tree(trees=2, rounds=1, expansions=2).leaves
        3
    """

    name: ClassVar[str] = "tree"
    apart: ClassVar[bool] = True
    trees: int = 2
    rounds: int = 1
    expansions: int = 2

    def __post_init__(self) -> None:
        check_counts(self, {"trees": 1, "rounds": 0, "expansions": 1})

    @property
    def leaves(self) -> int:
        """Trajectories of a tree."""
        return 1 + self.rounds * self.expansions

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        self.check(stage.envs, group_size)
        samples: list[Sample] = []
        for part in parts(stage, prompts, self.trees * self.expansions):
            with grown(stage, part, self.trees) as trunks:
                plants = [_Plant(trunk, number % self.trees) for number, trunk in enumerate(trunks)]
                self._play(stage.policy, plants)
                samples += [sample for plant in plants for sample in plant.kept(group_size // self.trees)]
        return samples

    def check(self, envs: Sequence[gym.Env[str, str]], group_size: int) -> None:
        """See `Strategy.check`."""
        keep, over = divmod(group_size, self.trees)
        if over or keep > self.leaves:
            raise ConfigError(
                f"a group of {group_size} cannot be kept of {self.trees} trees with {self.leaves} leaves each: it must "
                f"be a multiple of {self.trees}, and at most {self.trees * self.leaves}"
            )

    def _play(self, policy: Policy, plants: Sequence[_Plant]) -> None:
        remember = partial(_remember, {plant.trunk: plant for plant in plants})
        for number in range(self.rounds + 1):
            count = self.expansions if number else 1
            wave = [limb for plant in plants for limb in plant.expanded(number, count, self.leaves)]
            finish(policy, wave, remember if number < self.rounds else None)


@dataclass(eq=False)
class _Plant:
    """A tree: its leaves, and the moments from which it can grow; None is the beginning."""

    trunk: Trunk
    tree: int
    leaves: list[Limb] = field(default_factory=list)
    places: list[Limb | None] = field(default_factory=lambda: [None])

    def expanded(self, number: int, count: int, size: int) -> list[Limb]:
        """New trajectories of a round."""
        places = list(self.places)
        for each in range(count):
            chance = unit_interval(self.trunk.seed("expand", self.tree, number, each))
            member = self.tree * size + len(self.leaves)
            self.leaves.append(self.trunk.grow(member, at=places[int(chance * len(places))]))
        return self.leaves[-count:]

    def kept(self, count: int) -> list[Sample]:
        """As many leaves, drawn by chance, in the order in which they grew."""
        drawn = np.random.default_rng(self.trunk.seed("keep", self.tree)).permutation(len(self.leaves))[:count]
        return [self.leaves[place].sample(self.tree) for place in sorted(drawn)]


def _remember(plants: Mapping[Trunk, _Plant], limb: Limb) -> None:
    """Keep the moment where a trajectory stands, unless it is over or cannot be kept."""
    if limb.done is None:
        place = limb.trunk.grow(0, at=limb)
        if place.done is None:
            plants[limb.trunk].places.append(place)
