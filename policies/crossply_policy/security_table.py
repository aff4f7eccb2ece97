"""The table of `Security` documents: their fields, bounds and meanings."""

from __future__ import annotations

from typing import Final

from crossply_policy.sections import Field, Section
from crossply_policy.security import SecurityPolicy, SecuritySpec
from crossply_policy.shapes import Choice, Duration

ENCRYPTION: Final = Choice(words=("strict", "permissive", "off"))
"""The words that may stand in `encryption`."""
REPLAY: Final = Choice(words=("bounded", "strict"))
"""The words that may stand in `replay`."""
EPOCH: Final = Duration(low=60.0, high=7 * 86_400.0)
"""How long a key may seal: a minute to seven days, as in the authority's own configuration."""
LIFETIME: Final = Duration(low=60.0, high=86_400.0)
"""How long a credential may last: a minute to a day, likewise."""
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
        "key_epoch": Field(
            shape=EPOCH,
            about="How long a key of the service seals before the next one; of the mesh, also one of channels.",
        ),
        "credential_lifetime": Field(
            shape=LIFETIME,
            about="How long certificate and credential last that the service is issued from then on.",
        ),
    },
)
