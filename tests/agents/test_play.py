"""`Playing`: one way of making an episode, and what trying a step again may and may not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import Completion, Episode, Play
from rlvr_gym.agents.asking import Refused
from rlvr_gym.agents.play import Playing
from rlvr_gym.envs import UnicodeText
from rlvr_gym.verifiers import ConfigError

GUESSES = ("123", "no guess", "321", "222")


class Faults:
    """What goes wrong: how often at which turn (0 is the reset), shared by all environments that are made."""

    def __init__(self, kind: str = "raise", **times: int) -> None:
        self.kind = kind
        self.left = {int(turn.removeprefix("turn")): count for turn, count in times.items()}
        self.made = self.closed = 0

    def due(self, turn: int) -> bool:
        left = self.left.get(turn, 0)
        self.left[turn] = left - 1
        return left > 0


class Faulty(gym.Wrapper[str, str, str, str]):
    """Fails after the environment below has already gone on, so that whoever tries again must go back first."""

    def __init__(self, env: gym.Env[str, str], faults: Faults) -> None:
        super().__init__(env)
        self.faults, self.turn = faults, 0
        faults.made += 1

    def get_state(self) -> int:
        return self.turn

    def set_state(self, state: int) -> None:
        self.turn = state

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        result = self.env.reset(seed=seed, options=options)
        self.turn = 0
        self._fail()
        return result

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.turn += 1
        if self._fail():
            return "", 0.0, False, True, {**info, "stop_reason": "ungradable"}
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        self.faults.closed += 1

    def _fail(self) -> bool:
        if not self.faults.due(self.turn):
            return False
        if self.faults.kind == "raise":
            raise OSError("the sandbox is gone")
        if self.faults.kind == "exit":
            raise SystemExit(3)
        return True


def mastermind() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=3, max_turns=4)
    return env


class Dice(gym.Env[str, str]):
    """An environment of another code base, without snapshots: it draws as it goes."""

    observation_space = action_space = UnicodeText()

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.said: list[str] = []
        return f"start {self.np_random.integers(1000)}", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.said.append(action)
        drawn = int(self.np_random.integers(1000))
        return f"{self.said} {drawn}", drawn / 8, len(self.said) == 4, False, {"passed": drawn % 2 == 0}


def played(
    make: Callable[[], gym.Env[str, str]],
    faults: Faults,
    retries: int,
    seed: int | None = 1,
    options: dict[str, Any] | None = None,
) -> Episode:
    playing = Playing(Play(seed, options=options), None, lambda: Faulty(make(), faults), retries)
    playing.begin()
    for guess in GUESSES:
        if playing.done is None:
            playing.advance(Completion(guess, (len(guess),)))
    assert playing.done is not None
    playing.close()
    assert faults.made == faults.closed
    return playing.done


@pytest.mark.parametrize("make", [mastermind, Dice])
@pytest.mark.parametrize("kind", ["raise", "exit", "ungradable"])
def test_a_retried_episode_equals_one_that_never_failed(make: Callable[[], gym.Env[str, str]], kind: str) -> None:
    unhurt = played(make, Faults(), retries=2)
    assert (len(unhurt.turns), unhurt.retries, unhurt.gradable) == (4, 0, True)
    faults = Faults(kind, turn1=1, turn3=2, turn4=1)
    hurt = played(make, faults, retries=2)
    assert hurt.retries == 4
    assert replace(hurt, retries=0) == unhurt
    # What raised is not used again; what could not be graded is, since nothing is known to be wrong with it.
    assert faults.made == (1 if kind == "ungradable" else 1 + 4)


@pytest.mark.parametrize("kind", ["raise", "ungradable"])
def test_a_step_that_always_fails_is_a_record(kind: str) -> None:
    episode = played(mastermind, Faults(kind, turn2=99), retries=3)
    assert (episode.passed, episode.gradable, episode.retries) == (None, False, 3)
    assert episode.stop_reason == ("error" if kind == "raise" else "ungradable")
    assert ("the sandbox is gone" in episode.error) == (kind == "raise")
    assert len(episode.turns) == (1 if kind == "raise" else 2)


def test_without_retries_the_first_failure_stands() -> None:
    episode = played(mastermind, Faults(turn1=1), retries=0)
    assert (episode.stop_reason, episode.retries, episode.turns) == ("error", 0, ())


def test_a_reset_that_raises_is_tried_again() -> None:
    unhurt = played(mastermind, Faults(), retries=0)
    assert replace(played(mastermind, Faults(turn0=2), retries=2), retries=0) == unhurt
    failed = played(mastermind, Faults(turn0=3), retries=2)
    assert (failed.stop_reason, failed.retries, failed.task_id) == ("error", 2, "")


class Secret(Dice):
    """Shows nothing of what it drew."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "start", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        _, reward, terminated, truncated, info = super().step(action)
        return "no", reward if terminated else 0.0, terminated, truncated, info


def test_an_unseeded_episode_without_snapshots_cannot_be_played_again() -> None:
    assert played(Secret, Faults("ungradable", turn2=1), retries=2, seed=None).stop_reason == "ungradable"
    task = {"task_index": 0}  # whose secret is none of the guesses, so that there is a second turn
    from_snapshot = played(mastermind, Faults("ungradable", turn2=1), retries=2, seed=None, options=task)
    assert (from_snapshot.retries, len(from_snapshot.turns)) == (1, 4)


