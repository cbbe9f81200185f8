"""Several attempts at one task: what `UnaryFeedback` and `Feedback` have in common.

A wrong answer does not end the episode. The environment inside goes back to the episode's beginning, the policy is told
something, and tries again.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import gymnasium as gym
from rlvr_gym.envs.state import restore, snapshot, stack
from rlvr_gym.envs.task import check_int, content_hash, copied
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import (
    Message,
    Options,
    Place,
    Step,
    TextWrapper,
    added,
    asked,
    beginning,
    check_number,
    exchange,
    opened,
    parts_of,
    place_from,
    terms_of,
    transcript,
    turns_allowed,
)
from rlvr_gym.envs.wrappers.many import bases_of, text_env_of
from rlvr_gym.reward_shaping.contexts import FIRST, Earlier, answer_key, calls_in
from rlvr_gym.verifiers import Verdict

Say = Callable[[Info], str]

_NO_ANSWER = ("ambiguous", "malformed", "no_answer")
_OF_THE_END = ("episode", "passed", "passed_with_hint", "stop_reason", "verdict", "verdict_terms", "verdict_with_hint")


@dataclass(frozen=True, slots=True)
class Rules:
    """What attempts are worth.

    Args:
        turns: Attempts.
        decay: The reward of attempt number t, counted from 0, is multiplied by `decay ** t`.
        repetition_penalty: Charged once at the end: `repetition_penalty * (1 - E / T)` for E different answers in T
            attempts.

    Raises:
        ConfigError: A number is refused.
    """

    turns: int
    decay: float
    repetition_penalty: float

    def __post_init__(self) -> None:
        check_int("turns", self.turns, 1, None)
        check_number("decay", self.decay, 0.0, 1.0)
        check_number("repetition_penalty", self.repetition_penalty, 0.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Attempts:
    """An episode of several attempts.

    Args:
        first: The environment inside at the beginning, a `Snapshot` as JSON text, of which copies cost nothing.
        place: Where the episode stands.
        conversation: All messages so far.
        judged: Attempts that were judged.
        answers: The different answers among them, each as it was first given.
        wrong: Those of them that are wrong.
        again: Whether the last step was a wrong attempt, so that what was told after it is to be answered.
        before: What there was before the attempt under way: every answer, as rewards tell them apart.
        tokens: Length of the responses so far; None where nobody inside counts them.
    """

    first: str
    place: Place
    conversation: tuple[Message, ...]
    judged: int = 0
    answers: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    again: bool = False
    before: Earlier = FIRST
    tokens: int | None = 0

    @classmethod
    def begin(cls, env: gym.Env[str, str], observation: str, info: Info) -> Self:
        """The attempts of an episode that begins here."""
        return cls(json.dumps(snapshot(env).to_dict()), Place.of(info), tuple(beginning(observation, info)))

    @classmethod
    def from_state(cls, wrapper: TextWrapper, state: Any) -> Self | None:
        """The inverse of `to_state`; None stays None.

        Raises:
            SnapshotError: It is no such state.
        """
        if state is None:
            return None
        names = ("first", "place", "conversation", "judged", "answers", "wrong", "again", "before", "tokens")
        first, place, conversation, judged, answers, wrong, again, before, tokens = parts_of(wrapper, state, *names)
        stands = place_from(wrapper, place) or Place("", 0, "")
        earlier = Earlier(before[0], tuple(before[1]), *before[2:])
        tell(wrapper.env, earlier)
        return cls(first, stands, tuple(conversation), judged, tuple(answers), tuple(wrong), again, earlier, tokens)

    def to_state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "first": self.first,
            "place": self.place.to_state(),
            "conversation": list(self.conversation),
            "judged": self.judged,
            "answers": list(self.answers),
            "wrong": list(self.wrong),
            "again": self.again,
            "before": [self.before.turns, list(self.before.answers), *self.before[2:]],
            "tokens": self.tokens,
        }

    def told(self, info: Info) -> Info:
        """An info of the environment inside, as it is of the whole episode."""
        return {**info, "turn": self.place.turn, "anchor": self.place.anchor, "attempt": self.judged}

    def seen(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """What a restore gives, of what the environment inside gives."""
        info = {**self.told(info), "messages": copied(self.conversation)}
        return asked(self.conversation) if self.again else observation, info


def anchored(anchor: str, wrong: tuple[str, ...]) -> str:
    """The anchor of a moment: that of the environment inside, and which answers are known to be wrong.

    Neither how many attempts there were nor in which order is part of it; so a repeated answer leads to where it was
    given.
    """
    return content_hash([anchor, sorted(map(_key, wrong))]) if wrong else anchor


def attempt(
    env: gym.Env[str, str], before: Attempts | None, action: str, rules: Rules, say: Say
) -> tuple[Step, Attempts]:
    """Play a step.

    Args:
        env: The environment inside.
        before: The attempts so far; None before the first reset.
        action: The response.
        rules: What attempts are worth.
        say: What is told after a wrong attempt, from the info of the step inside.

    Returns:
        What the step gives, and the attempts after it.

    Raises:
        EpisodeOverError: The episode is over or was never begun.
    """
    place, action = opened(None if before is None else before.place, action)
    before = before or Attempts("", place, ())
    observation, reward, terminated, truncated, info = env.step(action)
    passed = info.get("passed_with_hint", info.get("passed")) if terminated else None
    after = before if passed is None else _judged(env, before, str(action), info, bool(passed))
    said = info.get("response_tokens")
    after = replace(after, tokens=None if said is None or before.tokens is None else before.tokens + said)
    again = passed is not None and not passed and after.judged < rules.turns and not truncated
    terms = {name: value * rules.decay**before.judged for name, value in terms_of(reward, info).items()}
    if again:
        earlier = _earlier(before, after.tokens, info)
        # What a wrong attempt earned is not paid, or many of them could be worth more than a right one. What its
        # verdict is worth is neither earned nor charged: the last verdict is paid, and told of those before it.
        free = info.get("verdict_terms", ())
        terms = {name: 0.0 if name in free else min(value, 0.0) for name, value in terms.items()}
        observation, anchor, terminated = say(info), _back(env, before.first), False
        tell(env, earlier)
        after = replace(after, before=earlier)
        info = {key: value for key, value in info.items() if key not in _OF_THE_END}
        messages = [{"role": "assistant", "content": str(action)}, {"role": "user", "content": observation}]
    else:
        messages, anchor = exchange(action, observation, info), info.get("anchor", place.anchor)
        if (terminated or truncated) and info.get("stop_reason") != "ungradable":
            terms = _repetition(terms, info, after, rules)
        if "verdict_terms" in info:
            info = {**info, "attempts": _attempts(before, rules, info)}
    place = replace(place, turn=place.turn + 1, anchor=anchored(anchor, after.wrong), over=terminated or truncated)
    after = replace(after, place=place, conversation=(*before.conversation, *messages), again=again)
    info = {**after.told(info), "messages": copied(messages), "reward_terms": terms}
    return (observation, float(sum(terms.values())), terminated, truncated, info), after


class AttemptsWrapper(TextWrapper):
    """A wrapper of several attempts, but for what it says after a wrong one."""

    _rules: Rules
    _attempts: Attempts | None

    def _begin_with(self, rules: Rules) -> None:
        """Set the rules; refuse an environment that cannot be saved."""
        stack(self.env)
        self._rules, self._attempts = rules, None

    @abstractmethod
    def _say(self, info: Info) -> str:
        """What is told after a wrong attempt."""

    @property
    def max_turns(self) -> int | None:
        """Turns of all attempts together; None where the environment does not say how many one has."""
        inside = turns_allowed(self.env)
        return None if inside is None else self._rules.turns * inside

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._attempts = None
        observation, info = self.env.reset(seed=seed, options=options)
        self._attempts = Attempts.begin(self.env, observation, info)
        return observation, self._attempts.told(info)

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        result, self._attempts = attempt(self.env, self._attempts, action, self._rules, self._say)
        return result

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return None if self._attempts is None else self._attempts.to_state()

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        self._attempts = Attempts.from_state(self, state)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        return (observation, info) if self._attempts is None else self._attempts.seen(observation, info)

    def render(self) -> Any:
        """See `TextEnv.render`."""
        return rendered(self._attempts, self.env.render())


def rendered(attempts: Attempts | None, inside: Any) -> Any:
    """What `render` gives: the transcript of all attempts, where the environment inside gives one."""
    return transcript(attempts.conversation) if isinstance(inside, str) and attempts is not None else inside


def tell(env: gym.Env[str, str], earlier: Earlier) -> None:
    """Let the environment inside know what there was in the episode before the attempt that begins in it."""
    inside = text_env_of(env)
    if inside is not None:
        inside.earlier = earlier


def _repetition(terms: dict[str, float], info: Info, after: Attempts, rules: Rules) -> dict[str, float]:
    if not rules.repetition_penalty or not after.judged:
        return terms
    return added(terms, info, "repetition", -rules.repetition_penalty * (1 - len(after.answers) / after.judged))


def _earlier(before: Attempts, tokens: int | None, info: Info) -> Earlier:
    """What there is to tell the next attempt, of those so far and of the info of this one's last step."""
    verdict = info.get("verdict", info.get("verdict_with_hint"))
    answers = before.before.answers
    if verdict is not None:
        answers = (*answers, answer_key(Verdict.from_dict(verdict)))
    calls = before.before.tool_calls + calls_in(info.get("tool_stats", {}))
    return Earlier(before.place.turn + 1, answers, tokens, calls)


