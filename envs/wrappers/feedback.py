"""`Feedback`: try again, told why. What is told is of the form of the answer, and cannot tell what the right one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.attempts import AttemptsWrapper, Rules
from rlvr_gym.envs.wrappers.unary import TRY_AGAIN
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

STATUS_SENTENCES: Mapping[str, str] = {
    "failed": "Your answer is incorrect.",
    "no_answer": "No final answer was found in your response.",
    "ambiguous": "Your response does not declare one single answer.",
    "malformed": "Your answer cannot be read.",
    "timeout": "Your program takes too long.",
    "limit_exceeded": "Your answer is over a limit.",
    "runtime_error": "Your program fails when it is run.",
}

# Codes that say something of the response itself, or that compare it with what stands in the prompt. A code that comes
# of a comparison with the reference (another type, another length, a missing unit, ...) would tell of it, and is not
# here; nor is one that a right value can have.
REASON_SENTENCES: Mapping[str, str] = {
    "answer_too_large": "Your answer is larger than can be read.",
    "answer_too_long": "Your answer is longer than can be read.",
    "bad_format": "Your response does not have the format that was asked for.",
    "compile_error": "Your program does not compile.",
    "division_by_zero": "Your answer divides by zero.",
    "empty_answer": "Your final answer is empty.",
    "file_limit": "Your program writes too much to files.",
    "load_error": "Your program fails while it is loaded.",
    "memory_limit": "Your program needs too much memory.",
    "more_than_a_number": "Your final answer holds more than one number.",
    "no_code": "There is no code block in your response.",
    "no_marker": "There is no marked final answer in your response.",
    "not_a_guess": "Your guess holds more than the symbols of a guess.",
    "not_a_mixed_number": "Your answer is not a mixed number that can be read.",
    "not_a_number": "Your final answer is not a number.",
    "not_an_expression": "Your final answer is not an expression that can be read.",
    "output_limit": "Your program writes too much output.",
    "process_limit": "Your program starts too many processes.",
    "protocol_violation": "Your program interferes with how it is run.",
    "response_too_long": "Your response is longer than can be read.",
    "runtime_error": "Your program fails when it is run.",
    "several_blocks": "There is more than one code block in your response.",
    "syntax_error": "Your program has a syntax error.",
    "timeout": "Your program takes too long.",
    "too_many_digits": "Your answer has more digits than can be read.",
    "unbalanced_box": "The braces of your last box are not balanced.",
    "unclosed_fence": "Your last code block is never closed.",
    "unclosed_reasoning": "Your reasoning is never closed.",
    "unclosed_tag": "Your last answer tag is never closed.",
    "wrong_claim": "Your expression is right, but what you write after the equals sign is not.",
    "wrong_length": "Your guess does not have the length that was asked for.",
    "wrong_numbers": "Your expression does not use each given number exactly once.",
    "wrong_symbol": "Your guess has a symbol that there is not.",
    "wrong_value": "Your expression does not have the value that was asked for.",
}

# What these have of a status other than "failed" comes of the reference too: the same response fails another one.
_OF_A_COMPARISON = ("ambiguous", "two_answers", "unreadable")

LEVELS = ("status", "reason")


class Feedback(AttemptsWrapper):
    """After a wrong answer the policy is told what was wrong with its form, and tries again.

    Attempts, rewards, anchors and `info["attempt"]` are those of `UnaryFeedback`. The sentences are constants: neither
    a verifier's own text nor its parts are passed on, which may quote the reference. Of the families here, what is told
    of a wrong answer does not depend on the reference, but for programs, where it is how they ended under the tests.
    With `share` more is told, and a policy can search by it.

    Args:
        env: The environment.
        turns: Attempts.
        level: `"status"` or `"reason"`: a sentence for the verdict's status or, where there is one, for its reason.
        share: Also tell how many parts of the verdict hold. **This leaks a number**: hidden tests can be counted, and
            climbed one by one.
        invitation: What ends every feedback.
        decay: See `UnaryFeedback`.
        repetition_penalty: See `UnaryFeedback`.

    Raises:
        ConfigError: A setting is refused.
        SnapshotError: The environment cannot be saved, so that there is no way back.

    Example:
        >>> env = Feedback(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), level="reason")
        >>> _ = env.reset(seed=0)
        >>> for response in ("#### 53", "#### 53 or 54", "<think>54"):
        ...     env.step(response)[0]
        'Your answer is incorrect. Try again.'
        'Your final answer holds more than one number. Try again.'
        'Your reasoning is never closed. Try again.'
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        turns: int = 5,
        level: str = "status",
        share: bool = False,
        invitation: str = "Try again.",
        decay: float = 1.0,
        repetition_penalty: float = 0.0,
    ) -> None:
        super().__init__(
            env,
            turns=turns,
            level=level,
            share=share,
            invitation=invitation,
            decay=decay,
            repetition_penalty=repetition_penalty,
        )
        self._begin_with(Rules(turns, decay, repetition_penalty))
        if level not in LEVELS:
            raise ConfigError(f"level must be one of {', '.join(LEVELS)}, got {shown(level)}{_near(level)}")
        if not isinstance(invitation, str) or not isinstance(share, bool):
            raise ConfigError(f"invitation is a text and share true or false, got {shown((invitation, share))}")
        self._level, self._share, self._invitation = level, share, invitation

    def _say(self, info: Info) -> str:
        verdict = info.get("verdict", info.get("verdict_with_hint"))
        if verdict is None:
            return TRY_AGAIN
        told = [sentence(verdict, self._level)]
        if self._share and verdict["parts"]:
            holds = sum(part["passed"] is True for part in verdict["parts"])
            told.append(f"{holds} of {len(verdict['parts'])} parts hold.")
        return " ".join([*told, self._invitation]).strip()


def sentence(verdict: Mapping[str, Any], level: str) -> str:
    """What may be told of a verdict that did not pass.

    Args:
        verdict: As a JSON object.
        level: See `Feedback`.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> verdict = make_verifier("math@1").verify("\\\\boxed{(1,2)}", "3").to_dict()
        >>> verdict["reason"]["code"], sentence(verdict, "reason")
        ('other_type', 'Your answer is incorrect.')
    """
    status, code = verdict["status"], verdict["reason"]["code"]
    status = "failed" if code in _OF_A_COMPARISON or status not in STATUS_SENTENCES else status
    by_status = STATUS_SENTENCES[status]
    return REASON_SENTENCES.get(code, by_status) if level == "reason" else by_status


def _near(level: Any) -> str:
    return suggestion(level, LEVELS) if isinstance(level, str) else ""
