"""A length of time on the command line: finite seconds above 0."""

from __future__ import annotations

from collections.abc import Callable

import click


def at_most(most: float) -> Callable[[click.Context, click.Parameter, float | None], float | None]:
    """Return a click callback that takes seconds above 0, and no more than ``most``; nan is an error of usage too."""

    def checked(_context: click.Context, _parameter: click.Parameter, seconds: float | None) -> float | None:
        if seconds is not None and not 0 < seconds <= most:
            raise click.BadParameter(f"{seconds:g} is not seconds above 0 and at most {most:g}")
        return seconds

    return checked
