"""`Reflect`: a failed response is shown to the policy once more, and what it makes of it is learnt from (Re-ReST)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rlvr_gym.agents.asking import ask
from rlvr_gym.agents.checks import check_names
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.play import Play, Playing
from rlvr_gym.agents.policy import Completion, Request, seed_from
from rlvr_gym.agents.strategies.base import Chain, Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.envs.wrappers.feedback import sentence
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

FEEDBACK = ("constant", "status", "reason")


@dataclass(frozen=True)
class Reflect(Strategy):
    """Reflection on failed responses (Re-ReST, arXiv 2406.01495), for environments of one turn.

    After each failed response one more is sampled, by the same policy, in a conversation that shows the failed one and
    what was wrong with it. Where that passes, the group has one sample more: the corrected response as the answer to
    the original prompt. Its ids are what was sampled, and its `prompt_ids` those of the original prompt; its
    log-probabilities and entropies are of the conversation that it was sampled in. A learner that imitates needs none
    of them; for one that takes ratios they are those of the distribution that was drawn from, far from the policy's own
    at the original prompt, so that its clip leaves out most of the response unless they are computed again.

    Args:
        feedback: `"constant"`: the invitation alone. `"status"`, `"reason"`: before it a sentence on the form of the
            answer, as the wrapper `Feedback` says it, which cannot tell what the right answer is.
        invitation: What ends every feedback.

    Raises:
        ConfigError: A setting is refused. When collecting: an episode has several turns.

    Example:
        >>> Reflect().told({"status": "no_answer", "reason": {"code": "no_marker"}})
        'No final answer was found in your response. Try again.'
    """

    name: ClassVar[str] = "reflect"
    apart: ClassVar[bool] = True
    feedback: str = "status"
    invitation: str = "Try again."

    def __post_init__(self) -> None:
        check_names(self, {"feedback": FEEDBACK})
        if not isinstance(self.invitation, str) or not self.invitation.strip():
            raise ConfigError(f"invitation must be a text, got {shown(self.invitation)}")

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`. Groups have up to twice `group_size` members."""
        fresh = Chain().collect(stage, prompts, group_size, memory)
        if any(len(sample.episode.turns) > 1 for sample in fresh):
            raise ConfigError("reflection corrects single responses, and an episode of this environment has several")
        tries = [_Try(prompts[each.group].play(place % group_size), each) for place, each in enumerate(fresh)]
        failed = [each for each in tries if _failed(each.sample.episode)]
        corrected: list[Sample] = []
        for start in range(0, len(failed), len(stage.envs)):
            corrected += self._corrected(stage, failed[start : start + len(stage.envs)], group_size)
        return sorted([*fresh, *corrected], key=_group_of)

    def told(self, verdict: Mapping[str, Any]) -> str:
        """What is said after a failed response.

        Args:
            verdict: As a JSON object; empty where there is none.
        """
        if self.feedback == "constant" or not verdict:
            return self.invitation
        return f"{sentence(verdict, self.feedback)} {self.invitation}"

    def _corrected(self, stage: Stage, failed: Sequence[_Try], group_size: int) -> list[Sample]:
        playings = [Playing(each.play, env) for env, each in zip(stage.envs, failed, strict=False)]
        for playing in playings:
            playing.begin()
        begun = [(each, playing) for each, playing in zip(failed, playings, strict=True) if playing.done is None]
        requests = [self._request(each, playing, group_size) for each, playing in begun]
        samples = []
        for (each, playing), completion in zip(begun, ask(stage.policy, requests) if begun else (), strict=True):
            playing.advance(replace(completion, prompt_ids=each.said.prompt_ids))
            if playing.done is not None and playing.done.passed:
                samples.append(replace(each.sample, episode=playing.done))
        return samples

    def _request(self, each: _Try, playing: Playing, group_size: int) -> Request:
        asked = playing.request()
        said = {"role": "assistant", "content": each.said.text, "token_ids": each.said.token_ids}
        feedback = {"role": "user", "content": self.told(each.sample.episode.verdict)}
        seed, index = seed_from(each.play.sample_seed, "reflect"), group_size + each.play.index
        return replace(asked, conversation=[*asked.conversation, said, feedback], seed=seed, index=index)


@dataclass(frozen=True)
class _Try:
    """A play and what came of it."""

    play: Play
    sample: Sample

    @property
    def said(self) -> Completion:
        """The response."""
        return self.sample.episode.completion


def _failed(episode: Episode) -> bool:
    return bool(episode.turns) and episode.passed is False and not episode.passed_with_hint


def _group_of(sample: Sample) -> int:
    return sample.group
