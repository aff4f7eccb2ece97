"""`crossply registry serve` and `crossply bridge serve`: the processes that containers run."""

from __future__ import annotations

from importlib import import_module

import click

from crossply_cli.failure import Failure


@click.group
def registry() -> None:
    """Run the registry."""


@click.group
def bridge() -> None:
    """Run a bridge."""


@registry.command("serve")
def serve_registry() -> int:
    """Serve the registry's HTTP API until SIGTERM; CROSSPLY_* say where and how."""
    return _main("crossply_registry", "registry")


@bridge.command("serve")
def serve_bridge() -> int:
    """Carry HTTP into the mesh, or calls to an HTTP application, until SIGTERM; CROSSPLY_* say which."""
    return _main("crossply_bridge", "bridge")


def _main(package: str, extra: str) -> int:
    try:
        module = import_module(f"{package}.__main__")
    except ModuleNotFoundError as error:
        hint = f"pip install 'crossply[{extra}]'"
        raise Failure(f"the {extra} cannot run", why=f"{error.name} is not installed", hint=hint) from error
    code: int = module.main()
    return code