def _attempts(before: Attempts, rules: Rules, info: Info) -> dict[str, Any]:
    """For whoever makes another reward of the verdict: what it was multiplied by, and what was told of before."""
    inside = info.get("attempts", {})
    turns, answers, tokens, calls = before.before
    return {
        "factor": rules.decay**before.judged * inside.get("factor", 1.0),
        "turns": turns,
        "answers": list(answers),
        "tokens": tokens,
        "tool_calls": calls,
    }


def _judged(env: gym.Env[str, str], before: Attempts, action: str, info: Info, passed: bool) -> Attempts:
    """One attempt more. Without an answer that can be read it adds none, and so counts as a repetition."""
    answer = _answer(action, info.get("verdict", info.get("verdict_with_hint")))
    after = replace(before, judged=before.judged + 1)
    if not answer:
        return after
    known = _known(env, before, action, answer)
    if known is None:
        known = answer
        after = replace(after, answers=(*before.answers, answer))
    if not passed and known not in before.wrong:
        after = replace(after, wrong=(*before.wrong, known))
    return after


def _answer(action: str, verdict: Mapping[str, Any] | None) -> str:
    if verdict is None:
        return action.strip()
    return "" if verdict["status"] in _NO_ANSWER else (verdict["extracted"] or "").strip()


