"""`TokenEnv`: the tokens of a text environment as actions and observations, its rewards, and learners that use them."""

from __future__ import annotations

import itertools
import json
import math
import pickle
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces, wrappers
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.envs import (
    EpisodeOverError,
    ListTaskSet,
    SnapshotError,
    Task,
    TextAction,
    TextEnv,
    Transition,
    fork,
    restore,
    snapshot,
)
from rlvr_gym.envs.token_env import CharTokenizer, TokenEnv, TokenError, make_token_env
from rlvr_gym.verifiers import ConfigError, Reason, Status, Verdict, make_verifier

ALPHABET = "0123456789+="
EOS, PAD = 12, 13
COMPACT = {"style": "compact", "digits": 1}
ENV_ID = "rlvr-test/Token-v0"
gym.register(ENV_ID, entry_point="rlvr_gym.envs.token_env:make_token_env")


def addition(**changes: Any) -> TokenEnv:
    """`6+1=` is the problem with index 0."""
    return make_token_env(settings=COMPACT, **{"alphabet": ALPHABET, "window": 8, "max_new_tokens": 3, **changes})


class Echo(TextEnv):
    """Answers a text with itself and `!`, for three turns; keeps what it was given."""

    def __init__(self, verdict: Verdict | None = None) -> None:
        tasks = [Task.create("ab", {"reference": 0}), Task.create("b", {"reference": 0})]
        super().__init__(ListTaskSet(tasks), make_verifier("number@1"), max_turns=3)
        self.given: list[Any] = []
        self.verdict = verdict

    def transition(self, action: str) -> Transition:
        self.given.append(action)
        return Transition(f"{action}!", self.verdict, {"length": 0.1, "turn": 0.2})

    def get_state(self) -> Any:
        return len(self.given)

    def set_state(self, state: Any) -> None:
        self.given = self.given[:state]


def echo(**changes: Any) -> tuple[TokenEnv, Echo]:
    inner = Echo()
    env = TokenEnv(inner, "ab!", **{"window": 6, "max_new_tokens": 2, **changes})
    env.reset(options={"task_index": 0})
    return env, inner


def uniform(tokens: Sequence[int]) -> Any:
    return np.full(13, -math.log(13))


# --- Tokens ---------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=ALPHABET))
def test_a_text_is_its_tokens_and_back(text: str) -> None:
    tokenizer = CharTokenizer(ALPHABET)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert len(ids) == len(text)
    assert all(0 <= i < tokenizer.eos_id for i in ids)


def test_characters_that_the_alphabet_lacks_are_named() -> None:
    with pytest.raises(TokenError, match=r"the alphabet lacks '\?x' of the text 'x=1\?'"):
        CharTokenizer(ALPHABET).encode("x=1?")
    with pytest.raises(TokenError, match="lacks 'Wahist'"):
        make_token_env("rlvr/Arithmetic-v0", alphabet="0123456789+ .?E#<>'nrudoyeblwm").reset(seed=0)


def test_a_character_of_the_alphabet_may_stand_for_all_others() -> None:
    tokenizer = CharTokenizer("01?", unknown="?")
    assert tokenizer.encode("0π1") == [0, 2, 1]
    assert tokenizer.decode([0, 2, 1, 3]) == "0?1"


@pytest.mark.parametrize("ids", [[-1], [14], [0, 13]])
def test_ids_outside_the_vocabulary_are_not_decoded(ids: list[int]) -> None:
    with pytest.raises(TokenError, match="from 0 to 12"):
        CharTokenizer(ALPHABET).decode(ids)


@pytest.mark.parametrize("settings", [{"alphabet": ""}, {"alphabet": "00"}, {"alphabet": 7}, {"unknown": "?"}])
def test_alphabets_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"alphabet must|unknown must"):
        CharTokenizer(**{"alphabet": ALPHABET, **settings})


