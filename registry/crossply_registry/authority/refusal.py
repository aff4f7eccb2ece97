"""Why the authority gives nothing: what was asked, what is wrong with it, what to do."""

from __future__ import annotations


class Refused(Exception):
    """Nothing is issued; `status` is the HTTP one, and the text is for whoever asked: it holds no secret."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def malformed(why: str) -> Refused:
    """Return the refusal of what is no well-formed request."""
    return Refused(400, why)


def unknown(why: str) -> Refused:
    """Return the refusal of somebody who proves nothing."""
    return Refused(401, why)


def forbidden(why: str) -> Refused:
    """Return the refusal of what is asked for by somebody who may not have it."""
    return Refused(403, why)
