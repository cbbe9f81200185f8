"""`rlvr/Wordle-v0`: the words, the expert, hard mode, what is told and what is not."""

from __future__ import annotations

from collections import Counter

import pytest
from rlvr_gym.envs.games.word_finding import CONSONANTS, VOWELS, agreeing
from rlvr_gym.envs.games.wordle import WordleEnv, WordleTaskSet, missed
from rlvr_gym.envs.games.words import WORDS
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.games.wordle import marks


def solved(env: WordleEnv, index: int) -> bool:
    env.reset(options={"task_index": index})
    infos = [env.step(guess)[4] for guess in env.expert(env.task)]
    return bool(infos[-1]["passed"])


def test_the_words_are_words() -> None:
    assert {length: len(words) for length, words in WORDS.items()} == {4: 762, 5: 1581, 6: 711}
    for length, words in WORDS.items():
        assert len(set(words)) == len(words)
        assert all(len(word) == length and word.isascii() and word.isalpha() and word.islower() for word in words)


@pytest.mark.parametrize("length", [4, 5, 6])
def test_every_common_word_is_found_in_six_guesses_in_hard_mode_too(length: int) -> None:
    env = WordleEnv(length=length, hard=True, style="compact")
    env.reset(options={"task_index": 0})
    for word in WORDS[length]:
        told: list[list[str]] = []
        way = env.expert(env.task.create("", {"reference": {"answer": word}}))
        assert way[-1] == word
        assert len(way) <= 6
        for guess in way:
            assert missed(guess, told) is None
            told.append([guess, marks(guess, word)])


@pytest.mark.parametrize("knobs", [{}, {"style": "compact"}, {"hard": True}, *WordleEnv.card.levels])
def test_the_expert_solves_every_task(knobs: dict[str, object]) -> None:
    env = WordleEnv(**knobs)  # type: ignore[arg-type]
    assert all(solved(env, index) for index in range(200))


def test_invented_words_follow_their_rule() -> None:
    tasks = WordleTaskSet(length=6, words="invented")
    words = [tasks.task(index).reference["answer"] for index in range(300)]
    assert len(set(words)) == 300
    assert {word[place] for word in words for place in (0, 2, 4)} == set(CONSONANTS)
    assert {word[place] for word in words for place in (1, 3, 5)} == set(VOWELS)
    assert len(CONSONANTS) ** 3 * len(VOWELS) ** 3 == 10**6


def test_an_agreeing_word_agrees() -> None:
    told = [("bacedi", marks("bacedi", "bidaba")), ("difobu", marks("difobu", "bidaba"))]
    word = agreeing(told, 6)
    assert [marks(guess, word) for guess, _ in told] == [marked for _, marked in told]
    with pytest.raises(ValueError, match="no word"):
        agreeing([("bacedi", "GGGGGG"), ("bacedi", "......")], 6)


def test_what_is_no_guess_costs_a_turn_and_is_explained() -> None:
    env = WordleEnv()
    env.reset(options={"task_index": 0})
    seen = [env.step(text)[0] for text in ("", "<answer>word</answer>", "<answer>two words</answer>", "\x00")]
    assert seen[0] == "Not taken: no final answer marked by answer_tag or boxed or ####. 5 guesses left."
    assert seen[1] == "Not taken: a guess has 5 letters, not 4. 4 guesses left."
    assert seen[2] == "Not taken: a guess is one word of letters from a to z. 3 guesses left."
    assert env.anchor_state() is None
    env.step("<answer>crane</answer>")
    info = env.step("x" * 2_000_000)[4]
    assert (info["passed"], info["stop_reason"]) == (False, "answered")


def test_hard_mode_refuses_what_leaves_out_a_hint() -> None:
    env = WordleEnv(hard=True, style="compact")
    env.reset(options={"task_index": 0})
    assert env.task.reference == {"answer": "troll"}
    assert [env.step(guess)[0] for guess in ("crane", "money", "tumor", "proxy")] == [".G...:", "?:", "?:", ".GG..:"]
    assert len(env.get_state()) == 2
    assert missed("aabcd", [["aaxyz", "YY..."]]) is None
    assert missed("abbcd", [["aaxyz", "YY..."]]) == ("a", 2, -1)


def test_the_anchor_is_what_is_known() -> None:
    one, other = WordleEnv(style="compact"), WordleEnv(style="compact")
    anchors = []
    for env, guesses in ((one, ("crane", "moist", "?")), (other, ("moist", "moist", "crane"))):
        env.reset(options={"task_index": 3})
        anchors.append([env.step(guess)[4]["anchor"] for guess in guesses][-1])
    assert anchors[0] == anchors[1]


def test_nothing_tells_the_word() -> None:
    env = WordleEnv(render_mode="ansi")
    _, info = env.reset(options={"task_index": 0})
    seen = [info, *(env.step("<answer>crane</answer>") for _ in range(6)), env.render()]
    assert env.task.reference["answer"] not in repr(seen)


def test_six_fixed_guesses_find_less_than_the_chance_level() -> None:
    """The six most telling fixed guesses are right in six tasks of 1,581 at most; over 1,600 tasks that shows."""
    tasks = WordleTaskSet(size=1600)
    answers = Counter(tasks.task(index).reference["answer"] for index in range(1600))
    assert sum(count for _, count in answers.most_common(6)) / 1600 < 0.03  # chosen after the fact
    assert sum(answers[word] for word in ("slate", "crony", "humid", "blimp", "vague", "wafer")) / 1600 <= 0.01


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"length": 3}, "length must be an integer from 4 to 6, got 3"),
        ({"length": 8}, "length must be an integer from 4 to 6, got 8"),
        ({"length": 9, "words": "invented"}, "length must be an integer from 4 to 8, got 9"),
        ({"words": "latin"}, "words must be one of common, invented; got 'latin'"),
        ({"hard": 1}, "hard must be True or False, got 1"),
        ({"hard": True, "words": "invented"}, "hard=True goes with words='common'"),
    ],
)
def test_refused_knobs(knobs: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WordleTaskSet(**knobs)  # type: ignore[arg-type]
