"""Files: the commands, what they refuse, and that nothing takes long or leaves a mess."""

from __future__ import annotations

import re
import time
import tracemalloc
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import SnapshotError
from rlvr_gym.envs.tools.files import NOTHING, Files
from rlvr_gym.envs.tools.files_pattern import Pattern, wildcard
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Limits, ToolError
from rlvr_gym.verifiers import ConfigError

TREE = {"a.txt": "one\ntwo\nthree\n", "d/b.txt": "two\n10\n9\n", "d/e/c.md": "x,y\nTwo,2\n"}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("ls", "a.txt\nd/"),
        ("ls d /d/e/", "d:\nb.txt\ne/\nd/e:\nc.md"),
        ("ls -R d", "b.txt\ne/\ne/c.md"),
        ("cat a.txt d/b.txt", "one\ntwo\nthree\ntwo\n10\n9"),
        ("cat ./d/../d//e/../../a.txt", "one\ntwo\nthree"),
        ("head -n 1 a.txt", "one"),
        ("tail -n2 a.txt", "two\nthree"),
        ("head -n 0 a.txt", NOTHING),
        ("tail -n 1 a.txt d/b.txt", "==> a.txt <==\nthree\n==> d/b.txt <==\n9"),
        ("wc a.txt", "3 3 14 a.txt"),
        ("wc -l a.txt d/b.txt", "3 a.txt\n3 d/b.txt\n6 total"),
        ("cat a.txt | wc -l", "3"),
        ("grep two a.txt", "two"),
        ("grep -r two /", "a.txt:two\nd/b.txt:two"),
        ("grep -ri two .", "a.txt:two\nd/b.txt:two\nd/e/c.md:Two,2"),
        ("grep -rhic two d", "1\n1"),
        ("grep -n 't' a.txt", "2:two\n3:three"),
        ("grep -v o a.txt", "three"),
        ("grep -rl '[0-9]' d", "d/b.txt\nd/e/c.md"),
        ("grep '^t.*e$' a.txt", "three"),
        ("grep -F '.' a.txt", NOTHING),
        ("grep nothing a.txt", NOTHING),
        ("find -name '*.txt'", "a.txt\nd/b.txt"),
        ("find d -type d", "d\nd/e"),
        ("find d -type f -name '?.md'", "d/e/c.md"),
        ("cat d/*.txt", "two\n10\n9"),
        ("cat 'd/*.txt'", "Error: there is no file d/*.txt"),
        ("sort d/b.txt", "10\n9\ntwo"),
        ("sort -n d/b.txt", "two\n9\n10"),
        ("sort -nr d/b.txt", "10\n9\ntwo"),
        ("cat a.txt a.txt | sort | uniq -c", "2 one\n2 three\n2 two"),
        ("cat a.txt a.txt | sort -u", "one\nthree\ntwo"),
        ("cut -d , -f 2 d/e/c.md", "y\n2"),
        ('echo \'a  b\' "c\\"d" e\\ f', 'a  b c"d e f'),
        ("cat nope", "Error: there is no file nope"),
        ("cat d", "Error: d is a folder"),
        ("ls nope", "Error: there is no nope"),
        ("rm d", "Error: d is a folder: remove it with -r"),
        ("rm -r /", "Error: / cannot be removed"),
        ("mv d d/e", "Error: d cannot go to d/e/d, which is itself or in it"),
        ("mv / x", "Error: / cannot be moved or copied"),
        ("cp d x", "Error: d is a folder: copy it with -r"),
        ("mv a.txt nope/x", "Error: there is no folder nope"),
        ("mv a.txt d/b.txt d/e/c.md", "Error: there is no folder d/e/c.md"),
        ("mkdir d", "Error: d exists already"),
        ("mkdir x/y", "Error: there is no folder x"),
        ("mkdir a.txt/y", "Error: there is no folder a.txt"),
        ("echo x > d", "Error: d is a folder"),
        ("echo x > x/y", "Error: there is no folder x"),
        ("grep [a a.txt", "Error: a bracket of the pattern is not closed"),
        ("grep 'a\\' a.txt", "Error: a pattern may not end with a backslash"),
        ("grep", "Error: usage: grep [-i] [-v] [-c] [-l] [-n] [-h] [-r] [-F] PATTERN FILE..."),
        ("grep a", "Error: name a file to read"),
        ("grep -x a a.txt", "Error: no option -x; usage: grep [-i] [-v] [-c] [-l] [-n] [-h] [-r] [-F] PATTERN FILE..."),
        ("head -n x a.txt", "Error: -n takes a number from 0 to 999999, got 'x'"),
        ("find -size 3", "Error: usage: find [FOLDER] [-name PATTERN] [-type f|d]"),
        ("replace '' x a.txt", "Error: what is to be replaced may not be empty"),
        ("gerp x", "Error: there is no command 'gerp'; did you mean 'grep'?; try help"),
        ("", "Error: the command is empty"),
        ("cat a.txt |", "Error: a command is missing after '|'"),
        ("| cat", "Error: '|' cannot stand there"),
        ("echo a >", "Error: a file must follow '>'"),
        ("echo a > b c", "Error: the file that takes the output stands at the end"),
        ("echo a > b > c", "Error: '>' cannot stand there"),
        ("echo a > b | cat", "Error: '|' cannot stand there"),
        ("echo 'a", "Error: a quote ' is not closed"),
        ('echo "a', 'Error: a quote " is not closed'),
        ("echo a\\", "Error: nothing follows the last backslash"),
        ("echo a; rm a.txt", "Error: one command a call, please; ';' is not offered"),
        ("echo a && rm a.txt", "Error: one command a call, please; '&' is not offered"),
        ("echo $HOME", "Error: there are no variables; put '$' in single quotes"),
        ("echo `ls`", "Error: '`' is not offered; put it in single quotes"),
        ("cat < a.txt", "Error: '<' is not offered; name the file instead"),
        ("cat '\x00'", "Error: a command may hold no NUL and no surrogates"),
        ("cat '\ud800'", "Error: a command may hold no NUL and no surrogates"),
        ("cat 'a\nb'", "Error: a path may hold no character that cannot be shown, got 'a\\nb'"),
        ("echo a > " + "x" * 101, "Error: a name may have 100 characters, this one has 101"),
        ("mkdir -p " + "x/" * 13, "Error: folders may be nested 12 deep"),
        ("echo a > " + f"{'x' * 67}/" * 3, "Error: a path may have 200 characters, this one has 203"),
        ("ls / / // ./", "a.txt\nd/"),
    ],
)
def test_what_commands_say(command: str, told: str) -> None:
    files = Files(TREE)
    before = files.get_state()
    result = Toolbox({"files": files}).call(ToolCall("shell", {"command": command}))
    assert ("" if result.ok else "Error: ") + result.text == told
    assert result.error in ("", "tool_error")
    assert files.get_state() == before


