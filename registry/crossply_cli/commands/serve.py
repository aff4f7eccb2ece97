"""`crossply registry serve` and `crossply bridge serve`: the processes that containers run."""

from __future__ import annotations

from importlib import import_module

import click


@click.group
def registry() -> None:
    """Run the registry."""


@click.group
def bridge() -> None:
    """Run a bridge."""


@registry.command("serve")
def serve_registry() -> int:
    """Serve the registry's HTTP API until SIGTERM; CROSSPLY_* say where and how."""
    return _main("crossply_registry")


@bridge.command("serve")
def serve_bridge() -> int:
    """Carry HTTP into the mesh, or calls to an HTTP application, until SIGTERM; CROSSPLY_* say which."""
    return _main("crossply_bridge")


def _main(package: str) -> int:
    code: int = import_module(f"{package}.__main__").main()
    return code
