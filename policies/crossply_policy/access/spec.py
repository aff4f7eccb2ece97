"""What an `Access` document says, as a type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Effect: TypeAlias = Literal["allow", "deny"]
Mode: TypeAlias = Literal["enforce", "audit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """What is spoken of: endpoints of a service, its HTTP methods and paths, or a channel."""

    service: str | None = None
    endpoints: frozenset[str] | None = None
    methods: frozenset[str] | None = None
    paths: frozenset[str] | None = None
    channel: str | None = None
    actions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSpec:
    """A whole document: `callers` (`from` in the language) may or may not reach `to`."""

    effect: Effect | None = None
    callers: frozenset[str] | None = None
    to: tuple[TargetSpec, ...] | None = None
    when: Mapping[str, frozenset[str]] | None = None
    mode: Mode | None = None
