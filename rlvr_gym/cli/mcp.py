"""`rlvr mcp`: episodes of an environment with tools, served over MCP."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rlvr_gym.cli import specs
from rlvr_gym.cli.console import warn
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.tools.mcp.episode import ServedEpisodes
from rlvr_gym.envs.tools.mcp.serving import PATH, EpisodeServer, standard_streams
from rlvr_gym.verifiers import ConfigError


def run_mcp(args: argparse.Namespace) -> int:
    """Serve until the client leaves (standard input) or the process is interrupted (HTTP)."""
    check_int("--task", args.task, 0, None)
    if args.http is not None:
        _over_http(args, _address(args.http))
        return 0
    with standard_streams() as (reading, writing):
        _server(args).over_stdio(reading, writing)
    return 0


def _server(args: argparse.Namespace) -> EpisodeServer:
    settings = specs.parse_settings(args.settings)
    full = specs.checked_env(args.env, settings)
    if (sample := sample_settings(full)) and not {"path", "hub"} & settings.keys():
        warn(f"note: {full} reads a file; none was given, so a small sample that comes along is read")
        settings = {**sample, **settings}
    record = None if args.out is None else _recorder(Path(args.out))
    make = specs.env_factory(full, settings)
    return EpisodeServer(lambda: ServedEpisodes(make(), args.task, record), full)


def _over_http(args: argparse.Namespace, address: tuple[str, int]) -> None:
    server = _server(args)
    with socket.create_server(address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as listening:
        host, port = listening.getsockname()[:2]
        warn(f"serving {args.env} at http://{f'[{host}]' if ':' in host else host}:{port}{PATH}")
        server.over_http(listening)


def _address(text: str) -> tuple[str, int]:
    """`127.0.0.1:8000` or `[::1]:8000`; port 0 is any that is free."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError(f"--http takes HOST:PORT such as 127.0.0.1:8000, got {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _recorder(path: Path) -> Callable[[dict[str, Any]], None]:
    if not path.resolve().parent.is_dir() or path.is_dir():
        raise ConfigError(f"cannot write {path}: there is no folder {path.resolve().parent}, or it is a folder itself")
    return partial(_append, path)


def _append(path: Path, row: dict[str, Any]) -> None:
    with path.open("ab") as file:  # a line in one write, so that sessions that end together do not mix theirs
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"))
