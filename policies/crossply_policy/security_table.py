"""The table of `Security` documents: their fields, bounds and meanings."""

from __future__ import annotations

from typing import Final

from crossply_policy.sections import Field, Section
from crossply_policy.security import SecurityPolicy, SecuritySpec
from crossply_policy.shapes import Choice

ENCRYPTION: Final = Choice(words=("strict", "permissive", "off"))
"""The words that may stand in `encryption`."""
REPLAY: Final = Choice(words=("bounded", "strict"))
"""The words that may stand in `replay`."""
SECURITY: Final = Section(
    make=SecuritySpec,
    fields={
        "encryption": Field(
            shape=ENCRYPTION,
            about="Whether messages are sealed, and whether those that are not are taken.",
        ),
        "replay": Field(
            shape=REPLAY,
            about="Whether a call may be sealed to the whole service, where each instance may take it once.",
            default=SecurityPolicy().replay,
        ),
    },
)