def test_a_tokenizer_of_transformers_is_taken_as_it_is() -> None:
    models = pytest.importorskip("rlvr_gym.agents.models")
    env = addition(tokenizer=models.char_tokenizer(ALPHABET + "<eos>"))  # pad 0, end 1, unknown 2, then characters
    observation, _ = env.reset(options={"task_index": 0})
    assert observation.tolist() == [20, 20, 20, 20, 9, 13, 4, 14]
    assert [env.step(token)[1] for token in (10, 1)] == [0.0, 1.0]
    assert env.tokenizer.encode("<eos>") == [15, 16, 17, 18, 19], "a quoted end token is text"
    assert env.tokenizer.decode([3, 0, 1, 4]) == "01"
    with pytest.raises(TokenError, match="no token for 'x'"):
        env.tokenizer.encode("1x")


def test_a_tokenizer_of_transformers_needs_an_end() -> None:
    class NoEnd:
        eos_token_id = None

    with pytest.raises(ConfigError, match="no end token"):
        addition(tokenizer=NoEnd())


class Bytes:
    """A tokenizer with a token that stands for nothing: 3. The end is 2, and has a text of its own."""

    vocab_size, eos_id = 4, 2

    def encode(self, text: str) -> list[int]:
        return ["ab".index(character) for character in text if character != "!"]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join("ab."[i] for i in ids if i != 3)


def test_tokens_that_decode_to_nothing_are_an_empty_response() -> None:
    inner = Echo()
    env = TokenEnv(inner, Bytes(), window=4, max_new_tokens=2)
    env.reset(options={"task_index": 0})
    env.step(3)
    observation, _, _, _, info = env.step(3)
    assert inner.given == [""]
    assert info["finish_reason"] == "length"
    assert observation.tolist() == [0, 1, 3, 3]
    env.step(0)
    env.step(2)
    assert inner.given == ["", "a"], "the end token is no part of the text"


def test_an_end_token_outside_the_vocabulary_is_refused() -> None:
    tokenizer = Bytes()
    tokenizer.eos_id = 4
    with pytest.raises(ConfigError, match="the end token 4 is none of the 4 tokens"):
        TokenEnv(Echo(), tokenizer)


# --- Steps ----------------------------------------------------------------------------------------------------------


def test_an_episode_token_by_token() -> None:
    env = addition()
    assert env.action_space == spaces.Discrete(13)
    assert env.observation_space == spaces.MultiDiscrete([14] * 8)
    observation, info = env.reset(options={"task_index": 0})
    assert observation.tolist() == [PAD, PAD, PAD, PAD, 6, 10, 1, 11]
    assert observation.dtype == np.int64
    assert info["token_ids"] == [6, 10, 1, 11]
    observation, reward, terminated, truncated, info = env.step(7)
    assert observation.tolist() == [PAD, PAD, PAD, 6, 10, 1, 11, 7]
    assert (reward, terminated, truncated, info) == (0.0, False, False, {"reward_terms": {}})
    observation, reward, terminated, truncated, info = env.step(EOS)
    assert observation.tolist() == [PAD, PAD, 6, 10, 1, 11, 7, EOS]
    assert (reward, terminated, truncated, info["passed"]) == (1.0, True, False, True)
    assert (info["turn"], info["finish_reason"], info["token_ids"]) == (1, "stop", [])
    assert info["messages"] == [{"role": "assistant", "content": "7"}]
    assert info["reward_terms"] == {"outcome": 1.0}
    assert info["task_id"] == info["anchor"] == env.unwrapped.task.id  # type: ignore[attr-defined]
    assert env.tokens == (6, 10, 1, 11, 7, EOS)


def test_of_a_prompt_longer_than_the_window_the_end_is_seen() -> None:
    env = addition(window=3)
    assert env.reset(options={"task_index": 0})[0].tolist() == [10, 1, 11]
    assert env.step(7)[0].tolist() == [1, 11, 7]
    assert env.tokens == (6, 10, 1, 11, 7)


