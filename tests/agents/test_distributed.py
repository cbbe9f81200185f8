"""Several processes: two over gloo take the steps that one takes, and a run that lost one of them goes on exactly."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")
pytest.importorskip("accelerate", reason="several processes need the extra 'accelerate'")

import gymnasium as gym  # noqa: E402
from rlvr_gym.agents import TrainConfig, Trainer, build_preset, recipes  # noqa: E402
from rlvr_gym.agents.checkpoint import checkpoints  # noqa: E402
from rlvr_gym.agents.models import LanguageModel  # noqa: E402
from rlvr_gym.agents.ranks import Ranks  # noqa: E402
from rlvr_gym.agents.tracking import read_json_lines  # noqa: E402
from rlvr_gym.envs import TextEnv, Transition  # noqa: E402
from rlvr_gym.verifiers import ConfigError, MissingExtraError  # noqa: E402

pytestmark = pytest.mark.xdist_group("distributed")  # its processes are started once

LONGER = {"steps": 3, "checkpoint_every": 1}


class Case(NamedTuple):
    """A run: a recipe, its pieces, and settings."""

    recipe: str
    pieces: Mapping[str, Any] = {}
    settings: Mapping[str, Any] = {}


CASES = {
    "grpo": Case("grpo", {"reference_every": 1, "reference_decay": 0.5}, {"eval_every": 2, "eval_episodes": 8}),
    "dapo": Case("dapo"),
    "ppo": Case("ppo", {"updates": 2, "minibatches": 2}),
    "gvpo": Case("gvpo"),
    "eepo": Case("eepo"),  # the first process plays all prompts, since the others' responses are unlearnt too
    "lora": Case("grpo", settings={"lora": 2, "gradient_checkpointing": True}),
}
if find_spec("peft") is None:
    del CASES["lora"]
SHARDED = ("dapo", "rest-em", *(["lora"] if "lora" in CASES else []))
CASES["rest-em"] = Case("rest-em", {"updates": 2})


class Low(TextEnv):
    """Pays for a response that begins with 0, 1 or 2."""

    def transition(self, action: str) -> Transition:
        return Transition(verdict=self.verifier.verify("7" if action[:1] in {"0", "1", "2"} else "8", 7))


def make_env() -> gym.Env[str, str]:
    env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact", disable_env_checker=True).unwrapped
    assert isinstance(env, TextEnv)
    return Low(env.taskset, env.verifier)


def start() -> LanguageModel:
    return build_preset("nano", alphabet="0123456789+=")


def trainer(name: str, folder: Path, ranks: Ranks, **changes: Any) -> Trainer:
    """Three prompts and micro-batches of two rows: shares of two processes differ, and so do the passes they need."""
    case = CASES[name]
    settings = {"steps": 2, "prompts": 3, "max_new_tokens": 3, "micro_batch": 2, "learning_rate": 1e-4, **case.settings}
    recipe = recipes.get(case.recipe, group_size=4, **case.pieces)
    config = TrainConfig(**{**settings, **changes})
    return Trainer(make_env, start, recipe, config, folder / name, make_eval_env=make_env, ranks=ranks)


class Sharder:
    """An accelerator that shards as FSDP of version 2 does, by PyTorch's own function: accelerate needs GPUs for it."""

    is_fsdp2, mixed_precision, gradient_accumulation_steps, num_processes = True, "no", 1, 2
    device = torch.device("cpu")

    def __init__(self, rank: int) -> None:
        self.process_index = rank
        self.distributed_type, self.state = Launcher.Kind("FSDP"), Launcher.State()

    def prepare(self, module: Any, optimizer: Any) -> tuple[Any, Any]:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        names = {parameter: name for name, parameter in module.named_parameters()}
        groups = [[names[parameter] for parameter in group["params"]] for group in optimizer.param_groups]
        mesh = init_device_mesh("cpu", (2,))
        for part in (*module.policy.model.layers, module):
            fully_shard(part, mesh=mesh)
        now = dict(module.named_parameters())
        for group, known in zip(optimizer.param_groups, groups, strict=True):
            group["params"] = [now[name] for name in known]
        optimizer.optimizer = optimizer
        return module, optimizer

    @contextmanager
    def no_sync(self, module: Any) -> Iterator[None]:
        module.set_requires_gradient_sync(False)
        yield
        module.set_requires_gradient_sync(True)

    def backward(self, loss: Any) -> None:
        loss.backward()

    def reduce(self, values: Any, how: str) -> Any:
        assert how == "sum"
        torch.distributed.all_reduce(values)
        return values


# Imports what every process needs, once. For each line it forks processes, or says how one of them ended.
NURSERY = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import pathlib, time
import test_distributed as t
for line in sys.stdin:
    request = json.loads(line)
    if "pid" in request:
        pid, status = os.waitpid(request["pid"], os.WNOHANG)
        print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
        continue
    pids = []
    for rank, errors in enumerate(request["errors"]):
        pids.append(os.fork())
        if not pids[-1]:
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.environ.update(request["env"], RANK=str(rank), LOCAL_RANK=str(rank))
            sys.argv[1:] = request["words"]
            exec(request["program"])
            raise SystemExit
    print(json.dumps(pids), flush=True)
