"""Policy documents from files and folders: all of them good, or every fault of every file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crossply_cli import json_documents, yaml_documents
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.yaml_documents import FileFault, YamlDocument
from crossply_policy.defaults import LIMITS
from crossply_policy.faults import PolicyInvalid
from crossply_policy.parse import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crossply_policy.documents import Document

_ENDINGS: Final = (".yaml", ".yml", ".json")


files_option: Final = click.option(
    "-f",
    "--file",
    "paths",
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
    multiple=True,
    required=True,
    metavar="FILE|DIR|-",
    help="YAML, or JSON where the name ends in .json; all such files of a folder; stdin.",
)
"""Gives a command the option `-f`; it arrives as the argument `paths`, for `load`."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One document and where it stands."""

    document: Document
    file: str
    line: int


def load(paths: Sequence[Path]) -> list[PolicyFile]:
    """Return the documents of files, and of all *.yaml, *.yml and *.json below folders, in order of name.

    A file whose name ends in .json is read as JSON, every other one as YAML. Raises Failure with every fault: of
    the text, of each document, of a file without one, of a document that is there twice.
    """
    found: list[PolicyFile] = []
    faults: list[FileFault] = []
    size = 0
    for file in _files(paths):
        text, unread = _text(file)
        documents, wrong = (json_documents if file.suffix == ".json" else yaml_documents).read(text, str(file))
        size += len(text.encode())
        faults += [*unread, *wrong]
        if not (documents or unread or wrong):
            faults.append(FileFault(str(file), 1, "holds no document"))
        for document in documents:
            _parse(document, found, faults)
    faults += _repeated(found)
    if size > LIMITS.apply or len(found) > LIMITS.apply_documents:
        most = f"at most {LIMITS.apply_documents} documents in {LIMITS.apply} bytes are applied together"
        raise _invalid([f"{len(found)} documents in {size} bytes are too many: {most}"])
    if faults:
        raise _invalid([str(fault) for fault in faults])
    return found


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            within = sorted(each for each in path.rglob("*") if each.suffix in _ENDINGS and each.is_file())
            if not within:
                raise Failure(
                    f"{path} has no policies",
                    why=f"no file ends in {', '.join(_ENDINGS)}",
                    code=ExitCode.INVALID,
                )
            files += within
        else:
            files.append(path)
    return files


def _text(file: Path) -> tuple[str, list[FileFault]]:
    try:
        raw = file.read_bytes() if str(file) != "-" else _standard_input()
        if len(raw) > LIMITS.apply:
            return "", [FileFault(str(file), 1, f"is {len(raw)} bytes long, at most {LIMITS.apply} are allowed")]
        return raw.decode(), []
    except OSError as error:
        return "", [FileFault(str(file), 1, f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError as error:
        return "", [FileFault(str(file), 1, f"is not UTF-8 at byte {error.start}")]


def _standard_input() -> bytes:
    return sys.stdin.buffer.read(LIMITS.apply + 1)


def _parse(source: YamlDocument, found: list[PolicyFile], faults: list[FileFault]) -> None:
    try:
        found.append(PolicyFile(parse(source.value), source.file, source.line))
    except PolicyInvalid as invalid:
        faults += [FileFault(source.file, source.line_of(fault.path), str(fault)) for fault in invalid.faults]


def _repeated(found: Sequence[PolicyFile]) -> list[FileFault]:
    first: dict[str, PolicyFile] = {}
    faults: list[FileFault] = []
    for each in found:
        before = first.setdefault(each.document.key, each)
        if before is not each:
            detail = f"{each.document.key} is in {before.file}:{before.line} already"
            faults.append(FileFault(each.file, each.line, detail))
    return faults


def _invalid(details: Sequence[str]) -> Failure:
    return Failure(
        "nothing was applied",
        why=f"{len(details)} fault{'s' * (len(details) != 1)} in what was to be applied",
        details=details,
        hint="mend the lines named and apply again",
        code=ExitCode.INVALID,
    )
