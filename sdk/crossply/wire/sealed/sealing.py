"""What one instance seals and opens with, what policy asks of it, and who can open what it seals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from crossply.audit.entry import Action, Entry, Outcome
from crossply.errors import Executed, NobodyToSealTo, Origin, Unauthenticated
from crossply.seal.events import EventOpener
from crossply.seal.faults import Reason, SealFault
from crossply.seal.opener import Opener
from crossply.seal.sealer import Sealer, unix_ms
from crossply.wire.envelope import EnvelopeFault
from crossply_policy.security import Securities

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.audit.audit import Audit
    from crossply.handler import Peer
    from crossply.seal.credentials import Member, Recipient
    from crossply.seal.holder import Holder
    from crossply.wire.sealed.own_keys import OwnKeys
    from crossply_policy.security import Encryption

CONTROL: Final = frozenset({"authority", "registry"})
"""Whom others must reach before they have keys, and who have none themselves: what is said there proves itself."""
_INSTANCES: Final = 16_384
_UNVOUCHED: Final = 1024
_SECOND: Final = 1000


class Heard(NamedTuple):
    """An instance: to whom to seal, and when it said it started, in unix seconds."""

    recipient: Recipient
    started: float | None


class Sealing:
    """The seam between the wire and ``crossply.seal``, the same over all connections of one instance.

    It outlives them, and with it the replay windows: what came on one connection is known on the next.
    """

    def __init__(
        self, keys: OwnKeys, service: str, audit: Audit | None = None, *, clock: Callable[[], int] = unix_ms
    ) -> None:
        self.keys = keys
        self.sealer = Sealer(keys.own, keys.lineage, clock=clock)
        self.opener = Opener(keys.ring, keys.credentials, keys.lineage, clock=clock, since=keys.since)
        self.events = EventOpener(keys.credentials, keys.lineage)
        self.clock = clock
        self._service = service
        self._audit = audit
        self._instances: dict[tuple[str, str], Heard] = {}
        self._unvouched: dict[str, None] = {}
        self._changed: list[Callable[[], None]] = []
        self._securities = Securities()
        self.encryption: Encryption = "strict"
        self.addressed = False
        keys.on_renewal(self._renewed)

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever to whom is sealed, or whether, may be another answer than before."""
        self._changed.append(changed)

    def adopt(self, securities: Securities) -> None:
        """Seal, and take, what these say from the next message on."""
        if securities == self._securities:
            return
        self._securities = securities
        own = securities.service(self._service)
        self.encryption = own.encryption or "strict"
        self.addressed = own.replay == "strict"
        self._tell_changed()

    def toward(self, service: str) -> Encryption:
        """Return whether messages to a service are sealed."""
        if service in CONTROL:
            return "permissive"
        return self._securities.service(service).encryption or "strict"

    def recipient(self, service: str, instance: str | None) -> Recipient | None:
        """Return to whom to seal a call, ``None`` where it goes as it is.

        Raise ``NobodyToSealTo`` where it must be sealed and there is nobody yet who could open it, ``Unauthenticated``
        where no authority vouches for those there are.
        """
        said = self.toward(service)
        if said == "off":
            return None
        if instance is not None:
            heard = self._instances.get((service, instance))
            found = None if heard is None else heard.recipient
        elif self._securities.service(service).replay == "strict":
            found = None
        else:
            found = self.keys.recipient(service)
        if found is not None or said == "permissive":
            return found
        if service in self._unvouched:
            raise Unauthenticated(
                f"{service}: no authority vouches for its instances, and encryption to it is strict; give it"
                f" CROSSPLY_AUTHORITY, or have Security/{service} say encryption: permissive",
                origin=Origin.LOCAL,
                executed=Executed.NO,
            )
        whom = f"instance {instance}" if instance is not None else "its instances"
        raise NobodyToSealTo(f"{service}: the keys of {whom} are not known here yet", origin=Origin.LOCAL)

    def hear(self, peer: Peer, raw: bytes | None, *, started: float | None = None, leaving: bool = False) -> None:
        """Take the credential of an instance that said something of itself; one that is ``leaving`` is forgotten.

        One that has ``started`` anew since it was heard of knows nobody any more: who calls it introduces itself again.
        Raise ``EnvelopeFault`` where encryption to it is strict and no authority vouches for it.
        """
        service, instance = peer.service, peer.instance
        try:
            member = self.keys.credentials.learn(raw or b"")
            self.keys.credentials.check(member, self.clock())
        except SealFault as fault:
            if self.toward(service) != "strict":
                return
            if len(self._unvouched) >= _UNVOUCHED:
                self._unvouched.clear()
            self._unvouched[service] = None
            raise EnvelopeFault(f"{service}/{instance} cannot be sealed to: {fault}") from fault
        self._unvouched.pop(service, None)
        if leaving:
            self._instances.pop((service, instance), None)
            self.sealer.forgotten(member.recipient)
            return
        known = self._instances.get((service, instance))
        if known is not None and known.recipient is member.recipient and started in {None, known.started}:
            return
        if len(self._instances) >= _INSTANCES:
            self._instances.pop(next(iter(self._instances)))
        if known is not None and started is None:
            started = known.started
        self._instances[service, instance] = Heard(member.recipient, started)
        if known is not None and known.recipient is member.recipient:
            self.sealer.forgotten(member.recipient)
        else:
            self._tell_changed()

    def tell(
        self, operation: str, fault: EnvelopeFault, member: Member | None = None, action: Action = Action.CALL
    ) -> None:
        """Note for the audit stream why a message was not opened."""
        if self._audit is None:
            return
        reason = fault.reason if isinstance(fault, SealFault) else Reason.MALFORMED
        peer = None if member is None else member.peer
        self._audit.tell(
            Entry(
                at=self.clock() / _SECOND,
                outcome=Outcome.UNOPENED,
                action=action,
                caller=peer.service if peer else "",
                identity=peer.identity if peer else "",
                instance=peer.instance if peer else "",
                operation=operation,
                reason=str(reason),
            )
        )

    def _renewed(self, own: Holder) -> None:
        self.sealer.renew(own)
        self._tell_changed()

    def _tell_changed(self) -> None:
        for changed in self._changed:
            changed()
