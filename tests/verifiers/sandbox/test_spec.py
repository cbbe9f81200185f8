"""What a sandbox is asked and answers: plain data that refuses what no back end could carry out."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.sandbox import (
    LANGUAGES,
    LAYERS,
    LEVELS,
    Isolation,
    Limits,
    RunResult,
    RunSpec,
    make_sandbox,
    sandbox_names,
)
from rlvr_gym.verifiers.sandbox.spec import check_path, limit_told

CONFINING = ("rlimits", "landlock", "seccomp", "no_new_privs", "no_capabilities")


@pytest.mark.parametrize(
    ("layers", "level"),
    [
        ((), "none"),
        (("session", "clean_env", "closed_fds"), "none"),
        (("rlimits",), "limits"),
        (("cgroup", "mount_namespace"), "limits"),
        (CONFINING, "confined"),
        (("rlimits", "mount_namespace", "network_namespace", "no_new_privs", "no_capabilities"), "confined"),
        ((*CONFINING, "pid_namespace"), "isolated"),
        ((*CONFINING, "pid_namespace", "own_kernel"), "hardened"),
        (tuple(set(CONFINING) - {"no_capabilities"}), "limits"),
    ],
)
def test_layers_add_up_to_a_level(layers: tuple[str, ...], level: str) -> None:
    found = Isolation(layers)
    assert found.level == level
    assert [found.reaches(other) for other in LEVELS] == [i <= LEVELS.index(level) for i in range(len(LEVELS))]


@given(st.sets(st.sampled_from(sorted(LAYERS))), st.sampled_from(sorted(LAYERS)))
def test_another_layer_never_lowers_the_level(layers: set[str], more: str) -> None:
    assert Isolation((*layers, more)).reaches(Isolation(tuple(layers)).level)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a/", "a\0b", "a\nb", "a\\b", "C:\\x", "x" * 256, 7, None, b"a"],
)
def test_a_path_that_could_lead_out_is_refused(path: object) -> None:
    with pytest.raises(ConfigError, match="plain relative path"):
        check_path(path)


@pytest.mark.parametrize("name", ["cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes", "open_files"])
@pytest.mark.parametrize("value", [0, -1, True, "5", None, float("nan"), float("inf"), 2**62])
def test_a_limit_is_a_positive_number(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_limits_round_trip_and_a_mistyped_one_is_named() -> None:
    limits = Limits(cpu_s=1.5, processes=3)
    assert Limits.from_dict(limits.to_dict()) == limits
    with pytest.raises(ConfigError, match="did you mean 'memory_bytes'"):
        Limits.from_dict({"memory_byte": 5})


def test_a_spec_survives_pickling_and_cannot_be_changed() -> None:
    spec = RunSpec("p", stdin="é", files={"a/b.txt": "x"}, argv=("1",))
    again = pickle.loads(pickle.dumps(spec))
    assert (again, again.stdin, again.files["a/b.txt"]) == (spec, "é".encode(), b"x")
    with pytest.raises(TypeError):
        spec.files["c"] = b""  # type: ignore[index]


def test_a_peer_has_neither_stdin_nor_a_peer() -> None:
    with pytest.raises(ConfigError, match="no stdin"):
        RunSpec("", stdin="x", peer=RunSpec(""))
    with pytest.raises(ConfigError, match="two programs"):
        RunSpec("", peer=RunSpec("", peer=RunSpec("")))


@pytest.mark.parametrize("bad", [{"code": 5}, {"stdin": 5}, {"argv": ("a\0",)}, {"argv": (5,)}, {"files": {"a": 5}}])
def test_wrong_types_are_the_callers_mistake(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        RunSpec(**bad)  # type: ignore[arg-type]


def test_unknown_names_offer_near_matches() -> None:
    with pytest.raises(UnknownNameError, match="forkserver"):
        make_sandbox("forksever")
    with pytest.raises(ConfigError, match="unexpected keyword"):
        make_sandbox("forkserver", colour="red")
    with make_sandbox("forkserver") as sandbox, pytest.raises(UnknownNameError, match="javascript"):
        sandbox.run(RunSpec("", language="javascrip"))


@pytest.mark.parametrize("name", sandbox_names())
def test_every_back_end_is_made_without_starting_anything_and_round_trips(name: str) -> None:
    extra = {"url": "http://127.0.0.1:9"} if name == "remote" else {}
    sandbox = make_sandbox(name, concurrency=3, min_isolation="limits", **extra)
    again = pickle.loads(pickle.dumps(sandbox))
    assert (type(again), again.config()) == (type(sandbox), sandbox.config())
    assert again.config()["concurrency"] == 3
    again.close()
    sandbox.close()


@pytest.mark.parametrize("bad", [{"min_isolation": "high"}, {"concurrency": 0}, {"concurrency": True}])
def test_settings_are_checked(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make_sandbox("forkserver", **bad)


def test_a_result_is_ok_only_when_it_ran_to_its_end_within_its_limits() -> None:
    def result(**changes: object) -> RunResult:
        values: dict[str, object] = {
            "exit_code": 0, "signal": None, "stdout": b"", "stderr": b"", "limit": None, "cpu_s": 0.0, "wall_s": 0.0,
            "peak_memory_bytes": 0, "isolation": Isolation(),
        }  # fmt: skip
        return RunResult(**{**values, **changes})  # type: ignore[arg-type]

    assert result().ok
    assert not result(exit_code=1).ok
    assert not result(exit_code=None, signal=9).ok
    assert not result(limit="output").ok
    assert not result(phase="compile").ok


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        (b"MemoryError\n", "memory"),
        (b"OSError: [Errno 27] File too large", "file"),
        (b"BlockingIOError: [Errno 11] Resource temporarily unavailable\n\n", "processes"),
        (b"ValueError: MemoryError\n", None),
        (b"MemoryError\nValueError\n", None),
        (b"", None),
    ],
)
def test_the_last_line_of_a_traceback_tells_which_limit_was_hit(line: bytes, limit: str | None) -> None:
    assert limit_told(b"Traceback (most recent call last):\n" + line) == limit


def test_languages_name_their_tools() -> None:
    assert LANGUAGES["cpp"].tools == ("g++",)
    assert set(LANGUAGES["java"].tools) == {"sh", "java", "javac", "jar"}
