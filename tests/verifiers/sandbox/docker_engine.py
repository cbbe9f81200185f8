"""A real Docker engine for tests: started in a temporary folder, with an image made from this machine's distribution.

No registry is asked. The image is built once with debootstrap, from the mirror that this machine's package manager
uses, and its tarball is kept beside the system's temporary files. Workers of one pytest run share one engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

IMAGE = "rlvr-gym-test"
VOLUME_IMAGE = f"{IMAGE}-volume"  # declares a volume where everybody may write
EMPTY_IMAGE = f"{IMAGE}-empty"  # has nothing that could be run

_START_S = 60.0
_BUILD_S = 400.0
_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./var/cache", "./var/lib/apt", "./dev")


class CannotRunError(Exception):
    """This machine cannot run an engine, and why."""


class Engine:
    """One engine in a folder of its own.

    Args:
        folder: For its socket and all that it stores; its path must be short.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/engine.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        if not self.folder.exists():  # in memory, since an image has thousands of files
            self.folder.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "engine", str(self.folder)], check=False)
        for left in ("engine.pid", "engine.sock", "exec/containerd/containerd.pid"):
            (self.folder / left).unlink(missing_ok=True)
        command = [
            *("dockerd", f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec", f"--host={self.host}"),
            *(f"--pidfile={self.folder}/engine.pid", "--bridge=none", "--iptables=false", "--ip6tables=false"),
            "--log-level=warn",
        ]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PATH": _path()}
            )
        until = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                lines = (self.folder / "log").read_text(errors="replace").splitlines()
                raise CannotRunError("dockerd does not start: " + " | ".join(lines[-3:]))
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        """End it, and all of its containers."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
            self._process.kill()
            self._process.wait()

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        self.stop()
        for path in Path("/proc").glob("[0-9]*/cmdline"):  # what a killed engine left behind
            with contextlib.suppress(OSError):
                if f"{self.folder}/exec/".encode() in path.read_bytes():
                    os.kill(int(path.parent.name), signal.SIGKILL)
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def load(self, tarball: Path, image: str) -> None:
        """Make an image of a tarball of a root file system."""
        with tarball.open("rb") as file:
            headers = {"Content-Length": str(tarball.stat().st_size)}
            answer = self._exchange("POST", f"/images/create?fromSrc=-&repo={image}", file, headers)
        if b'"error"' in answer:
            raise CannotRunError(f"the engine does not take the image: {answer[-300:]!r}")

    def derive(self, image: str, name: str, change: str) -> None:
        """Make an image out of another by one instruction, with `%20` for blanks."""
        made = self.ask("POST", "/containers/create", {"Image": image, "Cmd": ["true"]})["Id"]
        self.ask("POST", f"/commit?container={made}&repo={name}&changes={change}")
        self.ask("DELETE", f"/containers/{made}")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request to it; the decoded answer."""
        text = None if body is None else json.dumps(body).encode()
        data = self._exchange(method, path, text, {"Content-Type": "application/json"})
        return json.loads(data) if data.strip() else None

    def containers(self, label: str = "", *, running: bool = False) -> set[str]:
        """The ids of all containers with a label."""
        chosen = quote(json.dumps({"label": [label] if label else []}))
        return {one["Id"] for one in self.ask("GET", f"/containers/json?all={int(not running)}&filters={chosen}")}

    def _answers(self) -> bool:
        try:
            return self._exchange("GET", "/_ping") == b"OK"
        except (OSError, http.client.HTTPException):
            return False

    def _exchange(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> bytes:
        connection = http.client.HTTPConnection("docker")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(_START_S)
            connection.sock.connect(self.host.removeprefix("unix://"))
            connection.request(method, path, body, headers or {})
            return connection.getresponse().read()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine that all workers of this run share; skips where none can run."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    started = Engine(shared / "docker")
    with (shared / "docker.users").open("w") as users:
        with _locked(shared / "docker.lock"):
            told = shared / "docker.told"
            mine = not told.exists()
            if mine:
                told.write_text(_start(started))
            fcntl.flock(users, fcntl.LOCK_SH)
        if told.read_text():
            pytest.skip(told.read_text())
        yield started
        if mine:
            fcntl.flock(users, fcntl.LOCK_EX)  # which waits until no other worker uses it
            started.remove()


@pytest.fixture
def own_engine(engine: Engine) -> Iterator[Engine]:
    """An engine that a test may kill."""
    with tempfile.TemporaryDirectory(prefix="dk") as folder:
        started = Engine(Path(folder) / "e")
        try:
            started.start()
            started.load(_tarball(), IMAGE)
            yield started
        finally:
            started.remove()


def _start(engine: Engine) -> str:
    """Start an engine and give it the images; returns why that is not possible, or nothing."""
    try:
        for tool in ("dockerd", "debootstrap", "tar"):
            if shutil.which(tool, path=_path()) is None:
                raise CannotRunError(f"{tool} is not installed")
        if os.geteuid() != 0:
            raise CannotRunError("only root can start an engine")
        root = _tarball()
        engine.start()
        engine.load(root, IMAGE)
        engine.derive(IMAGE, VOLUME_IMAGE, "VOLUME%20/var/tmp")
        empty = engine.folder / "empty.tar"
        with tarfile.open(empty, "w") as archive:
            entry = tarfile.TarInfo("tmp")
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(entry)
        engine.load(empty, EMPTY_IMAGE)
    except CannotRunError as error:
        engine.remove()
        return f"no Docker engine: {error}"
    return ""


def _tarball() -> Path:
    """The root file system of the image, built once and kept."""
    suite, mirror = _suite_and_mirror()
    folder = Path(tempfile.gettempdir()) / f"rlvr-gym-images-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise CannotRunError(f"{folder} belongs to somebody else")
    kept = folder / f"{suite}.tar"
    with _locked(folder / f"{suite}.lock"):
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
                root, packed = Path(scratch, "root"), Path(scratch, "root.tar")
                command = ["debootstrap", "--variant=minbase", "--include=python3", suite, str(root), *mirror]
                _run(command, "debootstrap cannot fetch the packages")
                left_out = [f"--exclude={path}/*" for path in _LEFT_OUT]
                _run(["tar", "-C", str(root), *left_out, "-cf", str(packed), "."], "tar fails")
                packed.replace(kept)
    return kept


def _suite_and_mirror() -> tuple[str, list[str]]:
    """What this machine's package manager installs from; debootstrap's own default where that is not told."""
    names = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())
    suite = names.get("VERSION_CODENAME", "stable").strip('"')
    lists = Path("/etc/apt")
    for path in [lists / "sources.list", *sorted(lists.glob("sources.list.d/*"))]:
        text = path.read_text() if path.is_file() else ""
        for part in text.split("\n\n"):
            fields = dict(line.partition(":")[::2] for line in part.splitlines() if not line.startswith("#"))
            if suite in fields.get("Suites", "").split():
                return suite, fields.get("URIs", "").split()[:1]
        for words in (line.split() for line in text.splitlines()):
            if words[:1] == ["deb"] and suite in words:
                return suite, [words[words.index(suite) - 1]]
    return suite, []


def _run(command: list[str], complaint: str) -> None:
    environment = {**os.environ, "PATH": _path(), "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=_BUILD_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRunError(f"{complaint}: it takes longer than {_BUILD_S:g} s") from error
    if done.returncode != 0:
        raise CannotRunError(f"{complaint}: " + " | ".join((done.stdout + done.stderr).splitlines()[-3:]))


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
