"""What users get wrong: one clear line on standard error, a status that is not zero, no traceback, nothing lost."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rlvr_gym.agents.lock import only_writer

from rlvr_gym import env_ids
from rlvr_gym.cli import main
from rlvr_gym.cli.specs import keywords

SCRIPTED = "--policy scripted:0.5 --n 2 --tasks 3"
BENCH = f"bench Arithmetic-v0 style=compact {SCRIPTED} --out"
TRAIN = (
    "train Arithmetic-v0 digits=1 style=compact --model preset:nano --alphabet 0123456789+= "
    "--set kl_coef=0 group_size=2 --steps 2 --prompts 2 --max-new-tokens 3 --checkpoint-every 1 --out"
)
ROW = {"question": "2+2?", "answer": "#### 4"}

FILES: dict[str, bytes] = {
    "good.jsonl": json.dumps(ROW).encode(),
    "empty.jsonl": b"",
    "torn.jsonl": b'{"question": "a", "answer": "#### 4"}\n{oops\n',
    "gold.jsonl": b'{"question": "a", "answer": "#### 4"}\n{"question": "b", "answer": "#### four or five"}\n',
    "latin.jsonl": b'{"question": "\xe9", "answer": "4"}\n',
    "deep.jsonl": b"[" * 100_000,
    "list.jsonl": b"[1]\n",
    "object.json": b"{}",
    "notes.txt": b"mine",
    "header.csv": b"question,answer\n",
    "wide.csv": b"question,answer\na,4,5\n",
    "long.csv": b"question,answer\n" + b"x" * 200_000 + b",4\n",
    "fake.parquet": b"not Parquet",
    "recorded.jsonl": b'{"question": "2+2?", "response": "4", "who": "a/b", "ok": 1}\n'
    b'{"question": "2+2?", "response": "5", "who": "a_b", "ok": true}\n',
    "who.jsonl": b'{"question": "2+2?", "response": "4", "who": [1]}\n',
    "crowd.jsonl": b"".join(b'{"question": "2+2?", "response": "4", "who": %d}\n' % i for i in range(9)),
    "judged.jsonl": b'{"response": "#### 1", "reference": "1"}\n',
    "half.jsonl": b'{"response": "#### 1", "reference": "1"}\n{"response": "#### 1"',
    "number.jsonl": b'{"response": 5, "reference": "1"}\n',
    "hard.jsonl": b'{"question": "2 \xe2\x89\xa4 x?", "answer": "#### 4"}\n',
    "long.jsonl": json.dumps({"question": "x" * 600, "answer": "#### 4"}).encode(),
    "folder/notes.txt": b"mine",
    "model/model.safetensors": b"mine",
}
GSM = "bench GSM8K-v0 path={}.jsonl " + SCRIPTED + " --out out"
REPLAY = "bench GSM8K-v0 path=good.jsonl template={{prompt}} --n 1 --policy replay:{} --out out"

# id: (the command, what its last line must say)
MISTAKES: dict[str, tuple[str, str]] = {
    # data
    "no such file": (GSM.format("goood"), "no such file: 'goood.jsonl'; did you mean 'good.jsonl'"),
    "no such folder": (GSM.format("no/good"), "the folder 'no' does not exist"),
    "a folder as file": (GSM.format("dir"), "dir.jsonl is a folder: name the file in it"),
    "no rows": (GSM.format("empty"), "empty.jsonl: the file holds no rows"),
    "only a header": (f"bench GSM8K-v0 path=header.csv {SCRIPTED} --out out", "the file holds no rows"),
    "not JSON": (GSM.format("torn"), "torn.jsonl, line 2: not JSON"),
    "nested endlessly": (GSM.format("deep"), "deep.jsonl, line 1: not JSON"),
    "not objects": (GSM.format("list"), "list.jsonl, line 1: expected a JSON object, got list"),
    "not a list": (
        f"bench GSM8K-v0 path=object.json {SCRIPTED} --out out",
        "expected a JSON list of objects, got dict",
    ),
    "not UTF-8": (GSM.format("latin"), "latin.jsonl: cannot be read"),
    "unknown ending": (f"bench GSM8K-v0 path=notes.txt {SCRIPTED} --out out", "the ending must be one of .csv"),
    "too many cells": (f"bench GSM8K-v0 path=wide.csv {SCRIPTED} --out out", "row 1: more cells than the header"),
    "an endless cell": (f"bench GSM8K-v0 path=long.csv {SCRIPTED} --out out", "long.csv: cannot be read: field larger"),
    "not Parquet": (f"bench GSM8K-v0 path=fake.parquet {SCRIPTED} --out out", "fake.parquet: not a Parquet file"),
    "unusable gold": (GSM.format("gold"), "gold.jsonl, row 2: number@1 cannot use the gold"),
    "wrong column": (
        f"""bench Dataset-v0 path=good.jsonl columns={{"prompt":"qestion"}} {SCRIPTED} --out out""",
        "no prompt column 'qestion'; the row has 'question', 'answer'; did you mean 'question'?",
    ),
    "path and hub": (f"bench GSM8K-v0 path=good.jsonl hub=x {SCRIPTED} --out out", "got both"),
    "neither path nor hub": (f"bench GSM8K-v0 {SCRIPTED} --out out", "got neither"),
    # names
    "unknown command": ("bnech x", "unknown command 'bnech'; did you mean 'bench'"),
    "an option for the environment": (
        "train --recipe dapo --env Countdown-v0 --model preset:nano --out out",
        "unknown argument '--env': the environment is the first argument",
    ),
    "unknown option": (f"{BENCH} out --labl x", "unknown argument '--labl'; did you mean '--label'"),
    "unknown id": (f"bench Arithmetik-v0 {SCRIPTED} --out out", "did you mean 'rlvr/Arithmetic-v0'"),
    "unknown id after our package": (f"bench rlvr_gym:rlvr/Nope-v0 {SCRIPTED} --out out", "unknown environment"),
    "unknown package": (f"bench no_such_package:X-v0 {SCRIPTED} --out out", "No module named 'no_such_package'"),
    "no id": (f"bench : {SCRIPTED} --out out", "unknown environment ':'"),
    "not a text environment": (f"bench gymnasium:CartPole-v1 {SCRIPTED} --out out", "is not a TextEnv"),
    "played without texts": ("play gymnasium:CartPole-v1", "is no environment of texts"),
    "unknown keyword": (f"bench Arithmetic-v0 dgits=3 {SCRIPTED} --out out", "'dgits'; did you mean 'digits'?"),
    "unknown keyword after our package": (
        f"bench rlvr_gym:rlvr/Arithmetic-v0 dgits=3 {SCRIPTED} --out out",
        "did you mean 'digits'?",
    ),
    "unknown keyword elsewhere": (f"bench gymnasium:CartPole-v1 dgits=3 {SCRIPTED} --out out", "cannot be made"),
    "a keyword without value": (f"bench Arithmetic-v0 digits {SCRIPTED} --out out", "expected key=value, got 'digits'"),
    "a keyword twice": (f"bench Arithmetic-v0 digits=1 digits=2 {SCRIPTED} --out out", "digits is given twice"),
    "unknown verifier": (f"bench GSM8K-v0 path=good.jsonl verifier=nubmer@1 {SCRIPTED} --out out", "'number@1'"),
    "unknown setting": ("verify number@1 mod=x --response 1 --reference 1", "no setting 'mod'; did you mean 'mode'?"),
    "settings without verifier": ("rescore run mode=lenient --out out", "name it with --verifier"),
    "unknown policy": ("bench Arithmetic-v0 --policy scriptd:1 --out out", "did you mean 'scripted'?"),
    "unknown recipe": (f"{TRAIN} out --recipe gprp", "did you mean 'grpo'?"),
    "unknown piece": (f"{TRAIN} out --set grup_size=2", "did you mean 'group_size'?"),
    "the name is no piece": (f"{TRAIN} out --set name=x", "a recipe has no piece 'name'"),
    "unknown preset": (f"{TRAIN} out --model preset:nono", "unknown preset 'nono'"),
    # numbers
    "n of zero": (f"{BENCH} out --n 0", "n must be at least 1, got 0"),
    "no tasks": (f"{BENCH} out --tasks 0", "tasks must be at least 1, got 0"),
    "no width": (f"{BENCH} out --width 0", "width must be at least 1, got 0"),
    "n in words": (f"{BENCH} out --n two", "invalid int value: 'two'"),
    "k above n": (f"{BENCH} out -k 3", "draw more samples (--n 3)"),
    "k in words": (f"{BENCH} out -k two", "expected values of k such as 1,2,4 or 1-8, got 'two'"),
    "k of zero": (f"{BENCH} out -k 0", "k must be at least 1"),
    "k backwards": (f"{BENCH} out -k 2-1", "a range of k rises"),
    "k without end": (f"{BENCH} out -k 1-99999999999", "at most 10,000 values"),
    "probability above one": ("bench Arithmetic-v0 --policy scripted:2 --out out", "must lie in [0, 1], got 2.0"),
    "probability nan": ("bench Arithmetic-v0 --policy scripted:nan --out out", "must lie in [0, 1], got nan"),
    "probabilities backwards": ("bench Arithmetic-v0 --policy scripted:0.9-0.1 --out out", "low <= high"),
    "probability in words": ("bench Arithmetic-v0 --policy scripted:x --out out", "scripted:LOW-HIGH, got scripted:x"),
    "a negative seed in play": ("play Arithmetic-v0 --seed -1", "--seed must be an integer of at least 0, got -1"),
    "no episodes": ("play Arithmetic-v0 --episodes 0", "--episodes must be an integer of at least 1, got 0"),
    "no tokens": (f"{TRAIN} out --max-new-tokens 0", "max_new_tokens must be at least 1, got 0"),
    "temperature zero": (f"{TRAIN} out --temperature 0", "temperature must be positive and finite, got 0.0"),
    "temperature nan": (f"{TRAIN} out --temperature nan", "temperature must be positive and finite, got nan"),
    "temperature inf": (f"{TRAIN} out --temperature inf", "temperature must be positive and finite, got inf"),
    "a negative rate": (f"{TRAIN} out --lr -1", "learning_rate must be positive and finite, got -1.0"),
    "warm start of two": (f"{TRAIN} out --warm-start 2", "until must lie in (0, 1], got 2.0"),
    "warm start rate nan": (f"{TRAIN} out --warm-start 0.1 --warm-start-lr nan", "must be a positive number, got nan"),
    "evaluation backwards": (f"{TRAIN} out --eval-every -1", "eval_every must be at least 0, got -1"),
    "half a group": (f"{TRAIN} out --set group_size=2.5", "group_size must be an integer, got 2.5"),
    "a weight in words": (f"{TRAIN} out --set kl_coef=low", "kl_coef must be a number of at least 0, got 'low'"),
    "a weight nan": (f"{TRAIN} out --set kl_coef=NaN", "kl_coef must be a number of at least 0, got nan"),
    "unknown aggregation": (f"{TRAIN} out --set aggregation=mean", "aggregation must be one of token_mean"),
    "evaluation keyword": (f"{TRAIN} out --eval digts=1", "did you mean 'digits'?"),
    # recordings
    "no response column": (REPLAY.format("good.jsonl"), "no text in column 'response'"),
    "label of a policy": (f"{BENCH} out --label ok", "it goes with --policy replay:FILE"),
    "label not a truth": (REPLAY.format("recorded.jsonl --label ok"), "row 1: the label column 'ok' must be true"),
    "no such column to split by": (REPLAY.format("recorded.jsonl --by whom"), "row 1: no column 'whom'"),
    "two values, one folder": (REPLAY.format("recorded.jsonl --by who"), "'a/b' and 'a_b' in 'who' would share"),
    "split by lists": (REPLAY.format("who.jsonl --by who"), "--by needs a text or a number, got [1]"),
    "more runs than a page shows": (REPLAY.format("crowd.jsonl --by who"), "'who' has 9 values"),
    # models
    "no such model": ("train Arithmetic-v0 --model folder/modle --out out", "there is no such folder"),
    "a file as model": ("bench Arithmetic-v0 --policy model:notes.txt --out out", "there is no such folder"),
    "not a model": ("bench Arithmetic-v0 --policy model:folder --out out", "no model can be loaded from 'folder'"),
    "an alphabet for bytes": (f"{TRAIN} out --model preset:mini", "speaks bytes and takes no alphabet"),
    "an alphabet for a folder": (f"{TRAIN} out --model folder", "--alphabet belongs to --model preset:NAME"),
    "no alphabet": (TRAIN.replace("0123456789+=", "''") + " out", "must hold each character once, got ''"),
    "an alphabet too small": (TRAIN.replace("+=", "") + " out", "no token for '+='"),
    "signs beyond ASCII": (
        "train GSM8K-v0 path=hard.jsonl --model preset:nano --out out",
        "no token for '≤', which prompts or solutions hold",
    ),
    "beyond the context": (f"{TRAIN} out --max-new-tokens 600", "exceed the model's context of 512"),
    "a prompt beyond the context": ("train GSM8K-v0 path=long.jsonl --model preset:nano --out out", "context of 512"),
    # verify
    "nothing to verify": ("verify number@1", "give one response"),
    "a response and a file": ("verify number@1 --in judged.jsonl --response 1", "give one response"),
    "no reference": ("verify number@1 --response 1", "--response needs --reference"),
    "a reference for a file": ("verify number@1 --in judged.jsonl --reference 1", "--reference goes with --response"),
    "an output for a response": ("verify number@1 --response 1 --reference 1 --out out", "--out goes with --in"),
    "an explanation of a file": (
        "verify math@1 --in judged.jsonl --explain",
        "--explain and --prompt go with --respon",
    ),
    "a question column for one": ("verify math@1 --response 1 --reference 1 --prompt-column q", "goes with --in"),
    "no question column": ("verify math@1 --in judged.jsonl --prompt-column q", "no column 'q'"),
    "verify no file": ("verify number@1 --in nope.jsonl --out out", "cannot read 'nope.jsonl': No such file"),
    "verify a folder": ("verify number@1 --in dir.jsonl --out out", "cannot read 'dir.jsonl': Is a directory"),
    "verify nothing": ("verify number@1 --in empty.jsonl --out out", "empty.jsonl: the file holds no rows"),
    "verify half a line": ("verify number@1 --in half.jsonl --out out", "half.jsonl, line 2: not JSON"),
    "verify a number": ("verify number@1 --in number.jsonl --out out", "line 1: 'response' must be text, got 5"),
    "verify a wrong column": (
        "verify number@1 --in judged.jsonl --reference-column gold --out out",
        "line 1: no column 'gold'; the row has response, reference",
    ),
    "verify onto the input": ("verify number@1 --in judged.jsonl --out ./judged.jsonl", "is the file that --in reads"),
    "verify onto a link to it": ("verify number@1 --in judged.jsonl --out link.jsonl", "is the file that --in reads"),
    "verify onto a folder": ("verify number@1 --in judged.jsonl --out dir.jsonl", "Is a directory: dir.jsonl"),
    "verify into a file": (
        "verify number@1 --in judged.jsonl --out notes.txt/x",
        "cannot write notes.txt/x: there is no folder",
    ),
    # folders
    "bench onto a file": (f"{BENCH} notes.txt", "notes.txt is a file, expected a folder"),
    "bench into a file": (f"{BENCH} notes.txt/x", "Not a directory: notes.txt/x"),
    "bench into a foreign folder": (f"{BENCH} folder", "folder is not empty and not a run folder"),
    "bench here": (f"{BENCH} .", "is not empty and not a run folder"),
    "bench into another run": (f"bench Countdown-v0 {SCRIPTED} --out run", 'env: {"id": "rlvr/Arithmetic-v0"'),
    "bench of another policy": (f"{BENCH} run --policy scripted:0.6", '"0.5"} there'),
    "split into a run": (REPLAY.format("recorded.jsonl --by ok").replace("--out out", "--out run"), "does not hold"),
    "train onto a file": (f"{TRAIN} notes.txt", "notes.txt is a file, expected a folder"),
    "train into a foreign folder": (f"{TRAIN} folder", "folder is not empty and not a training run"),
    "train where a model is": (f"{TRAIN} .", "is not empty and not a training run"),
    "train into a run": (f"{TRAIN} run", "run is not empty and not a training run"),
    "compare a missing run": ("compare run rn --out out", "rn is not a run folder: it has no config.json"),
    "compare a file": ("compare run notes.txt --out out", "notes.txt is not a run folder"),
    "compare other tasks": ("compare run digits3 --out out", "they differ in env"),
    "compare other k": ("compare run k1 --out out", "the runs share no k: [2] and [1]"),
    "compare into a run": ("compare run run --out run", "run is not empty and not a comparison"),
    "compare into a foreign folder": ("compare run run --out folder", "folder is not empty and not a comparison"),
    "compare onto a file": ("compare run run --out notes.txt", "notes.txt is a file, expected a folder"),
    "rescore onto itself": ("rescore run --out ./run/", "rescore writes into another folder"),
    "rescore nothing": ("rescore rn --out out", "rn is not a run folder"),
    "rescore onto a file": ("rescore run --out notes.txt", "notes.txt is a file, expected a folder"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user's: data files, notes, and three runs."""
    folder = tmp_path_factory.mktemp("place")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "dir.jsonl").mkdir()
    (folder / "link.jsonl").symlink_to("judged.jsonl")
    assert main([*BENCH.split(), str(folder / "run"), "-k", "2"]) == 0
    assert main([*BENCH.split(), str(folder / "k1"), "-k", "1"]) == 0
    assert main([*BENCH.split(), str(folder / "digits3"), "digits=3"]) == 0
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with a hash of its bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def words(command: str) -> list[str]:
    return [word if word != "''" else "" for word in command.split()]


