"""Verifiers by name, and the errors that a wrong name or setting meets."""

from __future__ import annotations

import pickle

import pytest
from rlvr_gym.verifiers import (
    ConfigError,
    MissingExtraError,
    RlvrError,
    UnknownNameError,
    make_verifier,
    register_verifier,
    verifier_names,
)
from rlvr_gym.verifiers.errors import shown, suggestion


def test_the_names_are_sorted_and_carry_versions() -> None:
    names = verifier_names()
    assert names == sorted(names)
    assert {"number@1", "math@1", "countdown@1", "all_of@1"} <= set(names)
    assert all(name.partition("@")[2].isdigit() for name in names)


@pytest.mark.parametrize("name", ["nubmer@1", "number", "number@2", "", None, 7, [], ("number@1",)], ids=repr)
def test_an_unknown_name_is_refused_with_what_is_known(name: object) -> None:
    with pytest.raises(UnknownNameError, match="unknown verifier") as caught:
        make_verifier(name)  # type: ignore[arg-type]
    assert isinstance(caught.value, LookupError)


def test_a_near_miss_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'number@1'"):
        make_verifier("nubmer@1")


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("number@1", {"marker": ["boxed"]}, "did you mean 'markers'"),
        ("number@1", {"markers": ["box"]}, "unknown marker 'box'"),
        ("number@1", {"markers": []}, "at least one"),
        ("number@1", {"markers": "boxed"}, "unknown marker"),
        ("number@1", {"markers": 5}, "not iterable"),
        ("number@1", {"markers": [["boxed"]]}, "unknown marker"),
        ("number@1", {"mode": "loose"}, "mode must be one of"),
        ("number@1", {"mode": None}, "mode must be one of"),
        ("number@1", {"name": "x"}, "has no setting 'name'"),
        ("math@1", {"tolerance": 0.1}, "has no setting 'tolerance'"),
        ("countdown@1", {"markers": ["none"]}, "unknown marker"),
    ],
)
def test_a_wrong_setting_is_refused(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_verifier(name, **config)


@pytest.mark.parametrize("name", ["plain", "@1", "x@", "x@one", "x@²", "x@1@2"])
def test_a_name_without_a_version_cannot_be_registered(name: str) -> None:
    with pytest.raises(ConfigError, match="name@version"):
        register_verifier(name, "package.module:Class")


def test_registration_refuses_a_taken_name_and_a_bad_entry_point() -> None:
    with pytest.raises(ConfigError, match="already registered"):
        register_verifier("number@1", "somewhere.else:Number")
    with pytest.raises(ConfigError, match=r"package\.module:Class"):
        register_verifier("new@1", "package.module.Class")
    register_verifier("number@1", "rlvr_gym.verifiers.number:Number")  # the same again is no conflict
    assert "new@1" not in verifier_names()


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("a setting is wrong"),
        UnknownNameError("verifier", "nubmer@1", ["number@1"]),
        MissingExtraError("torch", "agents", "training"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_process_boundaries(error: RlvrError) -> None:
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


def test_shown_never_raises() -> None:
    nested: list[object] = []
    nested.append(nested)
    assert shown(nested) == "[[...]]"
    assert shown(10**5000) == "a int that cannot be printed"
    assert shown("x" * 1000) == "'" + "x" * 78 + "…"


def test_suggestions_fall_back_to_all_names() -> None:
    assert suggestion("zzz", ["b", "a"]) == "; known: a, b"
    assert suggestion("zzz", []) == "; known: none"
