"""Warnings about documents: said on stderr, and never a reason to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crossply_policy.lint import Doubt


def tell(warnings: Iterable[Mapping[str, str]]) -> None:
    """Print a line for each."""
    for one in warnings:
        click.echo(f"warning: {one['code']} {one['document']} {one['path']}: {one['detail']}", err=True)


def as_data(doubts: Iterable[Doubt]) -> list[dict[str, str]]:
    """Return warnings in the form in which the registry gives them."""
    return [{"code": one.code, "document": one.document, "path": one.path, "detail": one.detail} for one in doubts]


def about(warnings: Iterable[dict[str, str]], documents: Iterable[str]) -> list[dict[str, str]]:
    """Return the warnings about some documents (`kind/name`)."""
    meant = set(documents)
    return [one for one in warnings if one["document"] in meant]
