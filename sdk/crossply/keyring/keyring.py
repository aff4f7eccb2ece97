"""What a process seals and opens with, as of now; it asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.keyring import contents, signed
from crossply.keyring.contents import Bundle, Changed, Key, KeySet, PublicKeys
from crossply.keyring.patterns import narrowest
from crossply.keyring.signed import KeyFault
from crossply.keyring.wrapping import unwrapped
from crossply.seal import schedule
from crossply.seal.credentials import Credentials, Recipient
from crossply.seal.epochs import SPREAD, Epoch, Epochs
from crossply.seal.group import Group
from crossply.seal.lineage import Lineage, never_copied
from crossply.seal.ring import Ring
from crossply.seal.sealer import unix_ms
from crossply.wire.credential import identity

if TYPE_CHECKING:
    from crossply.clock import Chance
    from crossply.seal.holder import Holder

_PART_OF_AN_EPOCH = 16
_CHANNELS = 4096


class _Callee(NamedTuple):
    number: int
    epochs: Epochs[Recipient]
    newest: int


class Keyring:
    """One process's keys, fed with what the authority signed; ``seen`` are the numbers that were known before.

    ``publishes`` and ``subscribes`` are the channels whose keys the authority is asked for, at each renewal too.

    Whatever is older than what is held is refused: numbers never go back, not over restarts either.
    """

    def __init__(
        self,
        own: Holder,
        authorities: Mapping[bytes, Ed25519PublicKey],
        trust_domain: str,
        tenant: str,
        chance: Chance,
        *,
        clock: Callable[[], int] = unix_ms,
        since: int = 0,
        seen: Mapping[str, int] | None = None,
    ) -> None:
        self._authorities = dict(authorities)
        self._place = trust_domain, tenant
        self._service = own.identity.removeprefix(identity(trust_domain, tenant, ""))
        self._chance = chance
        self._clock = clock
        self._listeners: list[Callable[[Holder], None]] = []
        self._bundle: Bundle | None = None
        self._groups: dict[str, Group] = {}
        self._by_channel: dict[str, Group | None] = {}
        self._callees: dict[str, _Callee] = {}
        self.own = own
        self.since = since
        self.lineage = Lineage()
        self.credentials = Credentials(authorities, trust_domain, tenant)
        self.ring = Ring(own)
        self.lineage.at_end(self.ring.clear)
        self.seen: dict[str, int] = dict(seen or {})
        self.wrapped = b""
        self.publishes: set[str] = set()
        self.subscribes: set[str] = set()

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    @property
    def private(self) -> Bundle | None:
        """Return the private keys that were given to this process."""
        return self._bundle

    @property
    def authorities(self) -> Mapping[bytes, Ed25519PublicKey]:
        """Return whose signatures are believed, by ``issuer_kid``."""
        return self._authorities

    def on_renewal(self, listener: Callable[[Holder], None]) -> None:
        """Call ``listener`` with each renewed holder."""
        self._listeners.append(listener)

    def renew(self, own: Holder) -> None:
        """Seal as a renewed holder from now on, and open what is sealed to the one before for an overlap."""
        self.own = own
        self.ring.renew(own, self._clock())
        for listener in self._listeners:
            listener(own)

    def recipient(self, service: str) -> Recipient | None:
        """Return to whom to seal what whichever instance of a service may take; None when its keys are not known."""
        found = self._callees.get(service)
        return None if found is None else found.epochs.sealing(self._clock()).key

    def group(self, channel: str) -> Group | None:
        """Return the keys of a channel, or of a pattern of channels; None when this process was not given them."""
        try:
            return self._by_channel[channel]
        except KeyError:
            name = narrowest(self._groups, channel)
            found = None if name is None else self._groups[name]
            if len(self._by_channel) >= _CHANNELS:
                self._by_channel.clear()
            self._by_channel[channel] = found
            return found

    def adopt(self, raw: bytes) -> bool:
        """Take the private keys that were wrapped for this process; return whether they are others than before.

        Raise ``KeyFault`` for what the authority did not wrap for it, and for what is older than what is held.
        """
        bundle = unwrapped(raw, self.own, self._authorities)
        self._check(bundle)
        changed = bundle != self._bundle
        self.ring.adopt(Epochs(list(map(_private, bundle.service.epochs))))
        self._groups = {
            name: Group(Epochs(list(map(_shared, each.epochs)), self._lag(each.epochs)), each.signed)
            for name, each in bundle.groups.items()
        }
        self._by_channel = {}
        self._bundle, self.wrapped = bundle, raw
        return changed

    def learn(self, service: str, raw: bytes) -> bool:
        """Take the public keys of a service; return whether they are others than before. Raise ``KeyFault``."""
        what = f"keys of {service}"
        said = contents.decode(signed.opened(raw, signed.KEYS, what, self._authorities), PublicKeys, what)
        whose = identity(*self._place, service)
        if said.identity != whose:
            raise KeyFault(f"{what}: are those of {ascii(said.identity)[:200]}, put in the place of {whose}")
        contents.check(said.epochs, what)
        _forward(what, said.number, self.seen.get(service, 0))
        known = self._callees.get(service)
        if known is not None and known.number == said.number:
            return False
        epochs = [_recipient(whose, each) for each in said.epochs]
        self._callees[service] = _Callee(said.number, Epochs(epochs, self._lag(said.epochs)), _newest(said.epochs))
        self.seen[service] = said.number
        return True

    def forget(self, service: str) -> None:
        """Keep no keys of a service; its number stays known."""
        self._callees.pop(service, None)

    def heard(self, raw: bytes) -> Changed:
        """Return what an announcement says; raise ``KeyFault``."""
        what = "announcement of keys"
        return contents.decode(signed.opened(raw, signed.CHANGED, what, self._authorities), Changed, what)

    def behind(self, changed: Changed) -> bool:
        """Return whether an announcement tells of newer private keys of this process's service, or of its groups."""
        held, service = self._bundle, self._service
        if held is None:
            return service in changed.services or bool(changed.groups)
        return changed.services.get(service, 0) > held.service.number or any(
            number > held.groups[name].number for name, number in changed.groups.items() if name in held.groups
        )

    def older(self, service: str, number: int) -> bool:
        """Return whether the public keys of a service that are held are older than those of a number."""
        found = self._callees.get(service)
        return found is None or found.number < number

    def outlived(self) -> tuple[bool, list[str]]:
        """Return whether private keys, and of which services public ones, have begun with none known to follow them."""
        now, held = self._clock(), self._bundle
        private = held is None or any(_newest(each.epochs) <= now for each in (held.service, *held.groups.values()))
        return private, [service for service, each in self._callees.items() if each.newest <= now]

    def _check(self, bundle: Bundle) -> None:
        held = self._bundle
        for what, said, before in _pairs(bundle, held):
            contents.check(said.epochs, what)
            _forward(what, said.number, 0 if before is None else before.number)

    def _lag(self, epochs: tuple[Key, ...]) -> int:
        """Return this sender's own delay: within the spread, and a small part of a short epoch."""
        begins = sorted(each.begins for each in epochs)
        length = begins[-1] - begins[-2] if len(begins) > 1 else SPREAD
        return round(self._chance.random() * min(SPREAD, length // _PART_OF_AN_EPOCH))


def _pairs(bundle: Bundle, held: Bundle | None) -> Iterable[tuple[str, KeySet, KeySet | None]]:
    yield "private keys of the service", bundle.service, None if held is None else held.service
    for name, each in bundle.groups.items():
        yield f"keys of {name}", each, None if held is None else held.groups.get(name)


def _forward(what: str, number: int, held: int) -> None:
    if number < held:
        raise KeyFault(f"{what}: went back from {held} to {number}; an older state was put in their place")


def _newest(epochs: tuple[Key, ...]) -> int:
    return max(each.begins for each in epochs)


def _private(said: Key) -> Epoch[X25519PrivateKey]:
    key = X25519PrivateKey.from_private_bytes(said.key)
    return Epoch(said.begins, schedule.kid(key.public_key().public_bytes_raw()), key)


def _shared(said: Key) -> Epoch[bytes]:
    return Epoch(said.begins, schedule.group_kid(said.key), said.key)


def _recipient(whose: str, said: Key) -> Epoch[Recipient]:
    kid = schedule.kid(said.key)
    return Epoch(said.begins, kid, Recipient(whose, kid, said.key))