@pytest.mark.parametrize(
    ("commands", "changed"),
    [
        (["echo hi > new"], {"new": "hi\n"}),
        (["echo -n hi > new", "echo ! >> new"], {"new": "hi!\n"}),
        (["echo hi > a.txt"], {"a.txt": "hi\n"}),
        (["sort -r a.txt > a.txt"], {"a.txt": "two\nthree\none\n"}),
        (["replace o 0 a.txt d/b.txt"], {"a.txt": "0ne\ntw0\nthree\n", "d/b.txt": "tw0\n10\n9\n"}),
        (["mkdir -p x/y x", "cp a.txt x/y"], {"x": None, "x/y": None, "x/y/a.txt": TREE["a.txt"]}),
        (["mv a.txt b"], {"a.txt": ..., "b": TREE["a.txt"]}),
        (["mv a.txt d/b.txt"], {"a.txt": ..., "d/b.txt": TREE["a.txt"]}),
        (
            ["mkdir x", "mv d/*.txt a.txt x"],
            {"x": None, "a.txt": ..., "d/b.txt": ..., "x/a.txt": TREE["a.txt"], "x/b.txt": TREE["d/b.txt"]},
        ),
        (["mv d/e f"], {"d/e": ..., "d/e/c.md": ..., "f": None, "f/c.md": TREE["d/e/c.md"]}),
        (["cp -r d/e f"], {"f": None, "f/c.md": TREE["d/e/c.md"]}),
        (["rm a.txt d/b.txt"], {"a.txt": ..., "d/b.txt": ...}),
        (["rm -r d"], {"d": ..., "d/b.txt": ..., "d/e": ..., "d/e/c.md": ...}),
    ],
)
def test_what_commands_do(commands: list[str], changed: dict[str, Any]) -> None:
    files = Files(TREE)
    expected: dict[str, Any] = {**files.get_state(), **changed}
    for command in commands:
        files.shell(command)
    assert files.get_state() == {path: text for path, text in expected.items() if text is not ...}