def test_an_observation_is_the_callers_own() -> None:
    env = addition()
    observation, info = env.reset(options={"task_index": 0})
    observation[:] = 0
    info["token_ids"].clear()
    assert env.step(7)[0].tolist() == [PAD, PAD, PAD, 6, 10, 1, 11, 7]


def test_turns_go_on_until_the_text_environment_ends() -> None:
    env, inner = echo()
    assert env.step(1)[:4][1:] == (0.0, False, False)
    observation, reward, terminated, truncated, info = env.step(0)  # two tokens: the turn is full
    assert observation.tolist() == [1, 1, 0, 1, 0, 2]  # the end of "ab", "ba" said, "ba!" answered
    assert reward == pytest.approx(0.3)
    assert (terminated, truncated) == (False, False)
    assert (info["turn"], info["finish_reason"], info["token_ids"]) == (1, "length", [1, 0, 2])
    observation, _, _, _, info = env.step(3)  # the end at once: an empty response
    assert observation.tolist() == [0, 1, 0, 2, 3, 2]
    assert info["finish_reason"] == "stop"
    env.step(2)
    *_, truncated, info = env.step(3)  # the end as the last token that is allowed
    assert (truncated, info["stop_reason"], info["finish_reason"]) == (True, "max_turns", "stop")
    assert inner.given == ["ba", "", "!"]
    assert [action.finish_reason for action in inner.given] == ["length", "stop", "stop"]
    assert all(type(action) is TextAction for action in inner.given)
    assert env.tokens == (0, 1, 1, 0, 1, 0, 2, 3, 2, 2, 3, 2, 2)


def test_the_length_counts_anew_in_every_turn() -> None:
    env, inner = echo(max_new_tokens=3)
    for token in (0, 3, 0, 0, 0):
        env.step(token)
    assert inner.given == ["a", "aaa"]


def test_what_cannot_be_judged_is_truncated_here_too() -> None:
    verdict = Verdict(Status.SANDBOX_ERROR, 0.0, Reason("down", "the sandbox is down"), make_verifier("number@1").id)
    env = TokenEnv(Echo(verdict), "ab!", window=4)
    env.reset(seed=0)
    *_, terminated, truncated, info = env.step(3)
    assert (terminated, truncated, info["stop_reason"]) == (False, True, "ungradable")
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.step(0)


@pytest.mark.parametrize("action", [np.int64(7), np.uint8(7), np.array(7)])
def test_integers_of_numpy_are_tokens(action: Any) -> None:
    env = addition()
    env.reset(options={"task_index": 0})
    env.step(action)
    assert env.tokens[-1] == 7
    assert type(env.tokens[-1]) is int


@pytest.mark.parametrize(
    "action", [True, np.True_, np.array(True), 1.0, np.float64(1), np.array(1.0), "1", None, [1], np.array([1])]
)
def test_an_action_that_is_no_integer_is_a_type_error(action: Any) -> None:
    env = addition()
    env.reset(options={"task_index": 0})
    with pytest.raises(TypeError, match="an action is a token, an integer, got"):
        env.step(action)
    assert len(env.tokens) == 4


@pytest.mark.parametrize("action", [-1, 13, 10**30, np.int64(13), np.array(-1)])
def test_a_token_outside_the_vocabulary_is_refused_and_changes_nothing(action: Any) -> None:
    env = addition()
    env.reset(options={"task_index": 0})
    with pytest.raises(TokenError, match="a token is an integer from 0 to 12"):
        env.step(action)
    assert [env.step(token)[1] for token in (7, EOS)] == [0.0, 1.0]


def test_step_before_reset_and_after_the_end_is_refused() -> None:
    env = addition()
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.step(0)
    env.reset(seed=0)
    env.step(EOS)
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.step(0)


