"""The tree's shape: small files that say what they are for, under names that mean something."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import OTHERS, PACKAGES, python_files, shown, syntax

AIM, LIMIT = 300, 500
MEANINGLESS = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}

# A file above the aim needs a reason here, and none may pass the limit.
LONGER: dict[str, str] = {}

SOURCES = list(python_files(*PACKAGES, *OTHERS))


def test_the_packages_are_where_the_picture_shows_them() -> None:
    missing = [shown(package) for package in PACKAGES if not (package / "__init__.py").is_file()]
    assert not missing, f"packages without __init__.py: {missing}"


def test_every_package_says_that_it_is_typed() -> None:
    missing = [shown(package) for package in PACKAGES if not (package / "py.typed").is_file()]
    assert not missing, f"packages without py.typed: {missing}"


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_a_source_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    bound = LIMIT if shown(path) in LONGER else AIM
    assert lines <= bound, f"{shown(path)} has {lines} lines, at most {bound} are wanted: split it by job"


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_a_source_file_opens_with_its_one_job(path: Path) -> None:
    docstring = ast.get_docstring(syntax(path))
    assert docstring, f"{shown(path)} has no module docstring"
    first = docstring.splitlines()[0]
    assert first.endswith("."), f"{shown(path)}: its first line is no sentence: {first!r}"


def test_no_file_or_folder_has_a_name_that_means_nothing() -> None:
    found = [shown(path) for path in SOURCES if MEANINGLESS & {path.stem, *_folders(path)}]
    assert not found, f"name these by their job: {found}"


def _folders(path: Path) -> list[str]:
    return shown(path).split("/")[:-1]