@pytest.mark.parametrize(
    "command", ["rm a.txt nope", "mv a.txt d/b.txt nope/", "mkdir x x", "rm a.txt | cat nope", "cp a.txt b | nope"]
)
def test_a_command_that_fails_half_way_changes_nothing(command: str) -> None:
    files = Files(TREE)
    with pytest.raises(ToolError):
        files.shell(command)
    assert files.get_state() == Files(TREE).get_state()


BIG = {f"f{i}.txt": ("a" * 48 + "\n") * 1000 for i in range(4)}  # 196,000 characters
BOMBS = {
    "stars": "grep -c 'a*a*a*a*a*a*a*a*a*a*b' *.txt",
    "dots": "grep -c '.*.*.*.*.*.*.*.*.*.*b$' *.txt",
    "many stars": "grep " + "a*" * 11 + " f1.txt",
    "the same file often": "grep -c 'a.*b' " + "f1.txt " * 500,
    "everything often": "cat " + "*.txt " * 20,
    "wild words": "cat " + "*?*?*?*?*?*.txt " * 21,
    "pipes": "grep -h . f1.txt" + " | grep '.*.*.*a$'" * 6 + " | wc",
    "too many pipes": "cat f1.txt" + " | cat" * 8,
    "growth": "replace a " + "b" * 1000 + " f1.txt",
    "doubling": "cat f1.txt f1.txt > f2.txt",
    "long": "echo " + "x" * 4000,
    "quotes": "echo " + "'" * 3990,
    "escaped quotes": 'echo "' + '\\"' * 1900,
    "words": "mkdir " + "x " * 1900,
    "folders": "mkdir " + " ".join(f"g{i}" for i in range(600)),
    "sort of digits": "echo " + "9" * 3900 + " | sort -n",
    "long pattern": "grep " + "a" * 3900 + " f1.txt",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_end_soon(kind: str) -> None:
    box = Toolbox({"files": Files(BIG)})
    start = time.process_time()
    result = box.call(ToolCall("shell", {"command": BOMBS[kind]}))
    assert time.process_time() - start < 3.0  # at most 0.6 s where measured
    assert result.error in ("", "tool_error")
    assert len(result.text) <= 4_100


DEEP = {f"{'/'.join(c * 15 for c in 'abcdefghijk'[:k])}/f{i}": "" for k in range(1, 12) for i in range(40)}
BLANK = {f"f{i}": "\n" * 50_000 for i in range(4)}
TOO_MUCH = {
    "names": (DEEP, " | ".join(["echo " + " ".join(["*/" * 10 + "*Z"] * 20)] * 7), "150,000 steps"),
    "names, of a character": (DEEP, "echo " + " ".join(["?*/" * 10 + "*?Z"] * 20), "150,000 steps"),
    "folders": ({f"d/g{i}/x": "" for i in range(240)}, " | ".join(["ls d/*"] * 8), "150,000 steps"),
    "tests": (DEEP, "find " + "-name '*?*' " * 200, "150,000 steps"),
    "patterns": (BIG, "grep -rc '.*.*.*b$' /", "150,000 steps"),
    "blank lines": (BLANK, "grep -rn '' /", "150,000 steps"),
    "lines sorted": ({"f": "\n" * 40_000}, "cat f" + " | sort -n" * 7, "150,000 steps"),
    "one file often": (BIG, "cat " + "f1.txt " * 500, "more than 200,000 characters"),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_would_do_too_much_is_refused_before_it_is_done(kind: str) -> None:
    tree, command, told = TOO_MUCH[kind]
    files = Files(tree)
    tracemalloc.start()
    try:
        with pytest.raises(ToolError, match=told):
            files.shell(command)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_a_folder_that_is_named_often_is_listed_once() -> None:
    assert Files(DEEP).shell("ls -R " + "/ " * 990) == Files(DEEP).shell("ls -R /")


def test_steps_are_those_of_the_characters_that_are_matched() -> None:
    steps: list[int] = []
    Pattern("a.*b$", spend=steps.append).found("acc")
    assert sum(steps) == 2 + 3 + 2 * 3  # a call, its characters, and two that are new for each of the three elements
    fits = wildcard("*a?", steps.append)
    steps.clear()
    assert not fits("xxx")
    assert sum(steps) == 2 + 3 + 3


def test_caps_on_the_tree() -> None:
    files = Files(BIG)
    for command, told in [
        ("cp f1.txt f9.txt", "all files together may have 200,000 characters"),
        ("cat f1.txt f2.txt > f3.txt", "a file may have 50,000 characters, this one would have 98,000"),
        ("cat *.txt *.txt | wc", "more than 200,000 characters"),
        (BOMBS["folders"], "there may be 500 files and folders"),
    ]:
        with pytest.raises(ToolError, match=told):
            files.shell(command)
    assert files.public_state() == BIG


@pytest.mark.parametrize("argument", ["x" * 10**7, 7, None, ["ls"], {"command": "ls"}])
def test_wrong_arguments_are_told(argument: Any) -> None:
    result = Toolbox({"files": Files(TREE)}).call(ToolCall("shell", {"command": argument}))
    assert result.error == "bad_arguments"


PIECES = """| > >> * ? ' " \\ -n -r -c . .. / a.txt d d/e x grep find mv cp rm sort cat echo replace mkdir head cut
uniq ls wc tail""".split()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8))
def test_any_command_is_answered_and_leaves_a_tree(words: list[str]) -> None:
    files = Files(TREE)
    result = Toolbox({"files": files}).call(ToolCall("shell", {"command": " ".join(words)}))
    assert result.error in ("", "tool_error")
    Files(TREE).set_state(files.get_state())  # still a tree


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["a", "b", ".", "a*", "b*", ".*", "[ab]", "[^a]", "[a-b]*", "\\.", "\\*"]), max_size=6),
    st.booleans(),
    st.booleans(),
    st.text("ab.*", max_size=8),
)
def test_patterns_find_what_python_finds(parts: list[str], start: bool, end: bool, line: str) -> None:
    pattern = "^" * start + "".join(parts) + "$" * end
    assert Pattern(pattern).found(line) is (re.search(pattern, line) is not None)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text("ab*?", max_size=6), st.text("ab", max_size=6))
def test_wildcards_match_what_python_matches(pattern: str, name: str) -> None:
    assert wildcard(pattern)(name) is fnmatchcase(name, pattern)


def test_a_state_makes_an_equal_tree() -> None:
    files, twin = Files(TREE), Files({})
    files.shell("mkdir empty")
    twin.set_state(files.get_state())
    assert twin.shell("find") == files.shell("find")
    twin.shell("rm -r empty")
    assert files.public_state()["empty"] is None


@pytest.mark.parametrize(
    "state", [None, [], {"a": 1}, {"a/b": "x"}, {"a": "", "a/b": "x"}, {"/a": "x"}, {"a\n": "x"}, {"": None}]
)
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError):
        Files(TREE).set_state(state)


@pytest.mark.parametrize("tree", [{"/a": "x"}, {"a/": "x"}, {"a": "x" * 200_001}, {"a": "", "a/b": ""}, {"../a": ""}])
def test_what_is_no_tree_is_refused(tree: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Files(tree)


def test_limits() -> None:
    [shell] = Files(TREE, limits=Limits(max_calls=2)).tools()
    assert shell.limits.max_calls == 2