def test_after_an_answer_that_no_tokens_stand_for_the_episode_is_over() -> None:
    env = TokenEnv(Echo(), "ab", window=4)
    env.reset(seed=0)
    with pytest.raises(TokenError, match="lacks '!'"):
        env.step(2)
    with pytest.raises(EpisodeOverError):
        env.step(0)
    env.reset(seed=0)
    env.step(0)


def test_after_a_prompt_that_no_tokens_stand_for_there_is_no_episode() -> None:
    env = TokenEnv(Echo(), "b", window=4)
    env.reset(options={"task_index": 1})
    with pytest.raises(TokenError, match="lacks 'a' of the text 'ab'"):
        env.reset(options={"task_index": 0})
    with pytest.raises(EpisodeOverError):
        env.step(0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, "window must be"),
        ({"window": True}, "window must be"),
        ({"max_new_tokens": 0}, "max_new_tokens must be"),
        ({"gamma": 1.1}, "gamma must be a number from 0 to 1"),
        ({"gamma": math.nan}, "gamma must be"),
        ({"kl_coef": -0.1, "reference": uniform}, "kl_coef must be"),
        ({"kl_coef": math.inf, "reference": uniform}, "kl_coef must be"),
        ({"kl_coef": 0.1}, "there is no reference"),
        ({"tokenizer": 7}, "tokenizer must have encode"),
        ({"env": 7}, "env must be a text"),
    ],
)
def test_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        addition(**settings)


def test_an_environment_without_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="whose observations are text, got Box"):
        make_token_env("CartPole-v1")
    with pytest.raises(ConfigError, match="whose observations are text, got MultiDiscrete"):
        TokenEnv(addition(), "ab")


# --- Rewards --------------------------------------------------------------------------------------------------------


def test_a_reference_adds_its_log_probability_to_every_token() -> None:
    seen = []

    def reference(tokens: Sequence[int]) -> Any:
        seen.append(tokens)
        return np.log(np.array([0.5] + [0.5 / 12] * 12, dtype=np.float32))

    env = addition(reference=reference, kl_coef=0.1)
    env.reset(options={"task_index": 0})
    _, reward, _, _, info = env.step(7)
    assert info["reference_logprob"] == pytest.approx(math.log(0.5 / 12), rel=1e-6)
    assert reward == pytest.approx(0.1 * math.log(0.5 / 12), rel=1e-6)
    assert info["reward_terms"] == {"reference": reward}
    _, reward, terminated, _, info = env.step(EOS)
    assert terminated
    assert set(info["reward_terms"]) == {"outcome", "reference"}
    assert sum(info["reward_terms"].values()) == reward
    assert reward == pytest.approx(1 + 0.1 * math.log(0.5 / 12), rel=1e-6)
    assert seen == [(6, 10, 1, 11), (6, 10, 1, 11, 7)]
    assert json.loads(json.dumps(info, allow_nan=False)) == info


def test_without_a_weight_the_reference_is_told_and_not_rewarded() -> None:
    env = addition(reference=uniform)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(7)
    assert (reward, info) == (0.0, {"reward_terms": {}, "reference_logprob": -math.log(13)})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros(13), r"shape \(13,\) whose exponentials add up to 13"),
        (np.full(14, -math.log(14)), r"of 13 tokens, got an array of shape \(14,\)"),
        (np.full(13, 1000.0), "add up to inf"),
        (np.full(13, math.nan), "add up to nan"),
        (-math.log(13), r"shape \(\)"),
        ([math.log(0.5), math.log(0.5), *[-math.inf] * 11], "gives token 7 no probability"),
    ],
)
def test_a_reference_that_gives_no_log_probabilities_is_refused(answer: Any, message: str) -> None:
    env = addition(reference=lambda tokens: answer)
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=message):
        env.step(7)


