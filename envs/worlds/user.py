"""The customer: knows the wishes, answers what is asked, insists on what is not allowed, and leaves when all is said.

A script and not a model: what it says depends on the task and on what it was told, by keywords. It tells a detail only
where a message asks for it. A message that asks nothing is taken for the last word on the present wish. It says yes to
a question that has the number and a word for the action and no negation; what else is in it, it does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.verifiers.conduct import refuses, tokens
from rlvr_gym.verifiers.errors import shown

MAX_HEARD = 4_000  # characters of a message
PATIENCE = 4  # messages about one wish to which there is nothing new to say

TOPICS: Mapping[str, str] = {
    "email": r"e-?mail\w*",
    "code": r"code|pin|identi\w+|verif\w+",
    "order": r"orders?",
    "item": r"items?|products?|articles?",
    "address": r"address",
    "reason": r"reason|why",
    "method": r"refund\w*|method|money|paid back",
    "booking": r"bookings?|reservation",
    "flight": r"flights?|date|day|when",
    "bags": r"bags?|luggage|how many",
    "route": r"from|where|destination|route|cit(?:y|ies)",
    "book": r"books?|title",
    "amount": r"amount|how much",
}
_TOPICS = {topic: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for topic, words in TOPICS.items()}
_MARKS = {
    name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for name, words in {
        "request": r"(?:please|kindly) (?:tell|give|provide|share|send|confirm|state|name|enter|specify|let)"
        r"|(?:tell|give|send) me|let me know|i need (?:to know|your)",
        "consent": r"confirm\w*|proceed|go ahead|shall i|should i|do you agree|want me to|like me to"
        r"|is (?:that|this) (?:right|correct|okay|ok|fine)",
        "general": r"details|which one|more information|specific\w*|what exactly",
        "more": r"anything else|something else|any other",
        "wait": r"(?:one|a) moment|please wait|hold on|let me (?:check|look|see)|(?:i will|i['’]ll) (?:check|look|see)",
    }.items()
}
ACTS: Mapping[str, str] = {
    "cancel": r"cancel\w*",
    "return": r"return(?:ing)?|tak(?:e|ing) back|send(?:ing)? back",
    "change": r"chang(?:e|ing)|mov(?:e|ing)|updat(?:e|ing)",
    "add": r"add(?:ing)?",
    "renew": r"renew(?:ing)?|extend(?:ing)?",
    "lend": r"lend(?:ing)?",
    "reserve": r"reserv(?:e|ing)",
    "pay": r"pay(?:ing)?",
}
_ACTS = {act: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for act, words in ACTS.items()}
# What turns a change into its opposite; "not needed" is a reason to cancel.
_NEGATION = re.compile(
    r"\b(?:not(?! needed)|no|never|nothing|none|neither|nor|without|instead|rather|unless|except|cannot|leave|leaving"
    r"|undo|unchanged|refrain|avoid|stop|\w+n['’]t)\b",
    re.IGNORECASE,
)
_FRESH: Mapping[str, Any] = {"wish": 0, "pushed": 0, "idle": 0, "told": ()}
_SENTENCE = re.compile(r"[^.?!\n]*+(?:[.](?=\w)[^.?!\n]*+)*+[.?!\n]?")


class Reply(NamedTuple):
    """What the customer does: says something, and may thereby agree to a change or leave.

    Args:
        text: What is said.
        agreed: Whether that is a yes to the change that was named.
        over: Whether the customer leaves.
        told: Whether all details of the wish have been told by now.
    """

    text: str
    agreed: bool = False
    over: bool = False
    told: bool = False


class User:
    """A customer with a script.

    Args:
        script: `{"known": {topic: sentence}, "wishes": [...], "pushes": n}`: what is told of the person when asked; the
            wishes in order; how often a refusal is not accepted. A wish has `says`, `details`, `refused`, and what a
            question for consent must have: all of `names`, and a word for `act`, one of `ACTS` (empty: any will do).

    Example:
        >>> wish = {"says": "I want to cancel an order.", "details": {"order": "O-1."}}
        >>> wish |= {"names": ["O-1"], "act": "cancel", "refused": False}
        >>> user = User({"known": {"email": "a@b.org."}, "wishes": [wish], "pushes": 0})
        >>> user.opening, user.hear("Which order is it?").text, user.hear("It is cancelled.").over
        ('Hello. I want to cancel an order.', 'O-1.', True)
    """

    def __init__(self, script: Mapping[str, Any]) -> None:
        self._known: Mapping[str, str] = script["known"]
        self._wishes: Sequence[Mapping[str, Any]] = script["wishes"]
        self._pushes: int = script["pushes"]
        self._state: dict[str, Any] = {**_FRESH}

    @property
    def wish(self) -> int:
        """The number of the wish that is talked of, from 0 on."""
        number: int = self._state["wish"]
        return number

    @property
    def opening(self) -> str:
        """What the customer says first."""
        return f"Hello. {self._wishes[0]['says']}"

    def hear(self, text: str) -> Reply:
        """What the customer does when told something."""
        text = text[:MAX_HEARD]
        asked = " ".join(sentence for sentence in _SENTENCE.findall(text) if _asks(sentence))
        if not asked:
            return self._last_word(text)
        wish = self._wishes[self.wish]
        facts = {**self._known, **wish["details"]}
        topics = [topic for topic in facts if _TOPICS[topic].search(asked)]
        if _MARKS["general"].search(asked):
            topics += [topic for topic in wish["details"] if topic not in topics]
        new = not set(topics) <= set(self._state["told"])
        self._state["told"] = sorted({*self._state["told"], *topics})
        answers, told = [facts[topic] for topic in topics], set(wish["details"]) <= set(self._state["told"])
        if _MARKS["consent"].search(asked):
            if _names_change(text, wish):
                return Reply(" ".join([*answers, "Yes, please do that."]), agreed=True, told=told)
            answers = answers or ["To what? Say plainly what you are going to do, with its number and without a 'not'."]
        self._state["idle"] += not new
        if self._state["idle"] > PATIENCE:
            return self._next("This leads nowhere.")
        return Reply(" ".join(answers) or f"I do not know what to say to that. {wish['says']}", told=told)

    def get_state(self) -> Any:
        """Where the conversation stands, as JSON."""
        return self._state

    def set_state(self, state: Any) -> None:
        """Take a state that `get_state` gave.

        Raises:
            SnapshotError: It is no such state.
        """
        if not isinstance(state, Mapping) or state.keys() != _FRESH.keys():
            raise SnapshotError(f"expected the state of a customer, got {shown(state)}")
        self._state = dict(state)

    def _last_word(self, text: str) -> Reply:
        """The wish is done with, unless the customer is to wait or does not accept a refusal."""
        wish, refused = self._wishes[self.wish], refuses(text)
        if not refused and _MARKS["wait"].search(text) and self._state["idle"] < PATIENCE:
            self._state["idle"] += 1
            return Reply("All right, I am waiting.")
        if refused and wish["refused"] and self._state["pushed"] < self._pushes:
            self._state["pushed"] += 1
            return Reply("That is not good enough. Make an exception for me, please, just this once.")
        return self._next("That is a pity." if refused else "Thank you.")

    def _next(self, opening: str) -> Reply:
        """Bring up the next wish, or leave after the last one."""
        if self.wish + 1 == len(self._wishes):
            return Reply(f"{opening} That was all. Goodbye.", over=True)
        self._state = {**_FRESH, "wish": self.wish + 1}
        return Reply(f"{opening} There is something else. {self._wishes[self.wish]['says']}")


def _names_change(text: str, wish: Mapping[str, Any]) -> bool:
    """Whether a message says what is to be done, to what, and not the opposite."""
    if not set(tokens(" ".join(wish["names"]))) <= set(tokens(text)):
        return False
    return not wish["act"] or (_ACTS[wish["act"]].search(text) is not None and not _NEGATION.search(text))


def _asks(sentence: str) -> bool:
    if _MARKS["more"].search(sentence):
        return False
    return sentence.rstrip().endswith("?") or _MARKS["request"].search(sentence) is not None
