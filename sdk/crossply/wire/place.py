"""A place: where attempts of one operation go, and what both ends of the way know already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.wire.forms import ReplyReader, RequestWriter
    from crossply.wire.senders import Known


class Place:
    """One instance's endpoint, or a service's queue group, as a caller addresses it.

    ``callee`` is the instance once it has answered: each then knows the other's credential, and messages leave them
    out. Of a queue group it stays ``None``, as the next one to answer may be another.
    """

    __slots__ = ("callee", "cid", "replies", "requests", "subject")

    def __init__(self, subject: bytes) -> None:
        self.subject = subject
        self.requests: dict[str, RequestWriter] = {}
        self.replies: dict[bytes, ReplyReader] = {}
        self.callee: Known | None = None
        self.cid = b""

    def met(self, cid: bytes, callee: Known) -> None:
        """Learn that the instance knows who calls."""
        if self.callee is not callee:
            self.callee, self.cid = callee, cid
            self.requests.clear()

    def forgotten(self) -> None:
        """Learn that the instance does not know any more who calls."""
        self.callee = None
        self.requests.clear()
