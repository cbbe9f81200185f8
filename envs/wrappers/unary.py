"""`UnaryFeedback`: try again. A single-turn environment becomes one of several turns without any new data."""

from __future__ import annotations

import gymnasium as gym
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.attempts import AttemptsWrapper, Rules
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

TRY_AGAIN = "Your answer is incorrect. Try again."


class UnaryFeedback(AttemptsWrapper):
    """After a wrong answer the policy is told the same sentence, and tries again (UFO, arXiv 2507.14295).

    The episode ends with the first right answer or with attempt number `turns`, or where the environment inside is
    truncated, an ungradable verdict among that. Every attempt begins where the episode began. An attempt without an
    answer is one.

    **Reward.** The inner one times `decay ** t`, t counted from 0. The verdict of an attempt before the last one is not
    paid (dense rewards would add up to more than a right answer); what else such an attempt earned is not either, what
    it cost is. A reward inside is told turns, answers, tokens and calls of the attempts before. At the end
    `repetition_penalty * (1 - E / T)` is charged as the term `repetition`: E different answers, as the verifier tells
    them apart, in T attempts. The paper has `decay=0.5, repetition_penalty=0.5`; the defaults leave the reward as it
    is.

    **Anchor.** That of the environment inside together with the answers that are known to be wrong: not their order,
    nor how often each was given.

    `info["attempt"]` is the number of attempts that were judged.

    Args:
        env: The environment; one of several turns has an attempt for each of its episodes.
        turns: Attempts.
        feedback: The sentence.
        decay: In [0, 1].
        repetition_penalty: At least 0.

    Raises:
        ConfigError: A setting is refused.
        SnapshotError: The environment cannot be saved, so that there is no way back.

    Example:
        >>> env = UnaryFeedback(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), turns=3, decay=0.5)
        >>> _ = env.reset(seed=0)
        >>> env.step("#### 1")[0]
        'Your answer is incorrect. Try again.'
        >>> observation, reward, terminated, truncated, info = env.step("#### 54")
        >>> reward, terminated, info["passed"], info["attempt"]
        (0.5, True, True, 2)
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        turns: int = 5,
        feedback: str = TRY_AGAIN,
        decay: float = 1.0,
        repetition_penalty: float = 0.0,
    ) -> None:
        super().__init__(env, turns=turns, feedback=feedback, decay=decay, repetition_penalty=repetition_penalty)
        self._begin_with(Rules(turns, decay, repetition_penalty))
        if not isinstance(feedback, str) or not feedback:
            raise ConfigError(f"feedback must be a sentence, got {shown(feedback)}")
        self._feedback = feedback

    def _say(self, info: Info) -> str:
        return self._feedback
