"""Which branches of some functions were taken: each conditional jump of their bytecode, both ways."""

from __future__ import annotations

import dis
import linecache
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any, NamedTuple, Self

Tracing = Callable[[FrameType, str, Any], Any]


class Branch(NamedTuple):
    """One way out of one conditional jump; ``jumps``, or goes on with the next instruction."""

    function: str
    name: str
    line: int
    text: str
    offset: int
    jumps: bool

    def __str__(self) -> str:
        """Say where it is, as a test that misses it prints it."""
        return f"{self.function}:{self.line} {'jump' if self.jumps else 'go on'}: {self.text}"


class Branches:
    """Watches functions while it is entered; ``missing`` are the branches that nothing took.

    Left out is what is there for errors that nobody raises: the way on from the last ``except`` that did not match, and
    what a ``with`` does with an error.
    """

    def __init__(self, codes: Iterable[CodeType]) -> None:
        self._jumps: dict[CodeType, dict[int, int]] = {}
        self._wanted: set[Branch] = set()
        for code in codes:
            found = list(_branches(code))
            self._wanted.update(branch for branch, _ in found)
            self._jumps[code] = {branch.offset: goes_on for branch, goes_on in found}
        self._taken: set[tuple[str, int, bool]] = set()
        self._before: Any = None

    @property
    def number(self) -> int:
        """Return how many there are."""
        return len(self._wanted)

    @property
    def missing(self) -> list[Branch]:
        """Return those that were not taken."""
        return sorted(each for each in self._wanted if (each.function, each.offset, each.jumps) not in self._taken)

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(self._before)

    def _called(self, frame: FrameType, _event: str, _arg: object) -> Tracing | None:
        code = frame.f_code
        jumps = self._jumps.get(code)
        if not jumps:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        taken, name, last = self._taken, _name(code), -1

        def stepping(frame: FrameType, event: str, _arg: object) -> Tracing:
            nonlocal last
            if event == "opcode":
                before, last = last, frame.f_lasti
                goes_on = jumps.get(before)
                if goes_on is not None:
                    taken.add((name, before, last != goes_on))
            return stepping

        return stepping


def codes_of(module: ModuleType) -> Iterator[CodeType]:
    """Return the code of all functions that a module has, those of its classes and those within them too."""
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, FunctionType):
            yield from _within(value.__code__)
        elif isinstance(value, type):
            for member in vars(value).values():
                function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
                if isinstance(function, FunctionType) and function.__code__.co_filename == module.__file__:
                    yield from _within(function.__code__)


def _within(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _within(each)


def _name(code: CodeType) -> str:
    module = code.co_filename.rpartition("crossply/")[2].removesuffix(".py").replace("/", ".")
    return f"{module}.{code.co_qualname}"


def _branches(code: CodeType) -> Iterator[tuple[Branch, int]]:
    steps = list(dis.get_instructions(code))
    at = {each.offset: each for each in steps}
    line = code.co_firstlineno
    for number, each in enumerate(steps[:-1]):
        line = (each.positions.lineno if each.positions else None) or line
        if each.opname != "FOR_ITER" and not ("JUMP" in each.opname and "_IF_" in each.opname):
            continue
        if number and steps[number - 1].opname == "WITH_EXCEPT_START":
            continue
        following = steps[number + 1]
        text = linecache.getline(code.co_filename, line).strip()
        for landing, jumps in ((at[int(each.argval)], True), (following, False)):
            if landing.opname != "RERAISE":
                yield Branch(_name(code), code.co_qualname, line, text, each.offset, jumps), following.offset