def test_a_reward_that_a_wrapper_changed_is_one_term() -> None:
    inner = wrappers.TransformReward(gym.make("rlvr/Arithmetic-v0", **COMPACT), lambda reward: 5 * reward - 1)
    env = TokenEnv(inner, ALPHABET, reference=uniform, kl_coef=0.5)
    env.reset(options={"task_index": 0})
    env.step(7)
    _, reward, _, _, info = env.step(EOS)
    assert info["reward_terms"] == {"reward": 4.0, "reference": -0.5 * math.log(13)}
    assert reward == 4.0 - 0.5 * math.log(13)


def test_rewards_and_the_policys_own_log_probabilities_are_the_divergence() -> None:
    """E[sum of rewards - c log p] = E[R] - c KL(p || ref), summed over all 7 x 7 x 7 responses of three turns."""
    rng = np.random.default_rng(0)
    policy_SV, reference_SV = (np.log(rng.dirichlet(np.ones(4), size=40)) for _ in range(2))
    weight, length = 0.3, {"length": 0}

    def row(tokens: Sequence[int]) -> int:
        return (sum((i + 1) * (token + 1) for i, token in enumerate(tokens)) + length["length"]) % 40

    env, _ = echo(reference=lambda tokens: reference_SV[row(tokens)], kl_coef=weight)
    turns = [(3,), *itertools.product(range(3), (3,)), *itertools.product(range(3), repeat=2)]
    objective = total = mass = 0.0
    for response in itertools.product(turns, repeat=3):
        env.reset(options={"task_index": 0})
        log_p = log_ref = returned = plain = 0.0
        for token in itertools.chain(*response):
            state = row(env.tokens)
            log_p, log_ref = log_p + policy_SV[state, token], log_ref + reference_SV[state, token]
            _, reward, _, truncated, info = env.step(token)
            returned += reward
            plain += sum(value for name, value in info["reward_terms"].items() if name != "reference")
        assert truncated
        p = math.exp(log_p)
        mass, total = mass + p, total + p * (returned - weight * log_p)
        objective += p * (plain - weight * (log_p - log_ref))
    assert mass == pytest.approx(1)
    assert total == pytest.approx(objective, abs=1e-12)


# --- Gymnasium ------------------------------------------------------------------------------------------------------


def made(**changes: Any) -> gym.Env[Any, Any]:
    settings = {"env": "rlvr/Arithmetic-v0", "settings": COMPACT, "alphabet": ALPHABET, "window": 8}
    return gym.make(ENV_ID, **{**settings, "max_new_tokens": 3, **changes})


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
@pytest.mark.parametrize(
    "env",
    [
        addition(),
        addition(reference=uniform, kl_coef=0.1),
        made(),
        gym.make(ENV_ID),
        wrappers.TimeLimit(wrappers.RecordEpisodeStatistics(addition()), 2),
        TokenEnv(wrappers.TimeLimit(gym.make("rlvr/Mastermind-v0", style="compact"), 2), "0123456789x:,?"),
    ],
    ids=["bare", "reference", "made", "defaults", "wrapped", "turns"],
)
def test_gymnasium_check_env_is_green(env: gym.Env[Any, Any]) -> None:
    check_env(env, skip_render_check=True)


def test_seeds_are_those_of_the_text_environment() -> None:
    inner = gym.make("rlvr/Arithmetic-v0", **COMPACT)
    env = made()
    for seed in (0, 1, None, None, 7):
        text, there = inner.reset(seed=seed)
        _, here = env.reset(seed=seed)
        assert {**there, "token_ids": CharTokenizer(ALPHABET).encode(text)} == here


def test_the_spec_round_trips_through_json_and_makes_the_same_stack() -> None:
    env = made(kl_coef=0.0, gamma=0.9)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert str(again) == str(env)
    assert again.get_wrapper_attr("gamma") == 0.9
    assert again.reset(seed=5)[0].tolist() == env.reset(seed=5)[0].tolist()


