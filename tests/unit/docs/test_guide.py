"""docs/guide.md is true: each of its blocks runs, and its table of errors is the classes that there are."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import crossply
from crossply import CallError, Mesh, Refused
from crossply.testing import MemoryBroker, run

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "guide.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
FILES = {found[1]: block for block in BLOCKS if (found := re.match(r"# (\w+\.py)\n", block))}
TOLD = [block for block in BLOCKS if block not in FILES.values()]


def awaits(block: str) -> bool:
    """Whether a block does something, in the body of an async function, instead of declaring it."""
    tree = compile(block, str(GUIDE), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return any(isinstance(each, ast.AsyncWith) for each in tree.body)


async def execute(block: str, names: dict[str, Any]) -> None:
    above = TEXT[: TEXT.index(block)].count("\n") * "\n"  # so that a failure names the guide's own line
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    running = eval(compile(above + block, str(GUIDE), "exec", flags, dont_inherit=True), names)
    if inspect.isawaitable(running):
        await running


def test_every_block_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # What the guide makes without saying where runs on a broker in memory.
    defaults = Mesh.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "connect", MemoryBroker().connect)
    module = ModuleType("guide")
    monkeypatch.setitem(sys.modules, "guide", module)

    async def reading() -> None:
        for block in sorted(TOLD, key=awaits):
            await execute(block, module.__dict__)

    run(reading())
    assert sum(map(awaits, TOLD)) >= 6


def test_its_test_of_a_service_passes_as_it_stands(tmp_path: Path) -> None:
    assert {"orders.py", "test_orders.py"} == set(FILES)
    for name, block in FILES.items():
        (tmp_path / name).write_text(block, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "test_orders.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_error_has_its_row() -> None:
    rows = {
        cells[0].strip("` "): (cells[1].strip("` "), cells[2].strip())
        for line in TEXT.splitlines()
        if line.startswith("| `") and len(cells := line.strip("|").split("|")) == 4
    }
    classes: dict[str, type[CallError]] = {
        name: each
        for name in crossply.__all__
        if inspect.isclass(each := getattr(crossply, name))
        and issubclass(each, CallError)
        and each not in {CallError, Refused}
    }
    assert set(rows) == set(classes)
    for name, each in classes.items():
        assert rows[name][1] == each.executed
        if name != "EndpointFailed":
            assert rows[name][0] == each.code


def test_every_fact_that_a_handler_may_ask_for_is_named() -> None:
    facts = {name for name in dir(crossply.Current) if not name.startswith("_")}
    missing = [name for name in facts if f"`{name}" not in TEXT]
    assert set(missing) <= {"span_id", "tracestate"}
