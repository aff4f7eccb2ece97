"""What `import crossply` loads, and what that costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata

import pytest

from tests.architecture.tree import ROOT

# Each loads when first used, or belongs to another program altogether.
LATE = {
    "aiohttp",
    "click",
    "cryptography",
    "http",
    "httpcore",
    "httptools",
    "httpx",
    "litestar",
    "nats",
    "nats.js",
    "opentelemetry.sdk",
    "rich",
    "ruamel",
    "starlette",
    "structlog",
    "uvicorn",
    "yaml",
}


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The names of the modules a fresh interpreter holds after `import crossply`, and not before."""
    program = (
        "import json, sys; before = set(sys.modules); import crossply; print(json.dumps([*set(sys.modules) - before]))"
    )
    answer = subprocess.run([sys.executable, "-Ic", program], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout))


def test_importing_crossply_loads_nothing_that_can_wait(loaded: set[str]) -> None:
    assert "crossply" in loaded
    assert not LATE & loaded, f"import these when first used: {sorted(LATE & loaded)}"


def test_importing_crossply_needs_only_its_declared_dependencies(loaded: set[str]) -> None:
    owners = metadata.packages_distributions()
    distributions = {_normal(name) for module in loaded for name in owners.get(module.split(".")[0], [])}
    surplus = distributions - _closure("crossply")
    assert not surplus, f"the SDK alone does not install {sorted(surplus)}"


def test_the_time_to_import_is_told_as_a_ratio_to_nats_py(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-I", str(ROOT / "benchmarks" / "import_time.py")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"\d\.\d\dx importing nats-py", answer.stdout)
    with capsys.disabled():
        print(f"\n{answer.stdout.rstrip()}")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(distribution: str) -> set[str]:
    """Return `distribution` and all that it requires without extras, names normalised."""
    seen: set[str] = set()
    waiting = [_normal(distribution)]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        plain = [each for each in metadata.requires(name) or [] if ";" not in each or "extra" not in each.split(";")[1]]
        waiting += [_normal(found.group()) for each in plain if (found := re.match(r"[\w.-]+", each))]
    return seen & {_normal(each.name) for each in metadata.distributions()}