def status_of(arguments: list[str]) -> int:
    """The exit status, whether it is returned or ends the process."""
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize(("command", "message"), list(MISTAKES.values()), ids=list(MISTAKES))
def test_a_mistake_ends_in_one_clear_line(
    command: str, message: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if command.startswith("train") or "model:" in command:
        pytest.importorskip("torch", reason="models need the extra 'agents'")
    monkeypatch.chdir(place)
    before = contents(place)
    assert status_of(words(command)) == 2
    captured = capsys.readouterr()
    *usage, last = captured.err.strip().splitlines()
    assert last.startswith("rlvr")
    assert message in last
    # The usage of a command is the parser's; ours is one line.
    assert not usage or usage[0].startswith("usage: rlvr")
    assert "Traceback" not in captured.err
    assert contents(place) == before
    if (place / "out").exists():  # made and then not used: the corrected command takes it
        (place / "out").rmdir()


JUNK = ["abc", '""', "-1", "0", "2.5", "true", "null", "NaN", "1e400", "1" + "0" * 28, '"\\u0000"', "[" * 5000]
JUNK += ["[]", "[1]", "[1,2,3]", '["a","b"]', "[null,2]", "[[1],[2]]", '{"a":1}', '{"prompt":5}', '{"prompt":[]}']
KEYS = sorted((env_id, key) for env_id in env_ids() for key in keywords(env_id) if not key.startswith("hub"))


@pytest.mark.parametrize(("env_id", "key"), KEYS, ids=[f"{env_id} {key}" for env_id, key in KEYS])
def test_no_value_of_any_keyword_breaks_out(
    env_id: str, key: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each keyword takes or refuses each kind of value; `play` at the end of its input only builds and resets."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    data = [] if key == "path" or not {"path"} & set(keywords(env_id)) else ["path=good.jsonl"]
    for value in JUNK:
        status = status_of(["play", env_id, *data, f"{key}={value}"])
        err = capsys.readouterr().err
        assert (status, err) == (0, "") or (status == 2 and err.startswith("rlvr play: ") and err.count("\n") == 1), (
            value
        )


@pytest.mark.parametrize("key", ["hub", "hub_name", "hub_split", "hub_revision"])
@pytest.mark.parametrize("value", ["5", "[]", "[1]", '{"a":1}', "true"])
def test_hub_keywords_are_texts(key: str, value: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [] if key == "hub" else [f"path={place / 'good.jsonl'}"]
    assert main(["play", "rlvr/GSM8K-v0", *data, f"{key}={value}"]) == 2
    assert f"{key} must be a text, got" in capsys.readouterr().err


def config_with(**changes: object) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        config = json.loads((run / "config.json").read_text())
        (run / "config.json").write_text(json.dumps(config | changes))

    return change


def row_with(**changes: object) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        lines = (run / "samples.jsonl").read_text().splitlines()
        lines[0] = json.dumps(json.loads(lines[0]) | changes)
        (run / "samples.jsonl").write_text("\n".join(lines) + "\n")

    return change


def written(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes(content) and None


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (written("config.json", b""), "config.json is damaged"),
    "half a config": (written("config.json", b"{"), "config.json is damaged"),
    "a deep config": (written("config.json", b"[" * 100_000), "config.json is damaged"),
    "a binary config": (written("config.json", b"\xff\xfe"), "config.json is damaged"),
    "a list as config": (written("config.json", b"[]"), "has format 'list'"),
    "only a format": (written("config.json", b'{"format": 1}'), "'env' is None, expected dict"),
    "a later format": (written("config.json", b'{"format": 2}'), "this version reads format 1"),
    "tasks as number": (config_with(tasks=5), "'tasks' is 5, expected list"),
    "policy as number": (config_with(policy=3), "'policy' is 3, expected dict"),
    "n as text": (config_with(n="x"), "'n' is 'x', expected int"),
    "an environment without id": (config_with(env={"kwargs": {}}), "names no environment"),
    "garbage first": (written("samples.jsonl", b"garbage\n"), "line 1 is not a sample: b'garbage'"),
    "a deep row": (written("samples.jsonl", b"[" * 200_000 + b"\n"), "line 1 is not a sample"),
    "binary rows": (written("samples.jsonl", b"\xff\xfe\n"), "line 1 is not a sample"),
    "a score in words": (row_with(score="high"), "line 1 is not a sample"),
    "a truth as number": (row_with(sample=True), "line 1 is not a sample"),
    "a prompt as number": (row_with(prompt=5), "line 1 is not a sample"),
    "a list as status": (row_with(status=["passed"]), "line 1 is not a sample"),
    "a label in words": (row_with(label="maybe"), "line 1 is not a sample"),
}


@pytest.mark.parametrize(("damage", "message"), list(DAMAGE.values()), ids=list(DAMAGE))
def test_a_damaged_run_is_named_and_left_alone(
    damage: Callable[[Path], None],
    message: str,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(place / "run", "run")
    damage(Path("run"))
    before = contents(tmp_path)
    for command in (f"{BENCH} run -k 2", f"compare {place / 'run'} run --out out", "rescore run --out out"):
        assert main(command.split()) == 2
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
        assert contents(tmp_path) == before


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="training needs the extra 'agents'")
    folder = tmp_path_factory.mktemp("trained")
    assert main([*TRAIN.split(), str(folder / "run")]) == 0
    return folder / "run"


STEP = "checkpoints/step-000002"
TRAIN_DAMAGE: dict[str, tuple[str, bytes, str]] = {
    "settings empty": ("trainer.json", b"", "trainer.json is damaged"),
    "settings of another kind": ("trainer.json", b'{"run": []}', "trainer.json is damaged"),
    "settings nested endlessly": ("trainer.json", b"[" * 100_000, "trainer.json is damaged"),
    "base weights": ("base/model.safetensors", b"", "no model can be loaded from"),
    "base tokenizer": ("base/tokenizer_config.json", b"[]", "no model can be loaded from"),
    "weights": (f"{STEP}/model.safetensors", b"garbage", "not a usable checkpoint"),
    "model settings": (f"{STEP}/config.json", b"{", "not a usable checkpoint"),
    "optimiser": (f"{STEP}/optimizer.safetensors", b"", "not a usable checkpoint"),
    "state torn": (f"{STEP}/trainer_state.json", b"{", "not a usable checkpoint"),
    "state without step": (f"{STEP}/trainer_state.json", b"{}", "holds no step"),
    "state of another kind": (f"{STEP}/trainer_state.json", b"null", "holds no step"),
    "state nested endlessly": (f"{STEP}/trainer_state.json", b"[" * 100_000, "not a usable checkpoint"),
    "step in words": (f"{STEP}/trainer_state.json", b'{"step": "two", "metrics": {}}', "holds no step"),
    "metrics torn in the middle": ("metrics.jsonl", b'garbage\n{"step": 1}\n', "line 1 is not a training record"),
    "metrics without step": ("metrics.jsonl", b'{}\n{"step": 1}\n', "line 1 is not a training record"),
}


@pytest.mark.parametrize(("name", "content", "message"), list(TRAIN_DAMAGE.values()), ids=list(TRAIN_DAMAGE))
def test_a_damaged_training_run_is_named_and_nothing_is_lost(
    name: str, content: bytes, message: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / name).write_bytes(content)
    before = contents(run)
    assert main([*TRAIN.split(), str(run)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert {k: v for k, v in contents(run).items() if k != "timings.jsonl"} == {
        k: v for k, v in before.items() if k != "timings.jsonl"
    }


def test_a_mistake_before_the_first_step_does_not_take_the_folder(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped preset once wrote its settings, after which the right one was refused as another run."""
    assert main([*TRAIN.split(), str(tmp_path / "run"), "--model", "preset:nono"]) == 2
    assert main([*TRAIN.split(), str(tmp_path / "run")]) == 0
    assert contents(tmp_path / "run")["model/model.safetensors"] == contents(trained)["model/model.safetensors"]


def test_verify_takes_the_place_of_an_older_file_only_when_it_is_done(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("earlier work\n")
    assert main(["verify", "number@1", "--in", str(place / "half.jsonl"), "--out", str(out)]) == 2
    assert out.read_text() == "earlier work\n"
    assert main(["verify", "number@1", "--in", str(place / "judged.jsonl"), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["verdict"]["passed"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl"]


def test_verify_is_total_on_strange_responses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Surrogates, NUL, a huge line, bytes that are not UTF-8, a byte order mark: judged, and the output is JSON."""
    rows = ["#### 1\\ud800", "\\u0000\\n#### 1", "x" * 3_000_000]
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [f'{{"response": "{row}", "reference": "1"}}'.encode() for row in rows]
    source.write_bytes(b"\xef\xbb\xbf" + b"\n".join([*lines, b'{"response": "#### 1\xff", "reference": "1"}']))
    assert main(["verify", "number@1", "--in", str(source), "--out", str(out)]) == 0
    verdicts = [json.loads(line)["verdict"] for line in out.read_bytes().splitlines()]
    assert [v["passed"] for v in verdicts] == [False, True, False, False]
    assert all(v["gradable"] for v in verdicts)


def test_a_page_takes_strange_responses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"question": "2+2?", "response": text} for text in ("\ud800 #### 4", "\x00</script>", "#### 4")]
    (tmp_path / "said.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "gold.csv").write_bytes(b"\xef\xbb\xbfquestion,answer\n2+2?,4\n")
    policy = ["--policy", f"replay:{tmp_path / 'said.jsonl'}", "--n", "3"]
    command = ["bench", "GSM8K-v0", f"path={tmp_path / 'gold.csv'}", "template={prompt}", *policy]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    assert "3 samples, 2 passed" in capsys.readouterr().out


def test_a_folder_has_one_writer(trained: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, command in ((trained, f"{TRAIN} {trained}"), (place / "run", f"{BENCH} {place / 'run'} -k 2")):
        before = contents(folder)
        with only_writer(folder):
            assert main(command.split()) == 2
        assert "another process is writing to" in capsys.readouterr().err
        assert contents(folder) == before


def rlvr(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own, with as many threads as this one."""
    threads = str(sys.modules["torch"].get_num_threads()) if "torch" in sys.modules else "1"
    return subprocess.Popen(
        [sys.executable, "-m", "rlvr_gym", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": threads},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def stop(process: subprocess.Popen[bytes], number: int, file: Path, lines: int) -> bytes:
    """Send a signal once the file has so many lines; what the process wrote to standard error."""
    deadline = time.monotonic() + 60
    while not file.exists() or file.read_bytes().count(b"\n") < lines:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    return process.communicate(timeout=60)[1]


def test_an_interrupted_benchmark_continues_to_the_same_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "bench Arithmetic-v0 style=compact --policy scripted:0.5 --n 40 --tasks 200 --width 10 --out".split()
    run, whole = tmp_path / "a" / "run", tmp_path / "b" / "run"
    process = rlvr(*command, str(run))
    err = stop(process, signal.SIGINT, run / "samples.jsonl", 40)
    assert process.returncode == 130
    assert err.strip().splitlines() == [b"rlvr bench: interrupted; the same command continues where it stopped"]
    first = (run / "samples.jsonl").read_bytes().count(b"\n")
    process = rlvr(*command, str(run))
    stop(process, signal.SIGKILL, run / "samples.jsonl", first + 40)
    assert process.returncode == -signal.SIGKILL
    assert (run / "samples.jsonl").read_bytes().count(b"\n") < 40 * 200
    assert main([*command, str(run)]) == 0
    assert main([*command, str(whole)]) == 0
    rows = [sorted((folder / "samples.jsonl").read_bytes().splitlines()) for folder in (run, whole)]
    assert len(rows[0]) == 40 * 200
    assert rows[0] == rows[1]
    assert contents(run)["summary.json"] == contents(whole)["summary.json"]


def test_an_interrupted_training_continues_to_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="training needs the extra 'agents'")
    command = TRAIN.replace("--steps 2", "--steps 24").replace("--checkpoint-every 1", "--checkpoint-every 4").split()
    run, whole = tmp_path / "run", tmp_path / "whole"
    process = rlvr(*command, str(run))
    err = stop(process, signal.SIGINT, run / "metrics.jsonl", 6)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == b"rlvr train: interrupted; the same command continues where it stopped"
    assert b"Traceback" not in err
    process = rlvr(*command, str(run))
    stop(process, signal.SIGKILL, run / "metrics.jsonl", 13)
    assert process.returncode == -signal.SIGKILL
    assert not (run / "model").exists()
    assert main([*command, str(run)]) == 0
    assert main([*command, str(whole)]) == 0
    ours, theirs = contents(run), contents(whole)
    for name in ("metrics.jsonl", "base/model.safetensors", "model/model.safetensors"):
        assert ours[name] == theirs[name], name


def test_a_closed_reader_is_no_error() -> None:
    process = rlvr("list")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    assert process.stderr.read() == b""
