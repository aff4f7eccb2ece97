"""YAML to plain data with the line of each value; refuses what makes a file mean more than it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from crossply_cli.yaml_scalars import plain_scalar
from crossply_policy.defaults import LIMITS
from crossply_policy.faults import described, step


@dataclass(frozen=True, slots=True)
class FileFault:
    """What is wrong, and where; lines count from 1."""

    file: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.detail}"


@dataclass(slots=True)
class YamlDocument:
    """One document of a file: its value, and the line on which each path within begins."""

    file: str
    line: int
    value: object = None
    lines: dict[str, int] = field(default_factory=dict[str, int])

    def line_of(self, path: str) -> int:
        """Return the line of a path, or of the nearest around it."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, self.line)


class TooDeep(Exception):
    """A document is nested beyond what documents may be."""


def read(text: str, file: str) -> tuple[list[YamlDocument], list[FileFault]]:
    """Return the documents of a file's text that are free of faults, and every fault of the others.

    A fault of syntax ends the reading of the file, as nobody can tell where the next document begins.
    """
    documents: list[YamlDocument] = []
    faults: list[FileFault] = []
    try:
        parser: Any = YAML(typ="safe", pure=True)
        events = iter(parser.parse(text))
        for event in events:
            if isinstance(event, DocumentStartEvent):
                reading = _Reading(file, events)
                document = reading.document()
                faults += reading.faults
                if not reading.faults and document.value is not None:
                    documents.append(document)
    except MarkedYAMLError as error:
        faults.append(_unread(file, error))
    except YAMLError as error:
        faults.append(FileFault(file, 1, f"is not YAML: {str(error).splitlines()[0]}"))
    except (TooDeep, RecursionError):
        faults.append(FileFault(file, 1, f"is nested deeper than {_DEEPEST} levels; the rest was not read"))
    return documents, faults


_DEEPEST: Final = LIMITS.document_depth


def _unread(file: str, error: Any) -> FileFault:
    mark = error.problem_mark or error.context_mark
    return FileFault(file, mark.line + 1 if mark else 1, f"is not YAML: {error.problem or error.context}")


class _Reading:
    """Builds one document from parser events."""

    def __init__(self, file: str, events: Iterator[Any]) -> None:
        self._file = file
        self._events = events
        self._lines: dict[str, int] = {}
        self.faults: list[FileFault] = []

    def document(self) -> YamlDocument:
        """Consume one document, its end included."""
        first: Any = next(self._events)
        value = self._value(first, "", 0)
        end: Any = next(self._events)  # the document's own
        size: int = end.start_mark.index - first.start_mark.index
        if size > LIMITS.document:
            self._fault(first, f"is {size} characters long, at most {LIMITS.document} are allowed")
        return YamlDocument(self._file, first.start_mark.line + 1, value, self._lines)

    def _value(self, event: Any, path: str, depth: int) -> object:
        self._lines.setdefault(path, event.start_mark.line + 1)
        if depth > _DEEPEST:
            raise TooDeep
        self._refuse(event, path)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path, depth)
        return self._scalar(event)

    def _scalar(self, event: Any) -> object:
        if isinstance(event, ScalarEvent):
            scalar: Any = event
            return plain_scalar(scalar.value) if scalar.implicit[0] else str(scalar.value)
        return None

    def _mapping(self, path: str, depth: int) -> dict[str, object]:
        made: dict[str, object] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._value(event, f"{path}[key]", depth + 1)
            place = step(path, key)
            if not isinstance(key, str):
                self._fault(event, f"{place}: has a key that is not text, but {described(key)}; quote it")
            elif key in made:
                self._fault(event, f"{place}: is there twice")
            value = self._value(next(self._events), place, depth + 1)
            if isinstance(key, str):
                made.setdefault(key, value)
        return made

    def _sequence(self, path: str, depth: int) -> list[object]:
        made: list[object] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            made.append(self._value(event, f"{path}[{len(made)}]", depth + 1))
        return made

    def _refuse(self, event: Any, path: str) -> None:
        prefix = f"{path}: " if path else ""
        anchor: str | None = event.anchor
        if isinstance(event, AliasEvent):
            self._fault(event, f"{prefix}has an alias, *{anchor}; write the value out")
            return
        if anchor is not None:
            self._fault(event, f"{prefix}has an anchor, &{anchor}; leave it out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._fault(event, f"{prefix}has a tag, {tag}; leave it out")

    def _fault(self, event: Any, detail: str) -> None:
        self.faults.append(FileFault(self._file, event.start_mark.line + 1, detail))
