"""What a client asks of the sandbox service: SandboxFusion's `POST /run_code`, and further fields of ours.

Source of the schema: github.com/bytedance/SandboxFusion, `sandbox/server/sandbox_api.py`. A server that does not know
our fields ignores them: `limits` (all of `Limits`), `argv`, `stdin_b64`, `peer`, `request_id`, `min_isolation` and
`build` (compile only, and answer with the artifact).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import Any

from rlvr_gym.verifiers.errors import ConfigError, UnknownNameError, shown
from rlvr_gym.verifiers.sandbox.languages import find_language
from rlvr_gym.verifiers.sandbox.remote.fields import FieldError, field, from_base64, number, texts, to_base64
from rlvr_gym.verifiers.sandbox.spec import COMPILE_LIMITS, MIB, Limits, RunSpec, check_level, encoded

# What a request may ask of a server at most, unless its operator says otherwise. A request that names no memory gets
# all of it, as it does where SandboxFusion isolates.
MOST = Limits(
    cpu_s=3600,
    wall_s=300,
    memory_bytes=4096 * MIB,
    output_bytes=64 * MIB,
    processes=1024,
    file_bytes=256 * MIB,
    disk_bytes=1024 * MIB,
    open_files=4096,
)

_DEFAULT_TIMEOUT_S = 10.0
_THEIR_LANGUAGES = {"javascript": "nodejs"}
_OUR_LANGUAGES = {"nodejs": "javascript", "js": "javascript"}
_REQUEST_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class Request:
    """What a client asks for.

    Args:
        spec: The program.
        request_id: Requests with the same id are one; empty where the client gave none.
        build: Only compile.
        min_isolation: The client takes no result below this level.
    """

    spec: RunSpec
    request_id: str = ""
    build: bool = False
    min_isolation: str = "none"


def write_request(request: Request) -> dict[str, Any]:
    """A request as a JSON object.

    Example:
        >>> data = write_request(Request(RunSpec("console.log(1)", "javascript", limits=Limits(wall_s=2))))
        >>> data["language"], data["run_timeout"], data["limits"]["wall_s"]
        ('nodejs', 2.0, 2.0)
    """
    spec = request.spec
    reserves = find_language(spec.language).reserves  # a limit on address space, as theirs is, would stop it at once
    data = _write_program(spec) | {
        "compile_timeout": spec.compile_limits.wall_s,
        "run_timeout": spec.limits.wall_s,
        "memory_limit_MB": -1 if reserves else -(-spec.limits.memory_bytes // MIB),
        "request_id": request.request_id or None,
        "min_isolation": request.min_isolation,
    }
    if request.build:  # the limits of a compiler are the server's
        data = {key: value for key, value in data.items() if key not in ("limits", "run_timeout", "memory_limit_MB")}
        data["build"] = True
    if spec.peer is not None:
        data["peer"] = _write_program(spec.peer)
    return data


def needs_ours(spec: RunSpec) -> str:
    """What a program needs that SandboxFusion does not have, in words; empty where there is nothing.

    Example:
        >>> needs_ours(RunSpec("print(1)", argv=("x",)))
        'arguments (argv)'
    """
    artifact = find_language(spec.language).artifact
    found = {
        "arguments (argv)": spec.argv,
        "a peer": spec.peer,
        "stdin that is not UTF-8": "stdin_b64" in _write_stdin(spec),
        "a program that is built already": artifact and artifact in spec.files,
    }
    return ", ".join(name for name, needed in found.items() if needed)


def read_request(data: object, most: Limits = MOST) -> Request:
    """The inverse of `write_request`, for whatever anybody may have sent.

    Args:
        data: A decoded JSON value.
        most: What may be asked for at most.

    Raises:
        FieldError: It is no request; the message names the field.

    Example:
        >>> read_request({"code": "print(1)", "language": "python", "run_timeout": 3}).spec.limits.wall_s
        3.0
    """
    if not isinstance(data, dict):
        raise FieldError(f"a request is a JSON object, got {shown(data)}")
    compile_s = number(data, "compile_timeout", _DEFAULT_TIMEOUT_S) or _DEFAULT_TIMEOUT_S
    compile_limits = replace(COMPILE_LIMITS, wall_s=min(compile_s, COMPILE_LIMITS.wall_s))
    request_id = field(data, "request_id", str, "")
    if request_id and not _REQUEST_ID.fullmatch(request_id):
        raise FieldError("request_id must be 1 to 128 printable ASCII characters without spaces")
    try:
        plain = _plain_limits(data, most)
        spec = _read_program(data, plain, most)
        if data.get("peer") is not None:
            spec = replace(spec, peer=_read_program(field(data, "peer", dict), plain, most))
        spec = replace(spec, compile_limits=compile_limits)
        level = check_level(field(data, "min_isolation", str, "none"))
    except (ConfigError, UnknownNameError) as error:
        raise FieldError(str(error)) from error
    build = field(data, "build", bool, False)
    if build and not find_language(spec.language).compile:
        raise FieldError(f"build: {spec.language} has no compiler")
    return Request(spec, request_id, build, level)


def _write_program(spec: RunSpec) -> dict[str, Any]:
    return {
        "code": spec.code,
        "language": _THEIR_LANGUAGES.get(spec.language, spec.language),
        "files": {path: to_base64(encoded(path, content)) for path, content in spec.files.items()},
        "fetch_files": list(spec.collect),
        "limits": spec.limits.to_dict(),
        "argv": list(spec.argv),
        **_write_stdin(spec),
    }


def _write_stdin(spec: RunSpec) -> dict[str, str]:
    stdin = encoded("stdin", spec.stdin)
    try:
        return {"stdin": stdin.decode()}
    except UnicodeDecodeError:
        return {"stdin_b64": to_base64(stdin)}


def _read_program(data: dict[str, Any], plain: Limits, most: Limits) -> RunSpec:
    language = field(data, "language", str)
    language = _OUR_LANGUAGES.get(language, language)
    find_language(language)
    limits = Limits.from_dict({**plain.to_dict(), **field(data, "limits", dict, {})})
    for name, value in most.to_dict().items():
        if getattr(limits, name) > value:
            raise FieldError(f"limit {name} is {getattr(limits, name):g}; this server grants at most {value:g}")
    stdin: bytes | str = field(data, "stdin", str, "")
    if data.get("stdin_b64") is not None:
        stdin = from_base64("stdin_b64", data["stdin_b64"])
    files = field(data, "files", dict, {})
    return RunSpec(
        code=field(data, "code", str),
        language=language,
        stdin=stdin,
        argv=tuple(texts(data, "argv")),
        # SandboxFusion passes over files without a content
        files={path: from_base64(f"files[{shown(path)}]", text) for path, text in files.items() if text is not None},
        collect=tuple(texts(data, "fetch_files")),
        limits=limits,
    )


def _plain_limits(data: dict[str, Any], most: Limits) -> Limits:
    """What a plain request of SandboxFusion means: it limits time on the clock, from which processor time follows."""
    wall_s = number(data, "run_timeout", min(_DEFAULT_TIMEOUT_S, most.wall_s))
    if not 0 < wall_s <= most.wall_s:
        raise FieldError(f"run_timeout is {wall_s:g} s; this server grants more than 0 and at most {most.wall_s:g}")
    memory = field(data, "memory_limit_MB", float, -1)
    if not -(2**40) < memory < 2**40 or memory != int(memory):
        raise FieldError(f"memory_limit_MB must be a whole number, got {shown(memory)}")
    default = Limits().to_dict()
    wanted = default | {
        "wall_s": wall_s,
        "cpu_s": wall_s * (os.cpu_count() or 1),
        "memory_bytes": int(memory) * MIB if memory > 0 else most.memory_bytes,
    }
    asked = ("wall_s", "memory_bytes")
    return Limits(**{k: v if k in asked else min(v, getattr(most, k)) for k, v in wanted.items()})
