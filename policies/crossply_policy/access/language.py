"""The table of `Access`: its fields, their bounds and meanings."""

from __future__ import annotations

import re
from typing import Any, Final

from crossply_policy import names
from crossply_policy.access.shapes import Claims, OneText, Targets, TextSet
from crossply_policy.access.spec import AccessSpec, TargetSpec
from crossply_policy.http_path import path_fault
from crossply_policy.names import NameFault
from crossply_policy.sections import Field, Section
from crossply_policy.shapes import Choice, Words

ANY: Final = "*"
EVERY: Final = ">"
"""Every channel, of whatever family: the one pattern that only rules have."""
FOREIGN: Final = "foreign"
METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ACTIONS: Final = ("publish", "subscribe")
MOST_NAMES: Final = 256
MOST_TARGETS: Final = 64

_LONGEST_PATH: Final = 2_048
_DOMAIN: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
_IDENTITY: Final = rf"spiffe://{_DOMAIN}/t/[^/]+/svc/[^/]+"
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_NAME_OR_ANY: Final[dict[str, Any]] = {"anyOf": [{"const": ANY}, {"type": "string", "pattern": names.NAME_PATTERN}]}


def _caller(text: str) -> str:
    """Return the text if it is a service, an identity, `*` for anyone or `foreign`; raise NameFault."""
    if text in {ANY, FOREIGN}:
        return text
    if text.startswith("spiffe://"):
        if re.fullmatch(_IDENTITY, text):
            tenant, _, service = text.split("/", 3)[3].removeprefix("t/").split("/")
            names.service(tenant)
            names.service(service)
            return text
        raise NameFault("an identity is spiffe://<trust domain>/t/<tenant>/svc/<service>, in lower case")
    return names.service(text)


def _service(text: str) -> str:
    return text if text == ANY else names.service(text)


def _endpoint(text: str) -> str:
    return text if text == ANY else names.endpoint(text)


def _channel(text: str) -> str:
    return text if text == EVERY else names.pattern(text)


def _path(text: str) -> str:
    """Return the text if it is a path in normal form, or one that ends in `/*`; raise NameFault."""
    plain = f"{text[:-2]}/" if text.endswith("/*") else text
    if len(text) > _LONGEST_PATH:
        raise NameFault(f"a path has at most {_LONGEST_PATH} characters, not {len(text)}")
    if fault := path_fault(plain):
        raise NameFault(f"path {fault}")
    if "*" in plain or ";" in plain:
        raise NameFault("path has * or ; inside; write it exact, or with /* as its end for all below")
    return text


TARGET: Final = Section(
    make=TargetSpec,
    fields={
        "service": Field(
            shape=OneText(check=_service, item=_NAME_OR_ANY),
            about="The service that is called; * for every service.",
        ),
        "endpoints": Field(
            shape=TextSet(check=_endpoint, most=MOST_NAMES, item=_NAME_OR_ANY),
            about="The endpoints of the service; all where none is named.",
        ),
        "methods": Field(
            shape=Words(of=Choice(words=METHODS)),
            about="The HTTP methods of a service behind a bridge; all where none is named.",
        ),
        "paths": Field(
            shape=TextSet(check=_path, most=MOST_NAMES, item=_TEXT),
            about="The paths of a service behind a bridge, each exact or with /* as its end; all where none is named.",
        ),
        "channel": Field(
            shape=OneText(check=_channel, item=_TEXT),
            about="The channels spoken of: * is one token, > a tail; > alone is every channel.",
        ),
        "actions": Field(
            shape=Words(of=Choice(words=ACTIONS)),
            about="What is done with the channel.",
        ),
    },
)
ACCESS: Final = Section(
    make=AccessSpec,
    fields={
        "effect": Field(
            shape=Choice(words=("allow", "deny")),
            about="Whether the callers may; a deny wins over every allow, and what no document allows is denied.",
        ),
        "from": Field(
            shape=TextSet(check=_caller, most=MOST_NAMES, item=_TEXT),
            about="The callers: services, identities, foreign, or * for all.",
            attribute="callers",
        ),
        "to": Field(
            shape=Targets(section=TARGET, most=MOST_TARGETS),
            about="What they may, or may not, reach.",
        ),
        "when": Field(
            shape=Claims(name=names.endpoint),
            about="Claims that the caller's credential must make: each with one of the values.",
        ),
        "mode": Field(
            shape=Choice(words=("enforce", "audit")),
            about="Whether it decides; in audit it only shows what it would have decided.",
            default="enforce",
        ),
    },
    required=("effect", "from", "to"),
)
