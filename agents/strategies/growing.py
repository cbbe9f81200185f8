"""Trajectories that have turns in common: episodes under way that others branch off from.

A `Trunk` is a task after its reset, a `Limb` a trajectory that grew from it. Limbs play in forks of the environment,
which are closed when the limb is done, or with the trunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rlvr_gym.agents.asking import ask
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.play import Playing
from rlvr_gym.agents.policy import Completion, Policy, seed_from
from rlvr_gym.agents.strategies.base import Prompt, Sample, Stage
from rlvr_gym.verifiers import ConfigError


@dataclass(eq=False)
class Limb:
    """A trajectory under way.

    Args:
        trunk: Where it comes from.
        playing: Its episode.
        nodes: Number of each turn taken; turns in common have equal numbers.
        born: Turns that it has in common with the limb that it grew from.
    """

    trunk: Trunk
    playing: Playing
    nodes: tuple[int, ...] = ()
    born: int = 0

    def advance(self, completion: Completion) -> None:
        """Take a turn."""
        self.playing.advance(completion)
        if len(self.playing.turns) > len(self.nodes):
            self.nodes = (*self.nodes, self.trunk.turns)
            self.trunk.turns += 1
        if self.playing.done is not None:
            self.playing.close()

    @property
    def done(self) -> Episode | None:
        """Its episode, once it is over."""
        return self.playing.done

    @property
    def episode(self) -> Episode:
        """Its episode, which is over.

        Raises:
            RuntimeError: It is not.
        """
        if self.playing.done is None:
            raise RuntimeError("this trajectory is still under way")
        return self.playing.done

    def sample(self, tree: int = 0) -> Sample:
        """It as a sample, once it is over."""
        return Sample(self.episode, self.trunk.group, tree, self.nodes)


@dataclass(eq=False)
class Trunk:
    """A task after its reset.

    Args:
        prompt: The task.
        group: Number of the prompt.
        start: The episode in which nothing was said yet. It plays in an environment of the stage.
        turns: Turns that were taken in all of its limbs.
    """

    prompt: Prompt
    group: int
    start: Playing
    turns: int = 0
    _grown: list[Limb] = field(default_factory=list)

    def grow(self, member: int, at: Limb | None = None) -> Limb:
        """A trajectory that goes on from where another one stands; by default from the beginning.

        Args:
            member: Number of its choices among those of the prompt; see `Prompt.play`.
            at: Where it begins.
        """
        play = self.prompt.play(member)
        source, nodes = (self.start, ()) if at is None else (at.playing, at.nodes)
        limb = Limb(self, source.fork(play.sample_seed, play.index), nodes, len(nodes))
        self._grown.append(limb)
        return limb

    def seed(self, *names: str | int) -> int:
        """A seed of choices that are none of the policy's."""
        return seed_from(*self.prompt.names, self.prompt.seed, *names)

    def close(self) -> None:
        """Close the environments of all limbs."""
        for limb in self._grown:
            limb.playing.close()


@contextmanager
def grown(stage: Stage, prompts: Sequence[tuple[int, Prompt]], trees: int = 1) -> Iterator[list[Trunk]]:
    """Trunks of some numbered prompts, each reset in an environment of its own; they are closed in the end.

    Args:
        stage: Where; it has at least one environment a prompt.
        prompts: Numbers and prompts.
        trees: Trunks of each prompt, from one reset.
    """
    trunks: list[Trunk] = []
    for env, (group, prompt) in zip(stage.envs, prompts, strict=False):
        start = Playing(prompt.play(0), env)
        start.begin()
        trunks += [Trunk(prompt, group, start) for _ in range(trees)]
    try:
        with stage.policy.remembering():
            yield trunks
    finally:
        for trunk in trunks:
            trunk.close()


def parts(stage: Stage, prompts: Sequence[Prompt], width: int) -> Iterator[list[tuple[int, Prompt]]]:
    """Numbered prompts, so many at a time that the batch has a place for each trajectory; at least one.

    Args:
        stage: The number of its environments is the width of a batch.
        prompts: All of them.
        width: Trajectories of one prompt that are under way together.

    Raises:
        ConfigError: There is no environment.
    """
    if not stage.envs:
        raise ConfigError("a rollout needs at least one environment")
    numbered = list(enumerate(prompts))
    count = max(1, len(stage.envs) // width)
    for place in range(0, len(numbered), count):
        yield numbered[place : place + count]


def finish(policy: Policy, limbs: Sequence[Limb], after: Callable[[Limb], None] | None = None) -> None:
    """Play trajectories to their ends, in lock-step.

    Args:
        policy: Who acts.
        limbs: The trajectories.
        after: Called with each trajectory after each of its turns.
    """
    while under_way := [limb for limb in limbs if limb.done is None]:
        take_turn(policy, under_way)
        if after is not None:
            for limb in under_way:
                after(limb)


def take_turn(policy: Policy, limbs: Sequence[Limb]) -> None:
    """One turn of each that is not over."""
    if opened := [limb for limb in limbs if limb.done is None]:
        completions = ask(policy, [limb.playing.request() for limb in opened])
        for limb, completion in zip(opened, completions, strict=True):
            limb.advance(completion)


def sampled_turns(samples: Sequence[Sample]) -> int:
    """How many turns were sampled for these trajectories; one that several have in common counts once.

    Example:
        >>> from rlvr_gym.agents import Completion, Turn
        >>> first, second, third = (Turn(Completion(text), 0.0, "") for text in "abc")
        >>> episodes = [Episode("t", (first, last), True, "answered", {}) for last in (second, third)]
        >>> sampled_turns([Sample(episode, 0) for episode in episodes])
        3
    """
    return len({id(turn) for sample in samples for turn in sample.episode.turns})
