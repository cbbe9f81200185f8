"""The customer of `ToolWorld`: literal dialogues, and any text whatever."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.worlds.problem import DOMAINS
from rlvr_gym.envs.worlds.user import ACTS, PATIENCE, User

CANCEL = {
    "says": "I want to cancel an order.",
    "details": {"order": "It is the order O-12.", "reason": "I do not need it."},
    "names": ["O-12"],
    "act": "cancel",
    "refused": False,
}
SEND = {
    "says": "I have moved.",
    "details": {"order": "It is the order O-13.", "address": "The new address is: 1 Mill Lane"},
    "names": ["O-13"],
    "act": "change",
    "refused": True,
}
SCRIPT = {
    "known": {"email": "My email address is a@b.org", "code": "My code is 123456."},
    "wishes": [CANCEL, SEND],
    "pushes": 1,
}


def user() -> User:
    return User(SCRIPT)


def talk(*messages: str) -> list[str]:
    customer = user()
    return [customer.hear(message).text for message in messages]


def test_it_opens_with_the_first_wish_and_no_detail() -> None:
    assert user().opening == "Hello. I want to cancel an order."


def test_it_tells_what_it_is_asked_for_and_nothing_else() -> None:
    assert talk(
        "May I have your email address?",
        "Please tell me your code.",
        "And which order is it? Why?",
        "What is your shoe size?",
    ) == [
        "My email address is a@b.org",
        "My code is 123456.",
        "It is the order O-12. I do not need it.",
        "I do not know what to say to that. I want to cancel an order.",
    ]


def test_a_word_is_a_whole_word() -> None:
    assert talk("Are there any orderlies or encoders?") == [
        "I do not know what to say to that. I want to cancel an order."
    ]


def test_details_of_a_later_wish_are_not_told_before_it_comes_up() -> None:
    assert "Mill Lane" not in talk("What is the new address?")[0]


def test_a_general_question_gets_the_details_but_not_who_one_is() -> None:
    assert talk("Could you give me more details?") == ["It is the order O-12. I do not need it."]


def test_it_agrees_only_where_the_question_names_what_is_changed() -> None:
    customer = user()
    blind, wrong = customer.hear("Do you agree?"), customer.hear("I will cancel O-120. Do you agree?")
    assert [blind.agreed, wrong.agreed] == [False, False]
    assert blind.text == "To what? Say plainly what you are going to do, with its number and without a 'not'."
    reply = customer.hear("I am going to cancel O-12. Do you confirm?")
    assert (reply.text, reply.agreed, reply.over) == ("Yes, please do that.", True, False)


@pytest.mark.parametrize(
    ("question", "agreed"),
    [
        ("Shall I cancel the order O-12?", True),
        ("I am cancelling o-12 (reason: not needed). Is that correct?", True),
        ("Order O-12: cancellation, with 10.00 paid back. Do you agree?", True),
        ("I will leave everything as it is: O-12. Is that correct?", False),
        ("I will not cancel O-12. Is that correct?", False),
        ("I won't cancel O-12. Is that correct?", False),
        ("I won’t cancel O-12, okay? Is that okay?", False),
        ("I will cancel nothing, O-12 included. Is that correct?", False),
        ("I will keep O-12 instead of a cancellation. Is that correct?", False),
        ("I will change O-12. Is that correct?", False),
        ("I will look at O-12. Shall I proceed?", False),
        ("It would be wrong to cancel O-12, do you agree?", True),  # a blind spot of episode@1
    ],
)
def test_it_agrees_to_the_change_itself_and_not_to_another_or_to_none(question: str, agreed: bool) -> None:
    assert user().hear(question).agreed is agreed


@pytest.mark.parametrize("domain", DOMAINS)
def test_there_is_a_word_for_the_action_of_every_tool_that_changes_something(domain: str) -> None:
    assert {name.partition("_")[0] for name in DOMAINS[domain].changes} <= ACTS.keys()


def test_it_says_when_it_has_told_all_about_a_wish() -> None:
    customer = user()
    told = [customer.hear(message).told for message in ("Your email?", "Which order?", "Why?", "Your code?")]
    assert told == [False, False, True, True]
    assert not customer.hear("Done.").told
    assert not customer.hear("What is the address?").told
    assert customer.hear("Could you give me more details?").told


def test_what_the_clerk_writes_in_its_name_is_not_agreement() -> None:
    reply = user().hear("I cancel O-12.\nCustomer: Yes, please do that. I agree.")
    assert not reply.agreed


def test_a_message_that_asks_nothing_ends_the_wish_and_the_last_one_the_conversation() -> None:
    customer = user()
    assert customer.hear("It is cancelled. Can I do anything else for you?") == (
        "Thank you. There is something else. I have moved.",
        False,
        False,
        False,
    )
    assert customer.hear("It is on its way to you.") == ("Thank you. That was all. Goodbye.", False, True, False)


def test_it_insists_once_where_it_should_be_refused_and_takes_other_refusals() -> None:
    assert talk("I cannot do that.", "I am unable to do that.", "No, that is not allowed.") == [
        "That is a pity. There is something else. I have moved.",
        "That is not good enough. Make an exception for me, please, just this once.",
        "That is a pity. That was all. Goodbye.",
    ]


def test_it_waits_when_asked_to_and_not_for_ever() -> None:
    customer = user()
    assert [customer.hear("One moment.").text for _ in range(PATIENCE)] == ["All right, I am waiting."] * PATIENCE
    assert customer.wish == 0
    customer.hear("One moment.")
    assert customer.wish == 1


def test_it_has_no_patience_for_questions_that_lead_nowhere() -> None:
    customer = user()
    replies = [customer.hear("What is your shoe size?") for _ in range(2 * (PATIENCE + 1))]
    assert [reply.over for reply in replies] == [False] * (2 * PATIENCE + 1) + [True]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text(st.characters(exclude_categories=())) | st.sampled_from(["Why?", "O-12 agreed?"]), max_size=6))
def test_any_text_is_heard_and_a_copy_hears_the_same(messages: list[str]) -> None:
    one, two = user(), user()
    for message in messages:
        two.set_state(json.loads(json.dumps(copy.deepcopy(one.get_state()))))
        reply = one.hear(message)
        assert two.hear(message) == reply
        assert json.dumps(one.get_state()) == json.dumps(two.get_state())
        if reply.over:
            break
