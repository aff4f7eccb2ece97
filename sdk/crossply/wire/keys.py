"""What the rest of Crossply sees of keys: what is told of them, and the bucket of credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from crossply.wire import subjects
from crossply.wire.notices import NoticesOnWire
from crossply.wire.store import Bucket

if TYPE_CHECKING:
    from crossply.wire.jetstream import JetStream
    from crossply.wire.link import LinkConfig, Store
    from crossply.wire.notices import Notices
    from crossply.wire.plans import CredentialsPlan
    from crossply.wire.provision import Provisioner
    from crossply.wire.supervisor import Supervisor


class Keys(Protocol):
    """What the authority and the processes that joined it have in common."""

    @property
    def notices(self) -> Notices:
        """What the authority tells: which keys have changed."""
        ...

    @property
    def credentials(self) -> Store:
        """The tenant's credentials by their ids, each for as long as an event that it signed may be kept."""
        ...

    async def ensure_credentials(self, plan: CredentialsPlan) -> bool:
        """Create that bucket unless it is there; return whether it was created (the authority only)."""
        ...


class KeysOnWire:
    """Those of one connection."""

    def __init__(self, config: LinkConfig, broker: Supervisor, jetstream: JetStream, provisioner: Provisioner) -> None:
        self.notices: Notices = NoticesOnWire(broker, subjects.KEYS, subjects.instance_group(config.instance))
        self.credentials: Store = Bucket(jetstream, subjects.credentials(config.tenant))
        self.ensure_credentials = provisioner.ensure_credentials
