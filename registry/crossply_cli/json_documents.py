"""A file of JSON to plain data with the line of each value, as strict as the registry's own API."""

from __future__ import annotations

import re
from typing import Final

from crossply_cli import yaml_documents
from crossply_cli.yaml_documents import FileFault, YamlDocument
from crossply_policy import json_text
from crossply_policy.faults import Fault, PolicyInvalid

_LINE: Final = re.compile(r"at line ([0-9]+)")


def read(text: str, file: str) -> tuple[list[YamlDocument], list[FileFault]]:
    """Return the one document of a file's text, none when it is empty or null; or every fault."""
    if not text.strip():
        return [], []
    # Whatever is JSON can be read as YAML as well, which knows on which line things are.
    placed, seen = yaml_documents.read(text, file)
    document = placed[0] if len(placed) == 1 else YamlDocument(file, 1)
    try:
        document.value = json_text.decode(text.encode())
    except PolicyInvalid as invalid:
        lines = {one.detail: one.line for one in seen}
        return [], [
            FileFault(file, lines.get(str(fault)) or _line(fault, document), str(fault)) for fault in invalid.faults
        ]
    return ([] if document.value is None else [document]), []


def _line(fault: Fault, document: YamlDocument) -> int:
    said = _LINE.search(fault.detail)
    return int(said[1]) if said else document.line_of(fault.path)
