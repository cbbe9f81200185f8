"""`FormatGate`: a response is `<think>...</think><answer>...</answer>`, or it fails, or it earns less."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium as gym
from rlvr_gym.envs.action import TextAction
from rlvr_gym.envs.task import content_hash, copied
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
    state_of,
    terms_of,
    transcript,
)
from rlvr_gym.verifiers import ConfigError, Status, Verdict
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Reason, VerifierId

MODES = ("gate", "bonus")
PASSED_ON = ("answer", "tagged", "response")
_BLANK = " \t\r\n"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Sections(NamedTuple):
    """The two parts of a response in the format."""

    reasoning: str
    answer: str


def read_sections(response: str, tags: Sequence[str] = ("think", "answer")) -> Sections | None:
    """The parts of a response, or None where it does not have the format.

    Each of the four tags stands exactly once, in order, with nothing but blanks and newlines around and between the two
    parts. Whatever looks like one of the tags counts as one: in capitals, with blanks or attributes inside, in
    full-width or other letters that Unicode takes for the same, with invisible characters, and inside code.

    Args:
        response: The response.
        tags: Names of the two parts.

    Example:
        >>> read_sections("<think>2 + 2</think>\\n<answer>4</answer>")
        Sections(reasoning='2 + 2', answer='4')
        >>> read_sections("<think>2 + 2</think><answer>4</answer><answer>5</answer>") is None
        True
    """
    first, second = tags
    opens, closes = (f"<{first}>", f"<{second}>"), (f"</{first}>", f"</{second}>")
    text = response.strip(_BLANK)
    if not (text.startswith(opens[0]) and text.endswith(closes[1])):
        return None
    reasoning, found, rest = text[len(opens[0]) : -len(closes[1])].partition(closes[0])
    rest = rest.lstrip(_BLANK)
    if not found or not rest.startswith(opens[1]):
        return None
    answer = rest[len(opens[1]) :]
    if _tag_like(tags).search(_plain(reasoning)) or _tag_like(tags).search(_plain(answer)):
        return None
    return Sections(reasoning, answer)


def _tag_like(tags: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"<\s*/?\s*(?:{'|'.join(map(re.escape, tags))})(?![A-Za-z0-9_-])", re.IGNORECASE)


def _plain(text: str) -> str:
    """The text as a hasty reader sees it: invisible characters left out, look-alikes in their plain form."""
    if text.isascii():
        return text
    visible = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Mn", "Me"))
    return unicodedata.normalize("NFKC", visible)


class FormatGate(TextWrapper):
    """Every response has to be `<think>...</think><answer>...</answer>`; see `read_sections` for how strictly.

    With `mode="gate"` a response without the format ends the episode: terminated, `passed` False, a verdict with the
    status `malformed`, and as the term `format` the reward that the environment gives such a verdict (`outcome`: 0);
    the environment does not see the response. With `mode="bonus"` the outcome is left as it is, and the term `format`
    of the reward is `weight` at the end of an episode in which every response had the format (0 otherwise): once an
    episode, so that there is nothing to gain by more turns.

    What the environment inside is given, where the format is there: with `pass_on="answer"` what stands between the
    answer tags, with all markers in it; with `"tagged"` the same with its tags; with `"response"` everything. Give a
    verifier that looks for `<answer>` the second or third. `info["messages"]` has the whole response in any case.

    Args:
        env: The environment.
        tags: Names of the two parts; letters, digits, `-` and `_`.
        mode: `"gate"` or `"bonus"`.
        weight: Of the bonus, in [0, 1].
        pass_on: `"answer"`, `"tagged"` or `"response"`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> env = FormatGate(gym.make("rlvr_gym:rlvr/Arithmetic-v0"))
        >>> _ = env.reset(seed=0)
        >>> env.step("<think>23 + 31</think><answer>54</answer>")[4]["passed"]
        True
        >>> _ = env.reset(seed=0)
        >>> env.step("#### 54")[4]["verdict"]["status"]
        'malformed'
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        tags: Sequence[str] = ("think", "answer"),
        mode: str = "gate",
        weight: float = 0.1,
        pass_on: str = "answer",
    ) -> None:
        tags = list(tags) if isinstance(tags, tuple) else tags
        super().__init__(env, tags=tags, mode=mode, weight=weight, pass_on=pass_on)
        names = tags if isinstance(tags, list) and len(tags) == 2 else ("", "")
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names) or names[0] == names[1]:
            raise ConfigError(f"tags are two different names such as ['think', 'answer'], got {shown(tags)}")
        for name, value, known in (("mode", mode, MODES), ("pass_on", pass_on, PASSED_ON)):
            if value not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}; got {shown(value)}")
        self._tags, self._gate, self._pass_on = tuple(names), mode == "gate", pass_on
        self._weight = check_number("weight", weight, 0.0, 1.0)
        self._judge = VerifierId("format_gate", 1, content_hash([self._tags])[:8])
        self._place: Place | None = None
        self._conversation: tuple[Message, ...] = ()
        self._clean = True

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._place = None
        observation, info = self.env.reset(seed=seed, options=options)
        self._place, self._clean = Place.of(info), True
        self._conversation = tuple(beginning(observation, info))
        return observation, info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        place, action = opened(self._place, action)
        sections = read_sections(action, self._tags)
        refused = sections is None and self._gate
        result = self._refusal(place, action) if refused else self._played(action, sections)
        _, _, terminated, truncated, info = result
        self._place = place.after(info, over=terminated or truncated)
        self._conversation = (*self._conversation, *copied(info["messages"]))
        self._clean = self._clean and sections is not None
        return result

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return {"place": state_of(self._place), "conversation": list(self._conversation), "clean": self._clean}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        place, conversation, self._clean = parts_of(self, state, "place", "conversation", "clean")
        self._place, self._conversation = place_from(self, place), tuple(conversation)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        if self._place is None:
            return observation, info
        info = {**info, "turn": self._place.turn, "messages": copied(self._conversation)}
        return observation if asked(self._conversation) else "", info

    def render(self) -> Any:
        """See `TextEnv.render`."""
        inside = self.env.render()
        return transcript(self._conversation) if isinstance(inside, str) else inside

    def _refusal(self, place: Place, action: str) -> Step:
        reason = Reason("bad_format", f"the response is not <{self._tags[0]}> and then <{self._tags[1]}>, each once")
        verdict = Verdict(Status.MALFORMED, 0.0, reason, self._judge)
        info = place.end(action, "answered", passed=False, verdict=verdict.to_dict())
        paid = 0.0
        if self.env.has_wrapper_attr("toolbox"):
            info["tool_stats"] = self.env.get_wrapper_attr("toolbox").statistics()
        if self.env.has_wrapper_attr("priced"):
            paid = float(sum(self.env.get_wrapper_attr("priced")(verdict, str(action), info).values()))
        return "", paid, True, False, {**info, "reward_terms": {"format": paid}, "verdict_terms": ["format"]}

    def _played(self, action: str, sections: Sections | None) -> Step:
        inner = action if sections is None else self._inner(action, sections)
        observation, reward, terminated, truncated, info = self.env.step(inner)
        info = {**info, "messages": exchange(action, observation, info)}
        if self._gate or not (terminated or truncated) or info.get("stop_reason") == "ungradable":
            return observation, float(reward), terminated, truncated, info
        bonus = self._weight if self._clean and sections is not None else 0.0
        terms = added(terms_of(reward, info), info, "format", bonus)
        return observation, float(sum(terms.values())), terminated, truncated, {**info, "reward_terms": terms}

    def _inner(self, action: str, sections: Sections) -> str:
        """What the environment inside is given; how the generation ended goes with it."""
        second = self._tags[1]
        text = {
            "answer": sections.answer,
            "tagged": f"<{second}>{sections.answer}</{second}>",
            "response": str(action),
        }[self._pass_on]
        if not isinstance(action, TextAction):
            return text
        return TextAction(text, finish_reason=action.finish_reason, tool_calls=action.tool_calls)