def test_around_a_made_environment_it_is_part_of_the_spec() -> None:
    env = TokenEnv(gym.make("rlvr/Arithmetic-v0", **COMPACT), ALPHABET, window=5, max_new_tokens=2, gamma=0.9)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, TokenEnv)
    assert (again.window, again.max_new_tokens, again.gamma, again.pad_id) == (5, 2, 0.9, PAD)


def test_an_environment_pickles_in_the_middle_of_a_turn() -> None:
    env = made(reference=uniform, kl_coef=0.1)
    env.reset(options={"task_index": 0})
    env.step(7)
    copy = pickle.loads(pickle.dumps(env))
    assert str(copy.step(EOS)) == str(env.step(EOS))


def test_gymnasium_makes_vectors_of_it() -> None:
    vector = gym.make_vec(ENV_ID, num_envs=3, vectorization_mode="sync", settings=COMPACT, alphabet=ALPHABET, window=4)
    observations, infos = vector.reset(seed=[7, 7, 8])
    assert observations.shape == (3, 4)
    assert infos["task_id"][0] == infos["task_id"][1] != infos["task_id"][2]
    _, rewards, terminated, _, _ = vector.step(np.array([1, EOS, EOS]))
    assert rewards.tolist() == [0, 0, 0]
    assert terminated.tolist() == [False, True, True]


def test_infos_are_json_and_their_terms_sum_to_the_reward() -> None:
    env = TokenEnv(gym.make("rlvr/Mastermind-v0", style="compact", max_turns=3), "0123456789x:,?", max_new_tokens=4)
    rng = np.random.default_rng(0)
    for episode in range(20):
        _, info = env.reset(seed=episode)
        over = False
        while not over:
            assert json.loads(json.dumps(info, allow_nan=False)) == info
            _, reward, terminated, truncated, info = env.step(rng.integers(1, 15))
            over = terminated or truncated
            assert sum(info["reward_terms"].values()) == reward
            assert type(reward) is float
            assert not (terminated and truncated)
        assert {"task_id", "anchor", "passed", "verdict", "stop_reason"} <= set(info)


# --- State ----------------------------------------------------------------------------------------------------------


def game() -> gym.Env[Any, Any]:
    inner = gym.make("rlvr/Mastermind-v0", style="compact", max_turns=3)
    return wrappers.TimeLimit(TokenEnv(inner, "0123456789x:,?", window=12, max_new_tokens=4), 11)


def test_a_snapshot_in_the_middle_of_a_turn_is_restored_elsewhere() -> None:
    env, other = game(), game()
    env.reset(seed=1)
    for token in (1, 2, 3, 4, 5):
        observation, *_ = env.step(token)
    saved = json.loads(json.dumps(snapshot(env).to_dict()))
    seen, info = restore(other, saved)
    assert seen.tolist() == observation.tolist()
    assert info["token_ids"] == list(env.get_wrapper_attr("tokens"))
    assert info["token_ids"][-1] == 5
    for token in (1, 14, 2, 3, 4, 6):
        here, there = env.step(token), other.step(token)
        assert here[0].tolist() == there[0].tolist()
        assert here[1:] == there[1:]
    assert here[3], "the limit of 11 tokens was restored too"


def test_forks_share_nothing_that_changes() -> None:
    env = game()
    env.reset(seed=1)
    env.step(1)
    before = snapshot(env)
    left, right = fork(env, 2)
    left.step(2)
    right.step(3)
    assert snapshot(env) == before
    assert left.get_wrapper_attr("tokens")[-2:] == (1, 2)
    assert right.get_wrapper_attr("tokens")[-2:] == (1, 3)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"tokens": [0], "spoken": 2, "over": False},
        {"tokens": [13], "spoken": 0, "over": False},
        {"tokens": [True], "spoken": 0, "over": False},
        {"tokens": "12", "spoken": 0, "over": False},
        {"tokens": [0], "spoken": 0, "over": 0},
    ],
)
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError, match="not a state of a TokenEnv over 13 tokens"):
        addition().set_state(state)


