"""`UnicodeText` against the measured faults of Gymnasium's own `Text`."""

from __future__ import annotations

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector.utils import batch_space, create_shared_memory
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.envs import UnicodeText


@given(st.text(alphabet=st.characters()))
def test_every_string_is_inside(text: str) -> None:
    assert text in UnicodeText()


@pytest.mark.parametrize("value", [None, 1, b"x", ["x"], np.array("x")])
def test_what_is_no_string_is_outside(value: object) -> None:
    assert value not in UnicodeText()


def test_length_is_a_limit() -> None:
    assert "é" * 5 in UnicodeText(5)
    assert "é" * 6 not in UnicodeText(5)


def test_equality_hash_repr_and_pickle() -> None:
    space = UnicodeText(9)
    assert space == UnicodeText(9) != UnicodeText(8)
    assert space != gym.spaces.Text(9)
    assert hash(space) == hash(UnicodeText(9))
    assert repr(space) == "UnicodeText(9)"
    assert pickle.loads(pickle.dumps(space)) == space
    assert len(pickle.dumps(space)) < 5_000


def test_samples_are_seeded_and_inside() -> None:
    a, b = UnicodeText(20, seed=3), UnicodeText(20, seed=3)
    assert [a.sample() for _ in range(20)] == [b.sample() for _ in range(20)]
    assert all(text in a for text in (a.sample() for _ in range(50)))


def test_it_is_a_text_space_so_that_batching_works() -> None:
    assert isinstance(UnicodeText(), gym.spaces.Text)
    assert len(batch_space(UnicodeText(), 8).sample()) == 8


def test_shared_memory_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match="shared_memory=False"):
        create_shared_memory(UnicodeText(), n=2)
