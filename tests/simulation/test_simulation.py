"""Many lives of a mesh, each by its seed; and that bugs which were put in on purpose are found by them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.simulation.world import KINDS, lived

BUGS = sorted((Path(__file__).parent / "bugs").glob("*.patch"))
FEW, MANY, FOUND_WITHIN = 40, 2000, 500


def lives(first: int, count: int, tree: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Live lives in a process of its own, with the packages of a tree."""
    packages = os.pathsep.join(str(tree / part) for part in ("sdk", "policies"))
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", str(first), str(count)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": packages, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_forty_lives_go_well() -> None:
    ended = lives(0, FEW)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_life_can_be_lived_again() -> None:
    first, again = lived(7), lived(7)
    assert [(call.outcome, call.ended) for call in first.calls.values()] == [
        (call.outcome, call.ended) for call in again.calls.values()
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_life_has_all_that_it_must_have(seed: int) -> None:
    world = lived(seed)
    assert len(world.calls) >= 200
    assert world.faults.total() >= 10
    assert set(world.faults) == set(KINDS)
    assert {"ok", "aborted", "deadline_exceeded"} <= {call.outcome for call in world.calls.values()}


@pytest.mark.parametrize("seed", range(5))
def test_a_life_in_which_all_is_sealed_goes_well_and_nothing_that_is_delivered_twice_runs_twice(seed: int) -> None:
    world = lived(seed, sealed=True)
    assert world.wrong == []
    assert world.broker.doubled
    assert {"ok", "aborted"} <= {call.outcome for call in world.calls.values()}


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("half", [0, 1])
def test_two_thousand_lives_go_well(half: int) -> None:
    ended = lives(half * MANY // 2, MANY // 2)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.stem)
def test_a_planted_bug_is_found(bug: Path, tmp_path: Path) -> None:
    for part in ("sdk", "policies"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    planted = subprocess.run(
        ["git", "apply", "-p1", str(bug)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert planted.returncode == 0, planted.stderr
    ended = lives(0, FOUND_WITHIN, tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "live it again with" in ended.stdout, ended.stderr
    print(ended.stdout)


def test_there_are_eight_planted_bugs_at_least() -> None:
    assert len(BUGS) >= 8
