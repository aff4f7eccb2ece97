"""All children of one run: written down while they live, reported when they die, ended together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply_cli.up.child import Child, ChildSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crossply_cli.up.directory import DataDirectory
    from crossply_cli.up.lines import Lines

_GRACE: Final = 2.0


class Supervisor:
    """Starts children and is the one who ends them."""

    def __init__(self, directory: DataDirectory, lines: Lines) -> None:
        self._directory = directory
        self._lines = lines
        self._children: dict[str, Child] = {}

    async def start(self, spec: ChildSpec) -> Child:
        """Run a program until it is ended; the name must be new to this run."""
        child = Child(spec, self)
        self._children[spec.name] = child
        await child.start()
        return child

    async def end(self, names: Iterable[str], grace: float = _GRACE) -> None:
        """End the children of these names, side by side; killed after `grace` seconds."""
        leaving = [self._children[name] for name in names if name in self._children]
        await asyncio.gather(*(child.aclose(grace) for child in leaving))
        for child in leaving:
            self._children.pop(child.spec.name, None)

    async def aclose(self) -> None:
        """End what still runs, and what everything else needs last; three and a half seconds at most."""
        needed = {"authority", "registry", "broker"}
        await self.end([name for name in self._children if name not in needed], grace=1.5)
        await self.end(["authority", "registry"], grace=1.0)
        await self.end(["broker"], grace=1.0)

    def kill(self) -> None:
        """Kill everything now; `aclose` then has nothing to wait for."""
        for child in self._children.values():
            child.kill()

    def changed(self) -> None:
        """Write down who runs now."""
        try:
            self._directory.record([child.recorded for child in self._children.values() if child.recorded])
        except OSError as error:  # only the run after a crash of this one would miss it
            self._lines.say(f"it cannot be written down which processes run: {error}")

    def died(self, child: Child, code: int, pause: float) -> None:
        """Tell the user."""
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        text = f"{child.spec.name} {how}; started again in {pause:g} s; its log, {child.spec.log}, ends"
        self._lines.say(text, child.tail())

    def not_started(self, child: Child, error: OSError, pause: float) -> None:
        """Tell the user."""
        self._lines.say(f"{child.spec.name} cannot be started: {error}; tried again in {pause:g} s")