"""


class Nursery:
    """The process that forks the others: it speaks in lines of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def asked(self, **request: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Forked(NamedTuple):
    """A process of the nursery, and where its standard error goes."""

    nursery: Nursery
    pid: int
    errors: Path

    def exit_code(self, timeout_s: float) -> int | None:
        """How it ended, negative for a signal; None if it runs on. To be asked no more once it has ended."""
        deadline = time.monotonic() + timeout_s
        while (code := self.nursery.asked(pid=self.pid)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert code is None or isinstance(code, int)
        return code


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    command = [sys.executable, "-c", NURSERY, str(Path(__file__).parent)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        yield Nursery(process)


def launched(nursery: Nursery, folder: Path, program: str, *words: Any) -> list[Forked]:
    """Two processes with what `torchrun` and `accelerate launch` tell theirs, this module as `t`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    errors = [folder / f"errors-{rank}.txt" for rank in range(2)]
    pids = nursery.asked(program=program, words=[*map(str, words)], env=env, errors=[*map(str, errors)])
    return [Forked(nursery, pid, file) for pid, file in zip(pids, errors, strict=True)]


@pytest.fixture(scope="module")
def lost(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes of which the second was killed after the first checkpoint."""
    folder = tmp_path_factory.mktemp("lost")
    program = (
        "t.trainer('grpo', pathlib.Path(sys.argv[1]), t.Ranks.launched(), **t.LONGER).run(lambda m: time.sleep(0.3))"
    )
    first, second = launched(nursery, folder, program, folder)
    deadline = time.monotonic() + 120
    while not checkpoints(folder / "grpo" / "checkpoints") and time.monotonic() < deadline:
        assert second.exit_code(0) is None, second.errors.read_text()
        time.sleep(0.02)
    os.kill(second.pid, signal.SIGKILL)
    assert first.exit_code(120) not in {0, None}
    assert second.exit_code(120) == -signal.SIGKILL
    assert "Error" in first.errors.read_text().splitlines()[-1]
    assert checkpoints(folder / "grpo" / "checkpoints")
    assert not (folder / "grpo" / "model").exists()
    return folder


@pytest.fixture(scope="module")
def two(nursery: Nursery, lost: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every recipe, trained by two processes, which also take up the run that was lost, and make it as a whole."""
    folder = tmp_path_factory.mktemp("two")
    program = (
        "ranks, place = t.Ranks.launched(), pathlib.Path(sys.argv[1])\n"
        "for name in t.CASES: t.trainer(name, place, ranks).run()\n"
        "sharded = t.Ranks(t.Sharder(ranks.rank))\n"
        "t.trainer('dapo', place / 'sharded', sharded, steps=1).run()\n"
        "for name in t.SHARDED: t.trainer(name, place / 'sharded', sharded).run()\n"
        "for each in (pathlib.Path(sys.argv[2]), place / 'whole'): t.trainer('grpo', each, ranks, **t.LONGER).run()\n"
        "try: t.trainer('grpo', place, ranks, learning_rate=0.5)\n"
        "except t.ConfigError as error: (place / f'refused-{ranks.rank}').write_text(str(error))\n"
    )
    processes = launched(nursery, folder, program, folder, lost)
    codes = [process.exit_code(200) for process in processes]
    assert codes == [0, 0], "\n".join(process.errors.read_text() for process in processes)
    return folder


def weights(file: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(file)  # type: ignore[no-any-return]


def distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return sum(float((one[name] - other[name]).square().sum()) for name in one) ** 0.5


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every recipe, trained by one process."""
    folder = tmp_path_factory.mktemp("one")
    for name in CASES:
        trainer(name, folder, Ranks.alone()).run()
    return folder


def check_equal(ours: Path, theirs: Path) -> None:
    """Adam divides gradients by their size, so a wrong factor of them shows in `grad_norm` alone."""
    found, expected, base = (
        weights(folder / "model.safetensors") for folder in (ours / "model", theirs / "model", theirs / "base")
    )
    moved = distance(expected, base)
    assert moved > 1e-3
    assert distance(found, expected) < 1e-4 * moved
    assert all(torch.allclose(found[key], expected[key], atol=1e-5) for key in expected)
    rows = [read_json_lines(folder / "metrics.jsonl") for folder in (ours, theirs)]
    assert rows[0] == [pytest.approx(row, rel=1e-4, abs=1e-5) for row in rows[1]]
    said = [[row["response"] for row in read_json_lines(folder / "completions.jsonl")] for folder in (ours, theirs)]
    assert said[0] == said[1]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_take_the_steps_of_one(two: Path, one: Path, name: str) -> None:
    check_equal(two / name, one / name)


@pytest.mark.parametrize("name", SHARDED)
def test_sharded_parameters_take_the_same_steps(two: Path, one: Path, name: str) -> None:
    """The run of DAPO was resumed after its first step."""
    check_equal(two / "sharded" / name, one / name)


@pytest.mark.parametrize("place", ["", "sharded"])
def test_a_run_goes_on_with_another_number_of_processes(two: Path, one: Path, tmp_path: Path, place: str) -> None:
    for name, before in (("ours", two / place), ("theirs", one)):
        shutil.copytree(before / "dapo", tmp_path / name / "dapo")
        trainer("dapo", tmp_path / name, Ranks.alone(), steps=3).run()
    check_equal(tmp_path / "ours" / "dapo", tmp_path / "theirs" / "dapo")


def test_a_refilled_batch_had_to_be_refilled(two: Path) -> None:
    assert max(row["rounds"] for row in read_json_lines(two / "dapo" / "metrics.jsonl")) > 1


def test_the_critic_is_the_same(two: Path, one: Path) -> None:
    place = Path("ppo") / "checkpoints" / "step-000002" / "critic.safetensors"
    ours, theirs = weights(two / place), weights(one / place)
    assert all(torch.allclose(ours[key], theirs[key], atol=1e-5) for key in theirs)
    assert theirs["head.weight"].any()


def test_a_run_that_lost_a_process_goes_on_exactly(two: Path, lost: Path) -> None:
    resumed, whole = lost / "grpo", two / "whole" / "grpo"
    for name in ("model/model.safetensors", "metrics.jsonl", "checkpoints/step-000003/optimizer.safetensors"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_an_error_of_the_first_process_is_raised_in_all(two: Path) -> None:
    for rank in range(2):
        assert "train.learning_rate: 0.0001 there, 0.5 now" in (two / f"refused-{rank}").read_text()


@pytest.mark.parametrize(("count", "expected"), [(5, ([[0], [2, 4]], [[1], [3]])), (1, ([[0]], [[]])), (0, ([], []))])
def test_every_process_makes_as_many_passes(count: int, expected: tuple[list[list[int]], ...]) -> None:
    for rank in range(2):
        ranks = Ranks(Launcher(process_index=rank, num_processes=2))
        assert [part.tolist() for part in ranks.micro_batches(torch.ones(count), 2)] == expected[rank]


def test_rows_of_about_one_length_go_together() -> None:
    """By hand: of 30 rows of 100, 24 are a part at its bound; 6 go with the 18 of 80; then come those of 20."""
    lengths = torch.tensor([20] * 300 + [80] * 18 + [100] * 30)
    parts = Ranks.alone().micro_batches(lengths, rows=24)
    assert [len(part) for part in parts][-2:] == [24, 24]
    assert [int(lengths[part].max()) for part in parts][-2:] == [100, 100]
    assert all(int(lengths[part].max()) == 20 for part in parts[:-2])
    assert torch.equal(torch.cat(parts), torch.arange(len(lengths)))
    assert max(len(part) for part in parts) <= 24
    whole = Ranks.alone().micro_batches(torch.tensor([3, 60, 64]), rows=512)
    assert [part.tolist() for part in whole] == [[0, 1, 2]]  # too few tokens to be worth a pass more


def test_on_a_cpu_a_part_ends_with_two_thousand_tokens() -> None:
    """By hand: 28 rows of 74 are the first with 2,048 tokens or more; 128 rows are four such parts and 16 rows."""
    parts = Ranks.alone().micro_batches(torch.tensor([74] * 128), rows=512, small=True)
    assert [len(part) for part in parts] == [16, 28, 28, 28, 28]
    assert torch.equal(torch.cat(parts), torch.arange(128))
    assert [len(part) for part in Ranks.alone().micro_batches(torch.tensor([74] * 128), rows=512)] == [128]
    assert [len(part) for part in Ranks.alone().micro_batches(torch.tensor([3000] * 2), rows=512, small=True)] == [1, 1]


class Launcher:
    """What `Ranks` looks at of an `Accelerator`."""

    class Kind:
        def __init__(self, value: str) -> None:
            self.value = value

    class State:
        def __init__(self, efficient: bool = False) -> None:
            self.fsdp_plugin = SimpleNamespace(cpu_ram_efficient_loading=efficient)

    def __init__(self, kind: str = "MULTI_CPU", **changes: Any) -> None:
        self.distributed_type, self.state = self.Kind(kind), self.State()
        self.process_index, self.num_processes = 0, 1
        self.mixed_precision, self.gradient_accumulation_steps, self.is_fsdp2 = "no", 1, False
        self.__dict__ |= changes


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        (Launcher(mixed_precision="bf16"), "choose --precision"),
        (Launcher(gradient_accumulation_steps=2), "--micro-batch"),
        (Launcher("DEEPSPEED"), "got DEEPSPEED"),
        (Launcher("FSDP"), "FSDP of version 2"),
        (Launcher("FSDP", is_fsdp2=True, state=Launcher.State(efficient=True)), "cpu_ram_efficient_loading to false"),
    ],
)
def test_refused_accelerators(launcher: Launcher, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Ranks(launcher)


def test_a_critic_beside_sharded_parameters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose DDP or another recipe"):
        trainer("ppo", tmp_path, Ranks(Launcher("FSDP", is_fsdp2=True)))


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert Ranks.launched().size == 1  # nothing launched this process, so nothing is needed
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(MissingExtraError, match=r"rlvr-gym\[accelerate\]"):
        Ranks.launched()
