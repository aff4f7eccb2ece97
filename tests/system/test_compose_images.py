"""The Dockerfiles: what each image is built from, and what a container of it may do."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT, shown
from tests.system.compose_images import instructions, last_stage, read_image

FILES = [
    ROOT / "registry" / "Dockerfile",
    ROOT / "broker_bridge" / "Dockerfile",
    ROOT / "examples/shop/Dockerfile",
]


def _arguments(path: Path, word: str) -> list[str]:
    return [argument for each, argument in instructions(path) if each == word]


def test_every_stage_of_every_image_begins_from_one_and_the_same_python() -> None:
    begun = {argument.partition(" AS ")[0] for path in FILES for argument in _arguments(path, "FROM")}
    assert len(begun) == 1
    assert re.fullmatch(r"python:3\.1[1-3]-slim-[a-z]+", begun.pop())


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_an_image_takes_packages_by_their_hashes_and_nothing_else(path: Path) -> None:
    installs = [
        part for run in _arguments(path, "RUN") for part in run.split("&&") if " install " in part and "pip" in part
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-deps --no-index" in each for each in installs)
    assert not [run for run in _arguments(path, "RUN") if "apt" in run]


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_everything_an_image_copies_is_there_and_in_its_context(path: Path) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for argument in _arguments(path, "COPY"):
        if argument.startswith("--from"):
            continue
        for source in argument.split()[:-1]:
            assert list(ROOT.glob(source)), f"{source} is not there"
            assert any(fnmatch(source, name) or source.startswith(f"{name}/") for name in allowed), source


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_an_image_runs_as_a_numbered_user_who_owns_only_his_state(path: Path) -> None:
    image = read_image(path)
    assert image.user == "10001:10001"
    runs = [argument for word, argument in last_stage(path) if word == "RUN"]
    owned = re.findall(r"--owner=\S+ .*?(/\S+)", " ".join(runs))
    assert owned == [image.environment[name] for name in ("CROSSPLY_STATE",) if name in image.environment]


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_an_image_says_what_it_is_how_it_stops_and_whether_it_is_well(path: Path) -> None:
    said = dict(last_stage(path))
    image = read_image(path)
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'org.opencontainers.image.version="{project["version"]}"' in said["LABEL"]
    assert f'org.opencontainers.image.licenses="{project["license"]}"' in said["LABEL"]
    assert said["STOPSIGNAL"] == "SIGTERM"
    assert image.health == ("crossply", "check", "--instance")
    assert image.entrypoint
    assert image.command