def _key(answer: str) -> str:
    """Without white space, which would make a new answer of an old one."""
    return "".join(answer.split())


def _known(env: gym.Env[str, str], before: Attempts, action: str, answer: str) -> str | None:
    """The earlier answer that this one repeats, in other words or not: `0.5` and `1/2` are one answer.

    Equal is what the verifier takes for equal, where an answer can be a reference for it.
    """
    key, inside = _key(answer), text_env_of(env)
    same = next((one for one in before.answers if _key(one) == key), None)
    if same is not None or inside is None or not before.answers:
        return same
    # What was judged: a wrapper between here and there may have passed on a part of the action.
    said = [message["content"] for message in inside.save().transcript if message["role"] == "assistant"]
    response = said[-1] if said else action
    return next((one for one in before.answers if inside.verifier.verify(response, one).passed), None)


def _back(env: gym.Env[str, str], first: str) -> str:
    """Go back to the episode's beginning, and give its anchor. Random numbers go on, and are not drawn once more."""
    inside = text_env_of(env)
    if inside is not None and inside.save().replay is not None:
        return _restored(env, first)  # a replay needs the numbers that it was played with
    places = bases_of(env)
    generators = [base.np_random for base in places]
    anchor = _restored(env, first)
    for base, generator in zip(bases_of(env), generators, strict=True):
        base.np_random = generator
    return anchor


def _restored(env: gym.Env[str, str], first: str) -> str:
    return str(restore(env, json.loads(first))[1].get("anchor", ""))
