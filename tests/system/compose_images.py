"""Dockerfiles, as far as a container's process shows them: what its last stage sets."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT

NATS = "nats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container runs if nobody says otherwise; ``folders`` maps the image's folders to the tree's."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    folders: Mapping[str, Path]
    user: str
    health: tuple[str, ...]


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return every instruction of a Dockerfile with its argument on one line."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    parts = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(word, argument.strip()) for word, _, argument in parts]


def last_stage(path: Path) -> list[tuple[str, str]]:
    """Return the instructions after the last FROM."""
    every = instructions(path)
    begins = max(index for index, (word, _) in enumerate(every) if word == "FROM")
    return every[begins + 1 :]


def read_image(path: Path) -> Image:
    """Return what the Dockerfile at ``path`` makes."""
    stage = last_stage(path)
    said = dict(stage)
    return Image(
        entrypoint=_argv(said["ENTRYPOINT"]),
        command=_argv(said["CMD"]),
        environment=dict(_pairs(stage)),
        folder=said.get("WORKDIR", "/"),
        folders=dict(_copied(stage)),
        user=said["USER"],
        health=_argv(said["HEALTHCHECK"].partition(" CMD ")[2]),
    )


def broker_image() -> Image:
    """Return the official nats image on Alpine; its entrypoint runs the command it is given."""
    return Image(
        entrypoint=(),
        command=("nats-server", "--config", "/etc/nats/nats-server.conf"),
        environment={},
        folder="/",
        folders={},
        user="0:0",
        health=(),
    )


def _argv(text: str) -> tuple[str, ...]:
    """Read the form without a shell; the other one raises ``ValueError``."""
    return tuple(json.loads(text))


def _pairs(stage: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for word, argument in stage:
        if word == "ENV":
            for pair in shlex.split(argument):
                name, _, value = pair.partition("=")
                yield name, value


def _copied(stage: list[tuple[str, str]]) -> Iterator[tuple[str, Path]]:
    for word, argument in stage:
        if word == "COPY" and not argument.startswith("--from"):
            source, target = argument.split()
            yield target.rstrip("/"), (ROOT / source).parent
