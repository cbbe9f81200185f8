"""The wheel carries rlvr_gym alone, and lives beside the distributions that own the names `verifiers` and `agents`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
SUB_PACKAGES = ("verifiers", "reward_shaping", "envs", "agents", "benchmarks", "cli")
HEAVY = ("torch", "transformers", "sympy", "datasets", "matplotlib", "openai", "docker", "ray", "pyarrow")

# The wheel and the environment are built once a session: with pytest-xdist, by one worker.
pytestmark = pytest.mark.xdist_group("packaging")


def run(*command: str | Path, cwd: Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def checked(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, f"{result.args}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


# --- The wheel -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources, so that nothing is written into the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    leave_out = shutil.ignore_patterns(".git", *(pattern.rstrip("/") for pattern in ignored))
    shutil.copytree(ROOT, folder / "source", ignore=leave_out, symlinks=True)
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", ".")
    checked(run(*build, cwd=folder / "source"))
    (path,) = (folder / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="session")
def wheel_names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def metadata_of(wheel: Path) -> Mapping[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def test_the_wheel_has_one_top_level_package(wheel: Path, wheel_names: list[str]) -> None:
    version = metadata_of(wheel)["Version"]
    assert {name.partition("/")[0] for name in wheel_names} == {"rlvr_gym", f"rlvr_gym-{version}.dist-info"}


@pytest.mark.parametrize("package", SUB_PACKAGES)
def test_the_wheel_carries_every_sub_package(package: str, wheel_names: list[str]) -> None:
    assert f"rlvr_gym/{package}/__init__.py" in wheel_names


def test_the_wheel_carries_each_module_and_no_other(wheel_names: list[str]) -> None:
    modules = set()
    for package in SETUPTOOLS["packages"]:
        root = max((root for root in SETUPTOOLS["package-dir"] if f"{package}.".startswith(f"{root}.")), key=len)
        below = package.removeprefix(root).replace(".", "/")
        folder = ROOT / f"{SETUPTOOLS['package-dir'][root]}{below}"
        modules |= {f"{package.replace('.', '/')}/{path.name}" for path in folder.glob("*.py")}
    assert {name for name in wheel_names if name.endswith(".py")} == modules


def test_the_wheel_is_typed_and_carries_its_licence(wheel: Path, wheel_names: list[str]) -> None:
    assert "rlvr_gym/py.typed" in wheel_names
    (licence,) = (name for name in wheel_names if name.endswith(".dist-info/licenses/LICENSE"))
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(licence).decode("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_wheel_leaves_out_what_is_not_the_library(wheel_names: list[str]) -> None:
    strays = {"tests", "docs", "examples", "perf"}
    assert not [name for name in wheel_names if strays & set(name.split("/"))]


# --- Beside the distributions that own the bare names --------------------------------------------------------------


@dataclass(frozen=True)
class CleanEnvironment:
    """A fresh virtual environment with the wheel, its core dependencies and the two stand-ins; and an empty folder."""

    python: Path
    empty: Path

    def answer(self, program: str) -> object:
        """What a fresh interpreter, started in an empty folder, prints as JSON."""
        return json.loads(checked(run(self.python, "-c", program, cwd=self.empty, timeout_s=120)))


def stand_in(folder: Path, distribution: str, package: str) -> Path:
    """A wheel of `distribution` with one package that says whose it is."""
    stem = f"{distribution.replace('-', '_')}-0.1"
    files = {
        f"{package}/__init__.py": f"OWNER = {distribution!r}\n",
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = "".join(f"{name},,\n" for name in [*files, record])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    folder = tmp_path_factory.mktemp("clean")
    environment = CleanEnvironment(folder / "venv" / "bin" / "python", folder / "empty")
    environment.empty.mkdir()
    venv.create(folder / "venv", with_pip=False)
    # The pip of this interpreter; without byte code, of which a few short processes use little.
    pip = (sys.executable, "-m", "pip", "--python", environment.python, "--disable-pip-version-check", "install")
    pip = (*pip, "--quiet", "--no-compile")
    core = [r for r in metadata_of(wheel).get_all("Requires-Dist") if "extra ==" not in r]  # type: ignore[attr-defined]
    result = run(*pip, "--retries", "2", "-c", ROOT / "constraints.txt", *core, cwd=environment.empty)
    if result.returncode and re.search(r"Retrying \(|NewConnectionError|ConnectTimeout|Max retries", result.stderr):
        pytest.skip(f"the package index cannot be reached for {core}")
    checked(result)
    # Without an index: the wheel must be content with its core dependencies.
    stand_ins = [stand_in(folder, "verifiers", "verifiers"), stand_in(folder, "openai-agents", "agents")]
    checked(run(*pip, "--no-index", wheel, *stand_ins, cwd=environment.empty))
    return environment


def test_the_core_dependencies_are_few_and_light(wheel: Path) -> None:
    core = [r for r in metadata_of(wheel).get_all("Requires-Dist") if "extra ==" not in r]  # type: ignore[attr-defined]
    names = sorted(re.split(r"[<>=!~ ;]", requirement)[0] for requirement in core)
    assert names == ["gymnasium", "mpmath", "numpy", "rich", "sympy"]


@pytest.mark.parametrize("order", ["rlvr_gym, verifiers, agents", "agents, verifiers, rlvr_gym"])
def test_each_name_comes_from_its_own_distribution(clean: CleanEnvironment, order: str) -> None:
    program = f"""
import json
from importlib.metadata import packages_distributions
import {order}
import rlvr_gym.verifiers
owners = packages_distributions()
print(json.dumps({{
    "owners": {{name: owners[name] for name in ("rlvr_gym", "verifiers", "agents")}},
    "stand_ins": [verifiers.OWNER, agents.OWNER],
    "ours": rlvr_gym.verifiers.make_verifier("number@1").verify("#### 4", 4).passed,
    "apart": rlvr_gym.verifiers is not verifiers,
}}))
"""
    assert clean.answer(program) == {
        "owners": {"rlvr_gym": ["rlvr-gym"], "verifiers": ["verifiers"], "agents": ["openai-agents"]},
        "stand_ins": ["verifiers", "openai-agents"],
        "ours": True,
        "apart": True,
    }


def test_an_environment_is_made_with_no_other_import(clean: CleanEnvironment) -> None:
    program = """
import json
import gymnasium
env = gymnasium.make("rlvr_gym:rlvr/Arithmetic-v0")
obs, info = env.reset(seed=0)
_, reward, terminated, truncated, info = env.step("no idea")
print(json.dumps([type(obs).__name__, reward, terminated, truncated, info["passed"]]))
"""
    assert clean.answer(program) == ["str", 0.0, True, False, False]


def test_the_core_alone_imports_verifiers_shaping_and_environments(clean: CleanEnvironment) -> None:
    program = """
import json
import rlvr_gym, rlvr_gym.verifiers, rlvr_gym.reward_shaping, rlvr_gym.envs
print(json.dumps(len(rlvr_gym.env_ids()) > 0))
"""
    assert clean.answer(program) is True


# --- Light imports -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "import rlvr_gym",
        "import gymnasium; gymnasium.make('rlvr_gym:rlvr/Arithmetic-v0').reset(seed=0)",
    ],
)
def test_nothing_heavy_is_loaded(program: str, tmp_path: Path) -> None:
    loaded = f"{program}\nimport sys\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    assert checked(run(sys.executable, "-c", loaded, cwd=tmp_path, timeout_s=60)).split() == []