class Forgetful(Dice):
    """Shows something else whenever the same episode is played again."""

    resets = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        self.resets += 1
        observation, info = super().reset(seed=seed, options=options)
        return f"{observation}, {self.resets}", info


def test_an_episode_that_goes_another_way_when_played_again_fails_as_it_had_failed() -> None:
    episode = played(Forgetful, Faults("ungradable", turn2=1), retries=2)
    assert (episode.stop_reason, episode.retries, len(episode.turns)) == ("ungradable", 0, 2)


class Malformed(Dice):
    """Of the time before Gymnasium 0.26."""

    def step(self, action: str) -> Any:
        return "next", 0.0, False, {}


def test_a_malformed_result_is_a_record() -> None:
    playing = Playing(Play(), Malformed())
    playing.begin()
    playing.advance(Completion("x"))
    assert playing.done is not None
    assert playing.done.stop_reason == "error"
    assert "not enough values to unpack" in playing.done.error


@pytest.mark.parametrize("turn", [0, 2])
def test_what_the_server_refused_ends_the_episode_and_harms_no_environment(turn: int) -> None:
    faults = Faults()
    playing = Playing(Play(seed=1), None, lambda: Faulty(mastermind(), faults), retries=3)
    playing.begin()
    for guess in GUESSES[:turn]:
        playing.advance(Completion(guess))
    env = playing.env
    playing.advance(Refused(ValueError("the context is too long")))
    assert playing.done is not None
    assert (playing.done.stop_reason, playing.done.error) == ("error", "ValueError: the context is too long")
    assert (playing.done.gradable, playing.done.passed, playing.done.retries) == (False, None, 0)
    assert [each.completion.text for each in playing.done.turns] == list(GUESSES[:turn])
    assert (playing.broken, playing.env is env, faults.made, faults.closed) == (False, True, 1, 0)
    again = Playing(Play(seed=1), env)
    again.begin()
    fresh = Playing(Play(seed=1), mastermind())
    fresh.begin()
    assert finished(again, GUESSES) == finished(fresh, GUESSES)


def test_where_to_play_must_be_said() -> None:
    with pytest.raises(ConfigError, match="needs an environment"):
        Playing(Play()).ready()


# --- Forks ---------------------------------------------------------------------------------------------------------


def planner() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/PlannerExecutor-v0", subgoals=2)
    return env


def finished(playing: Playing, answers: Any) -> Episode:
    for answer in answers:
        if playing.done is None:
            playing.advance(Completion(answer))
    assert playing.done is not None
    return playing.done


@pytest.mark.parametrize("turn", range(5))
@pytest.mark.parametrize("make_env", [mastermind, planner])
def test_a_fork_goes_on_as_the_episode_itself_does(make_env: Callable[[], gym.Env[str, str]], turn: int) -> None:
    """Forked at every turn, and played on by both, one after the other and in turns: equal requests, equal episodes."""
    env = make_env()
    playing = Playing(Play(seed=3, sample_seed=1, index=2), env)
    playing.begin()
    base: Any = env.unwrapped
    answers = base.expert(base.task) if make_env is planner else GUESSES
    for answer in answers[:turn]:
        playing.advance(Completion(answer))
    other = playing.fork(sample_seed=1, index=2)
    if playing.done is None:
        assert other.request() == playing.request()
        assert other.request().conversation is not playing.request().conversation
    assert all(mine is its for mine, its in zip(playing.turns, other.turns, strict=True))
    third = playing.fork(sample_seed=1, index=2)
    whole = finished(playing, answers[turn:])
    assert finished(other, answers[turn:]) == whole
    assert finished(third, ["nothing at all"] * 40).turns[:turn] == whole.turns[:turn]


def test_a_fork_has_choices_of_its_own() -> None:
    playing = Playing(Play(seed=3, sample_seed=1), mastermind())
    playing.begin()
    other = playing.fork(sample_seed=2, index=5)
    assert (other.request().seed != playing.request().seed, other.request().index) == (True, 5)
    assert other.request().conversation == playing.request().conversation


def test_a_fork_that_fails_is_an_episode_that_failed_and_its_origin_goes_on() -> None:
    class Torn(Faulty):
        def get_state(self) -> int:
            raise OSError("the disk is full")

    playing = Playing(Play(seed=3), Torn(mastermind(), Faults()))
    playing.begin()
    playing.advance(Completion("123"))
    other = playing.fork(sample_seed=1)
    assert other.done is not None
    assert (other.done.stop_reason, other.done.turns) == ("error", playing.turns)
    assert "the disk is full" in other.done.error
    assert finished(playing, GUESSES).gradable


def test_what_cannot_be_forked_says_so() -> None:
    with pytest.raises(ConfigError, match="begin"):
        Playing(Play(seed=3), mastermind()).fork(sample_seed=1)
    playing = Playing(Play(seed=3), Dice())
    playing.begin()
    with pytest.raises(ValueError, match="only a TextEnv can be saved"):
        playing.fork(sample_seed=1)


def test_a_fork_of_what_is_over_is_over() -> None:
    playing = Playing(Play(seed=3), mastermind())
    playing.begin()
    whole = finished(playing, GUESSES)
    assert playing.fork(sample_seed=9).done == whole