def test_a_state_is_not_shared() -> None:
    env = addition()
    env.reset(options={"task_index": 0})
    first = env.get_state()
    env.step(7)
    second = env.get_state()
    env.set_state(second)
    env.step(EOS)
    assert first == {"tokens": [6, 10, 1, 11], "spoken": 0, "over": False}
    assert second == {"tokens": [6, 10, 1, 11, 7], "spoken": 1, "over": False}


def test_a_reference_is_never_copied() -> None:
    class Model:
        def __call__(self, tokens: Sequence[int]) -> Any:
            return uniform(tokens)

        def __deepcopy__(self, memo: Any) -> Any:
            raise MemoryError

    env = addition(reference=Model(), kl_coef=0.1)
    env.reset(options={"task_index": 0})
    (branch,) = fork(env)
    assert branch.reference is env.reference  # type: ignore[attr-defined]


# --- Learning -------------------------------------------------------------------------------------------------------


def learn(env: TokenEnv, episodes: int, rate: float, bonus: float = 0.0) -> dict[bytes, Any]:
    """REINFORCE with a table of logits, a running baseline and an entropy bonus; responses of one token."""
    rng = np.random.default_rng(0)
    logits: dict[bytes, Any] = {}
    baseline: dict[bytes, float] = {}
    for episode in range(episodes):
        observation, _ = env.reset(seed=episode)
        key = observation.tobytes()
        table_V = logits.setdefault(key, np.zeros(env.action_space.n))
        p_V = np.exp(table_V) / np.exp(table_V).sum()
        token = rng.choice(len(p_V), p=p_V)
        _, reward, *_ = env.step(token)
        advantage = reward - baseline.get(key, 0.0)
        baseline[key] = baseline.get(key, 0.0) + 0.05 * advantage
        log_p_V = np.log(p_V)
        entropy_gradient_V = -p_V * (log_p_V - p_V @ log_p_V)
        step = rate / (1 + 10 * episode / episodes)
        table_V += step * (advantage * ((np.arange(len(p_V)) == token) - p_V) + bonus * entropy_gradient_V)
    return {key: np.exp(table_V) / np.exp(table_V).sum() for key, table_V in logits.items()}


def sums(problems: Sequence[tuple[str, int]], **changes: Any) -> TokenEnv:
    tasks = ListTaskSet([Task.create(prompt, {"reference": answer}) for prompt, answer in problems])
    inner = TextEnv(tasks, make_verifier("number@1", markers=["whole"]))
    return TokenEnv(inner, ALPHABET, window=4, max_new_tokens=1, **changes)


def test_a_table_learns_sums_of_one_token() -> None:
    env = sums([("1+1=", 2), ("2+3=", 5), ("4+4=", 8)])
    policy = learn(env, 4000, rate=2.0)
    assert len(policy) == 3
    for index, answer in enumerate((2, 5, 8)):
        observation, _ = env.reset(options={"task_index": index})
        assert policy[observation.tobytes()][answer] > 0.9  # a guess has 1/13


def test_with_a_reference_and_a_bonus_a_table_learns_the_best_policy() -> None:
    """It is p = ref exp(R/c) / Z. Half of ref is on 3, R is 1 for 2 alone; the other 12 tokens have 1/24 each.

    c = 1/2: Z = 1/2 + 11/24 + e^2/24 = 1.26621, so p(3) = 0.39488, p(2) = 0.24315, p(others) = 0.03291 each.
    """
    reference = np.log(np.where(np.arange(13) == 3, 0.5, 0.5 / 12))
    env = sums([("1+1=", 2)], reference=lambda tokens: reference, kl_coef=0.5)
    (policy,) = learn(env, 5000, rate=0.5, bonus=0.5).values()
    expected = np.full(13, 0.03291)
    expected[[2, 3]] = 0.24315, 0.39488
    np.testing.assert_allclose(policy, expected, atol=0.03)
