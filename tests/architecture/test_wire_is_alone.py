"""Only the wire touches nats-py or spells a subject."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import OTHERS, PACKAGES, ROOT, python_files, shown, syntax

WIRE = ROOT / "sdk" / "crossply" / "wire"
SUBJECTS = (
    "mesh.rpc", "mesh.evt", "mesh.hb", "mesh.ctl", "mesh.dlq", "mesh.redo", "mesh.obs", "mesh.audit",
    "_INBOX", "$SRV", "$JS.", "$KV.", "$SYS.",
)  # fmt: skip

OUTSIDE = [path for path in python_files(*PACKAGES) if WIRE not in path.parents]


@pytest.mark.parametrize("path", OUTSIDE, ids=shown)
def test_a_file_outside_the_wire_does_not_import_nats(path: Path) -> None:
    lines = [line for line, module in _imports(syntax(path)) if module.split(".")[0] == "nats"]
    assert not lines, f"{shown(path)} imports nats-py at lines {lines}: ask crossply.wire instead"


@pytest.mark.parametrize("path", OUTSIDE, ids=shown)
def test_a_file_outside_the_wire_spells_no_subject(path: Path) -> None:
    found = [(line, text) for line, text in _literals(syntax(path)) if any(each in text for each in SUBJECTS)]
    assert not found, f"{shown(path)} spells subjects {found}: crossply.wire builds them from their parts"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import nats.js.api", ["nats.js.api"]),
        ("def late():\n    from nats.aio import client", ["nats.aio"]),
        ("import importlib\nimportlib.import_module('nats.js')", ["importlib", "nats.js"]),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, found: list[str]) -> None:
    assert [module for _, module in _imports(ast.parse(source))] == found


def test_a_subject_is_seen_in_a_format_but_not_in_a_docstring() -> None:
    source = '"""About mesh.rpc."""\nsubject = f"mesh.rpc.{service}"\n'
    assert list(_literals(ast.parse(source))) == [(2, "mesh.rpc.")]


def test_the_sources_outside_the_packages_import_nats_only_to_test_or_measure() -> None:
    examples = ROOT / "examples"
    found = [
        shown(path)
        for path in python_files(*OTHERS)
        if examples in path.parents and any(module.split(".")[0] == "nats" for _, module in _imports(syntax(path)))
    ]
    assert not found, f"an example shows the SDK, not nats-py: {found}"


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, module) for every import, those by `import_module("...")` included."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=str(module)):
                yield node.lineno, module
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield node.lineno, module
            case _:
                pass


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, text) for every string that is not a docstring, the fixed parts of formats included."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")
