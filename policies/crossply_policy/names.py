"""The grammar of names: what a service, endpoint, channel and instance may be called."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

TOKEN_LENGTH: Final = 63
CHANNEL_LENGTH: Final = 181
"""A channel in the longest subject made of it (`mesh.redo.<service>.<channel>`) stays within 255 bytes."""
NAME_PATTERN: Final = r"^(?!(any|foreign)$|i-)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""The grammar of a token, for an editor."""
KINDS: Final = ("Defaults", "Service", "Traffic", "Telemetry", "RateLimit", "Access", "Security")
"""The kinds of documents that parse."""
KINDS_TO_COME: Final = (
    "Channel",
    "Objective",
    "Gateway",
)
"""The kinds whose names are taken, and that no version up to this one parses."""

_SHOWN: Final = 60
_WORD: Final = r"(?!(?:any|foreign)(?![a-z0-9-])|i-)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_is_token: Final = re.compile(_WORD).fullmatch
_is_operation: Final = re.compile(rf"({_WORD})\.({_WORD})").fullmatch
# Compiled by `re` when first used: importing the package stays quick.
_CHANNEL: Final = rf"{_WORD}(?:\.{_WORD}){{1,7}}"
_PATTERN: Final = rf"{_WORD}(?:\.(?:{_WORD}|\*)){{0,6}}\.(?:{_WORD}|\*|>)"
_INSTANCE: Final = r"[a-z2-7]{12}"
_STRANGE: Final = r"[^a-z0-9-]"


class NameFault(ValueError):
    """A name is refused; the message says which, why, and what to do."""


def service(text: str) -> str:
    """Return the text if it names a service; raise NameFault."""
    if _is_token(text):
        return text
    raise _refused("service name", text, _token_fault(text), _similar(text))


def document(text: str) -> str:
    """Return the text if it may name a document that is named after nothing else; raise NameFault."""
    if _is_token(text):
        return text
    raise _refused("document name", text, _token_fault(text), _similar(text))


def endpoint(text: str) -> str:
    """Return the text if it names an endpoint; raise NameFault."""
    if _is_token(text):
        return text
    raise _refused("endpoint name", text, _token_fault(text), _similar(text))


def subset(text: str) -> str:
    """Return the text if it names a subset; raise NameFault."""
    if _is_token(text):
        return text
    raise _refused("subset name", text, _token_fault(text), _similar(text))


def operation(text: str) -> tuple[str, str]:
    """Return the service and the endpoint of `service.endpoint`; raise NameFault."""
    if match := _is_operation(text):
        return match[1], match[2]
    parts = text.split(".")
    if len(parts) != len(("service", "endpoint")):
        why = f"it has {len(parts)} part{'s' * (len(parts) != 1)} between dots"
        raise _refused("operation", text, why, "write service.endpoint, such as orders.create")
    service(parts[0])
    endpoint(parts[1])
    raise AssertionError(text)


def channel(text: str) -> str:
    """Return the text if it names a channel to publish on, without wildcards; raise NameFault."""
    if len(text) <= CHANNEL_LENGTH and re.fullmatch(_CHANNEL, text):
        return text
    wild = "publish on one channel; * and > are for subscriptions and policies"
    why, hint = ("it has a wildcard", wild) if {"*", ">"} & set(text.split(".")) else _channel_fault(text)
    raise _refused("channel", text, why, hint)


def pattern(text: str) -> str:
    """Return the text if it names channels, with `*` for a token but the first and a last `>` for a tail.

    Raise NameFault for anything else.
    """
    if len(text) <= CHANNEL_LENGTH and re.fullmatch(_PATTERN, text):
        return text
    raise _refused("channel pattern", text, *_channel_fault(text))


def instance(text: str) -> str:
    """Return the text if it is an instance id, 12 characters of a-z and 2-7; raise NameFault."""
    if re.fullmatch(_INSTANCE, text):
        return text
    why = "it is not 12 characters of a-z and 2-7"
    raise _refused("instance id", text, why, "copy it from `crossply services`")


def kind(text: str) -> str:
    """Return the text if documents of this kind parse; raise NameFault."""
    if text in KINDS:
        return text
    if text in KINDS_TO_COME:
        raise NameFault(f"kind {text} is not available in this version, which has {_listed(KINDS)}")
    raise _refused("kind", text, "there is none such", f"the kinds are {_listed(KINDS)}{_close(text)}")


def python_name(text: str) -> str:
    """Return the endpoint name of a Python function's name, `_` turned into `-`; raise NameFault."""
    return endpoint(text.replace("_", "-"))


def _refused(what: str, text: str, why: str, hint: str) -> NameFault:
    shown = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    return NameFault(f"{what} {shown} is refused: {why}; {hint}")


def _token_fault(text: str) -> str:
    if not text:
        return "it is empty"
    if strange := re.search(_STRANGE, text):
        return f"it has {strange[0]!r} where only a-z, 0-9 and - may be"
    if len(text) > TOKEN_LENGTH:
        return f"it has {len(text)} characters, at most {TOKEN_LENGTH} are allowed"
    if text[0] == "-" or text[-1] == "-":
        return "it begins or ends with -"
    return "the names any, foreign and all that begin with i- are reserved"


def _similar(text: str) -> str:
    similar = re.sub(_STRANGE, "-", text.lower())[:TOKEN_LENGTH].strip("-")
    if _is_token(similar):
        return f"use a name such as {similar}"
    return "use a name such as orders or order-history"


def _channel_fault(text: str) -> tuple[str, str]:
    """Return why the text is no channel pattern, and what to do."""
    hint = "write 2 to 8 tokens joined by dots, such as orders.created"
    if len(text) > CHANNEL_LENGTH:
        return f"it has {len(text)} characters, at most {CHANNEL_LENGTH} are allowed", hint
    tokens = text.split(".")
    if tokens[0] in {"*", ">"}:
        return "its first token is a wildcard", "name the family, as in orders.>"
    if ">" in tokens[:-1]:
        return "> is not its last token", "write * for one token, and > for the tail only"
    for token in tokens:
        if token not in {"*", ">"} and not _is_token(token):
            return f"in token {token[:_SHOWN]!r}, {_token_fault(token)}", hint
    return f"it has {len(tokens)} token{'s' * (len(tokens) != 1)}", hint


def _close(text: str) -> str:
    """Return `; did you mean ...?` where the text is close to a kind, in whatever case, else nothing."""
    kinds = {one.lower(): one for one in KINDS}
    close = get_close_matches(text[:_SHOWN].lower(), kinds, n=1)
    return f"; did you mean {kinds[close[0]]}?" if close else ""


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
