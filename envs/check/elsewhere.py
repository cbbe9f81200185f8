"""Check of another process: other hash seed, other memory addresses, the same episodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from gymnasium.envs.registration import EnvSpec
from rlvr_gym.envs.check.play import Record, difference, play
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import Subject, made
from rlvr_gym.verifiers import RlvrError

HASH_SEEDS = ("4321", "1234")
TIMEOUT_S = 300
CODE = "from rlvr_gym.envs.check.elsewhere import serve; serve()"


class ProcessError(RlvrError, RuntimeError):
    """The other process did not answer."""


def process(subject: Subject) -> str | None:
    """A process with another hash seed plays the same episodes."""
    job = job_of(subject)
    records = played_elsewhere([job])[0]
    return compared(subject, records)


def job_of(subject: Subject) -> dict[str, Any]:
    """What another process needs to play this environment: spec, seeds and answers.

    Raises:
        NotApplicable: Another process could not make it.
    """
    spec = subject.spec
    if spec is None:
        raise NotApplicable("needs an environment with a spec: make it with gym.make, or give an id")
    if not isinstance(spec.entry_point, str) or spec.entry_point.startswith("__main__:"):
        raise NotApplicable(f"needs an entry point that another process can import, not {spec.entry_point!r}")
    plays = [{"seed": seed, "actions": subject.script(seed)} for seed in subject.seeds]
    return {"spec": spec.to_json(), "render_mode": subject.render_mode, "plays": plays}


def compared(subject: Subject, records: Sequence[Record]) -> str | None:
    """What differs between the records of another process and what is expected here."""
    for seed, record in zip(subject.seeds, records, strict=True):
        if found := difference(record, subject.expected(seed), f"seed {seed} in another process, moment"):
            return found
    return None


def played_elsewhere(jobs: Sequence[dict[str, Any]]) -> list[list[Record]]:
    """The records of all jobs, from one other process.

    Raises:
        ProcessError: It failed; the text is its last line.
    """
    first, second = HASH_SEEDS
    hash_seed = second if os.environ.get("PYTHONHASHSEED") == first else first
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
    )
    if done.returncode != 0:
        raise ProcessError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    records: list[list[Record]] = json.loads(done.stdout.splitlines()[-1])
    return records


def serve(source: TextIO | None = None, sink: TextIO | None = None) -> None:
    """Play the jobs that stand on standard input; the other side of `played_elsewhere`."""
    jobs = json.load(source or sys.stdin)
    records = []
    for job in jobs:
        env = made(EnvSpec.from_json(job["spec"]), job["render_mode"])
        records.append([play(env, each["seed"], each["actions"]) for each in job["plays"]])
        env.close()
    (sink or sys.stdout).write("\n" + json.dumps(records) + "\n")


CHECKS = (
    Check(
        "process",
        "Another process, with another PYTHONHASHSEED, plays the same episodes.",
        "Replace hash() by hashlib, and sort sets before anything depends on their order.",
        process,
        ("same_seed", "clean_reset", "spec_json"),
    ),
)
