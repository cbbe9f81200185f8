"""What the sandbox service answers: SandboxFusion's `POST /run_code`, and further fields of ours.

Source of the schema: github.com/bytedance/SandboxFusion, `sandbox/server/sandbox_api.py`, `sandbox/runners/types.py`.
Our fields are `rlvr` (the number of this protocol), `request_id`, `isolation` and `peer`; and of each command
`cpu_time`, `exit_code`, `signal`, `limit`, `peak_memory_bytes`, and `stdout_b64` and `stderr_b64` where the bytes are
not UTF-8.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.sandbox.languages import find_language
from rlvr_gym.verifiers.sandbox.remote.fields import FieldError, field, from_base64, number, texts, to_base64
from rlvr_gym.verifiers.sandbox.remote.request import Request
from rlvr_gym.verifiers.sandbox.spec import LAYERS, Isolation, RunResult, SandboxError

PROTOCOL = 1

_LIMITS = ("cpu", "wall", "memory", "output", "processes", "file")
_KILLED = 9  # SIGKILL


def write_answer(result: RunResult, *, request_id: str = "", compile_s: float | None = None) -> dict[str, Any]:
    """A result as a JSON object.

    Args:
        result: How the program, or its compiler, ended.
        request_id: As in the request.
        compile_s: Seconds that its compiler took, where it had one and that went well.

    Example:
        >>> result = RunResult(None, 9, b"", b"", "wall", 1.0, 2.0, 4096, Isolation(("rlimits",)))
        >>> data = write_answer(result)
        >>> data["status"], data["run_result"]["status"], data["isolation"]["level"]
        ('Failed', 'TimeLimitExceeded', 'limits')
    """
    compiled = None if compile_s is None else _write_command(_compiled(compile_s))
    refused = result.phase == "compile"
    return _frame("Success" if result.ok else "Failed", "", request_id) | {
        "compile_result": _write_command(result) if refused else compiled,
        "run_result": None if refused else _write_command(result),
        "files": _write_files(result),
        "isolation": write_isolation(result.isolation),
        "peer": None if result.peer is None else _write_peer(result.peer),
    }


def write_built(
    artifact: dict[str, bytes], isolation: Isolation, *, request_id: str, compile_s: float
) -> dict[str, Any]:
    """The answer to a request that only compiles, where that went well: the artifact is its one file."""
    result = replace(_compiled(compile_s), files=artifact)
    return _frame("Success", "", request_id) | {
        "compile_result": _write_command(result),
        "files": _write_files(result),
        "isolation": write_isolation(isolation),
    }


def write_failure(message: str, *, request_id: str = "") -> dict[str, Any]:
    """The answer where the sandbox failed; it says nothing about the program.

    Example:
        >>> write_failure("no room")["status"]
        'SandboxError'
    """
    return _frame("SandboxError", message, request_id)


def write_isolation(isolation: Isolation) -> dict[str, Any]:
    """The layers in force as a JSON object.

    Example:
        >>> write_isolation(Isolation(("rlimits",)))
        {'level': 'limits', 'layers': ['rlimits'], 'missing': {}}
    """
    return {"level": isolation.level, "layers": list(isolation.layers), "missing": dict(isolation.missing)}


def is_ours(data: object) -> bool:
    """Whether an answer comes from a server that knows our further fields.

    Example:
        >>> is_ours({"status": "Success"})
        False
    """
    return isinstance(data, dict) and type(data.get("rlvr")) is int and data["rlvr"] >= 1


def read_answer(data: object, request: Request) -> RunResult:
    """The inverse of `write_answer`, also for what SandboxFusion answers: it says nothing of layers, so there are none.

    Raises:
        SandboxError: The server says that its sandbox failed, or this is no answer to that request.
    """
    if not isinstance(data, dict):
        raise SandboxError(f"the answer is no JSON object: {shown(data)}")
    if data.get("status") not in ("Success", "Failed"):
        raise SandboxError(f"the server says {shown(data.get('status'))}: {shown(data.get('message'), 400)}")
    try:
        return _read_ours(data, request) if is_ours(data) else _read_theirs(data, request)
    except FieldError as error:
        raise SandboxError(f"the answer makes no sense: {error}") from error


def read_isolation(data: object) -> Isolation:
    """The inverse of `write_isolation`; layers that this version does not know are left out.

    Raises:
        FieldError: It is none.

    Example:
        >>> read_isolation({"layers": ["rlimits", "moat"]}).layers
        ('rlimits',)
    """
    if not isinstance(data, dict):
        raise FieldError(f"isolation must be an object, got {shown(data)}")
    missing = {str(name): str(why) for name, why in field(data, "missing", dict, {}).items()}
    return Isolation(tuple(name for name in texts(data, "layers") if name in LAYERS), missing)


def _frame(status: str, message: str, request_id: str) -> dict[str, Any]:
    return {
        "status": status,
        "message": message,
        "compile_result": None,
        "run_result": None,
        "executor_pod_name": os.environ.get("MY_POD_NAME"),
        "files": {},
        "rlvr": PROTOCOL,
        "request_id": request_id or None,
    }


def _compiled(seconds: float) -> RunResult:
    return RunResult(0, None, b"", b"", None, 0.0, seconds, 0, Isolation())


def _write_command(result: RunResult) -> dict[str, Any]:
    timed_out = result.limit in ("cpu", "wall")
    code = result.exit_code if result.exit_code is not None else -(result.signal or _KILLED)
    if result.limit is not None and code == 0:
        code = -_KILLED  # what a limit ended is no success, whatever it managed to say last
    data = {
        "status": "TimeLimitExceeded" if timed_out else "Finished",
        "execution_time": result.wall_s,
        "cpu_time": result.cpu_s,
        "return_code": None if timed_out else code,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "limit": result.limit,
        "peak_memory_bytes": result.peak_memory_bytes,
    }
    for name, content in (("stdout", result.stdout), ("stderr", result.stderr)):
        try:
            data[name] = content.decode()
        except UnicodeDecodeError:
            data[name] = content.decode(errors="replace")
            data[f"{name}_b64"] = to_base64(content)
    return data


def _write_peer(result: RunResult) -> dict[str, Any]:
    return {
        "run_result": _write_command(result),
        "files": _write_files(result),
        "isolation": write_isolation(result.isolation),
    }


def _write_files(result: RunResult) -> dict[str, str]:
    return {path: to_base64(content) for path, content in result.files.items()}


def _read_ours(data: dict[str, Any], request: Request) -> RunResult:
    isolation = read_isolation(data.get("isolation"))
    if data.get("run_result") is None:
        compiler = _read_command(field(data, "compile_result", dict), isolation)
        if not compiler.ok:
            return replace(compiler, phase="compile")
        artifact = find_language(request.spec.language).artifact
        files = _read_files(data, [artifact])
        if not request.build or not files:
            raise FieldError("the compiler succeeded, and nothing came of it")
        return replace(compiler, files=files)
    result = _read_command(field(data, "run_result", dict), isolation)
    result = replace(result, files=_read_files(data, request.spec.collect))
    if (request.spec.peer is None) != (data.get("peer") is None):
        raise FieldError("one of request and answer has a peer, the other has none")
    if request.spec.peer is None:
        return result
    other = field(data, "peer", dict)
    peer = _read_command(field(other, "run_result", dict), read_isolation(other.get("isolation")))
    return replace(result, peer=replace(peer, files=_read_files(other, request.spec.peer.collect)))


def _read_command(data: dict[str, Any], isolation: Isolation) -> RunResult:
    limit = data.get("limit")
    if limit is not None and limit not in _LIMITS:
        raise FieldError(f"there is no limit {shown(limit)}")
    exit_code, signal = field(data, "exit_code", int, None), field(data, "signal", int, None)
    if exit_code is None and signal is None and limit is None:
        raise FieldError("neither exit_code nor signal nor limit says how it ended")
    return RunResult(
        exit_code=exit_code,
        signal=signal,
        stdout=_read_output(data, "stdout"),
        stderr=_read_output(data, "stderr"),
        limit=limit,
        cpu_s=number(data, "cpu_time"),
        wall_s=number(data, "execution_time"),
        peak_memory_bytes=field(data, "peak_memory_bytes", int),
        isolation=isolation,
    )


def _read_theirs(data: dict[str, Any], request: Request) -> RunResult:
    refused = data.get("run_result") is None
    command = field(data, "compile_result" if refused else "run_result", dict)
    status = command.get("status")
    if status not in ("Finished", "TimeLimitExceeded"):
        raise FieldError(f"a command {shown(status)}: {shown(command.get('stderr'), 400)}")
    timed_out = status == "TimeLimitExceeded"
    code = -_KILLED if timed_out else field(command, "return_code", int)
    if refused and code == 0:
        raise FieldError("the compiler succeeded, and nothing was run")
    most = request.spec.limits.output_bytes
    stdout, stderr = _read_output(command, "stdout", ""), _read_output(command, "stderr", "")
    too_much = max(len(stdout), len(stderr)) > most
    return RunResult(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        stdout=stdout[:most],
        stderr=stderr[:most],
        limit="wall" if timed_out else "output" if too_much else None,
        cpu_s=number(command, "cpu_time", 0.0),
        wall_s=number(command, "execution_time", 0.0),
        peak_memory_bytes=0,
        isolation=Isolation(),
        files=_read_files(data, request.spec.collect),
        phase="compile" if refused else "run",
    )


def _read_files(data: dict[str, Any], asked: Iterable[str]) -> dict[str, bytes]:
    files = field(data, "files", dict, {})
    return {path: from_base64(f"files[{shown(path)}]", files[path]) for path in asked if path in files}


def _read_output(data: dict[str, Any], name: str, *default: str) -> bytes:
    if data.get(f"{name}_b64") is not None:
        return from_base64(f"{name}_b64", data[f"{name}_b64"])
    text: str = field(data, name, str, *default)
    return text.encode("utf-8", "surrogatepass")
