"""A running authority: the parts behind its API, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from crossply import wire
from crossply.clock import Clock, chance_of_loop, monotonic
from crossply.errors import Unavailable
from crossply.names import new_instance
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply.tls import SCHEME, TlsFiles
from crossply.wire.link import Connect, LinkConfig, StoreUnavailable
from crossply.wire.plans import CredentialsPlan
from crossply.wire.system import SystemOnWire
from crossply_registry.authority import state
from crossply_registry.authority.callout.admitting import Admitting
from crossply_registry.authority.callout.jwt import Signer
from crossply_registry.authority.callout.service import CalloutService
from crossply_registry.authority.certificates import CertificateFault, trust_domain_of
from crossply_registry.authority.credentials import IssuedCredentials
from crossply_registry.authority.effect import Effect
from crossply_registry.authority.expelling import ConnectSystem
from crossply_registry.authority.folder import ISSUER_CONTEXT, certificate
from crossply_registry.authority.identity import AUTHORITY, Identity
from crossply_registry.authority.issuer import Issuer
from crossply_registry.authority.issuing import Issuing
from crossply_registry.authority.joining import Joining
from crossply_registry.authority.journal import Journal
from crossply_registry.authority.keyring.asked import Asking
from crossply_registry.authority.keyring.granting import Granting
from crossply_registry.authority.keyring.judging import Judging
from crossply_registry.authority.keyring.publishing import Publishing
from crossply_registry.authority.keyring.registry_keys import SigningKeys
from crossply_registry.authority.keyring.turning import Keys
from crossply_registry.authority.keyring.vault import Vault
from crossply_registry.authority.kubernetes import ApiServer, Reviewer
from crossply_registry.authority.policy import Policy
from crossply_registry.authority.renewing import Renewing
from crossply_registry.authority.revocations import Revocations
from crossply_registry.authority.state import State, StateFault
from crossply_registry.authority.terms import Terms
from crossply_registry.authority.tokens import Tokens
from crossply_registry.broker_config import account
from crossply_registry.connecting import TRY_AGAIN, connected
from crossply_registry.registry import Starting

if TYPE_CHECKING:
    from crossply.wire.link import Link
    from crossply_policy.snapshot import Snapshot
    from crossply_registry.authority.config import AuthorityConfig

_CLOSING: Final = 0.5
_log = get_logger("authority")


class _Kept(msgspec.Struct, frozen=True):
    """The issuer as all replicas share it: its certificate, and its key under the key-encryption key."""

    certificate: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """What handlers use once everything runs."""

    link: Link
    issuer: Issuer
    tokens: Tokens
    revocations: Revocations
    journal: Journal
    joining: Joining
    renewing: Renewing
    keys: Keys
    asking: Asking
    judging: Judging
    effect: Effect
    signing: SigningKeys


class Authority:
    """Owns the link; `now` is unix seconds."""

    def __init__(
        self,
        config: AuthorityConfig,
        *,
        connect: Connect = wire.connect,
        connect_system: ConnectSystem = SystemOnWire.connect,
        clock: Clock = monotonic,
        now: Callable[[], float] = time.time,
        reviewer: Reviewer | None = None,
    ) -> None:
        self._config = config
        self._connect = connect
        self._connect_system = connect_system
        self._clock = clock
        self._now = now
        self._cluster = ApiServer(config.cluster) if reviewer is None and config.cluster is not None else None
        self._reviewer = reviewer or self._cluster
        self._link: Link | None = None
        self._effect: Effect | None = None
        self._policy: Policy | None = None
        self._callout: CalloutService | None = None
        self._parts: Parts | None = None
        self._tasks = Tasks(_failed)
        self.instance = new_instance()
        self.root = certificate(config.folder.root)
        self.operators = config.folder.read_operators()

    @property
    def tenant(self) -> str:
        """Return the tenant that is served."""
        return self._config.tenant

    def now(self) -> float:
        """Return the time, in unix seconds."""
        return self._now()

    @property
    def parts(self) -> Parts:
        """Return the running parts; raise ``Starting`` before they run."""
        if self._parts is None:
            raise Starting("authority is starting: waiting for the broker")
        return self._parts

    async def start(self) -> None:
        """Connect, agree with the other replicas on the issuer, take over the first tokens.

        Raise ``Unavailable`` when broker or store do not answer within ``connect_timeout``, ``CertificateFault``,
        ``KekFault`` or ``StateFault`` when the issuer cannot be used.
        """
        deadline = self._clock() + self._config.connect_timeout
        await self._be_asked()
        link = self._link = await connected(self._connect, self._target(), self._config.connect_timeout, self._clock)
        kept = State(link.store, self._config.kek)
        issuer = await self._when_the_store_answers(link, kept, deadline)
        tokens = Tokens(kept, now=self._now, grant=self._config.folder.read_grant())
        await tokens.adopt(self._config.folder.read_tokens())
        revocations = Revocations(kept, issuer, now=self._now)
        await revocations.refresh()
        journal = Journal(kept, now=self._now)
        publishing = Publishing(link, issuer, self._config.tenant)
        vault = Vault(kept, self._config.kek, now=lambda: int(self._now() * 1000))
        terms = Terms(self._config.lifetime, self._config.epoch)
        keys = Keys(vault, publishing, terms, chance_of_loop())
        signing = SigningKeys(self._config.folder, link.store, issuer, publishing, self._config.tenant, now=self._now)
        await signing.refresh()
        judging = Judging(lambda service: str(Identity(issuer.trust_domain, self._config.tenant, service)))
        granting, credentials = Granting(issuer, keys, may=judging.may), IssuedCredentials(link.keys.credentials)
        joining = Joining(
            issuing=Issuing(issuer, granting, credentials, terms, self._now),
            tenant=self._config.tenant,
            tokens=tokens,
            revocations=revocations,
            journal=journal,
            reviewer=self._reviewer,
            now=self._now,
        )
        entries = await journal.refresh()
        renewing = Renewing(issuer, joining, revocations, now=self._now)
        effect = self._effect = Effect(link, issuer, revocations, self._config.tenant, self._now)
        parts = Parts(
            link=link,
            issuer=issuer,
            tokens=tokens,
            revocations=revocations,
            journal=journal,
            joining=joining,
            renewing=renewing,
            keys=keys,
            asking=Asking(renewing, granting),
            judging=judging,
            effect=effect,
            signing=signing,
        )
        if self._callout is not None:
            self._callout.begin(revocations)
        await self._go_on(parts, terms)
        _log.info("ready", instance=self.instance, trust_domain=issuer.trust_domain, entries=entries)

    async def _go_on(self, parts: Parts, terms: Terms) -> None:
        """Follow policy, turn keys, look for others: what goes on until the end."""
        self._policy = Policy(parts.link, parts.signing.signers, partial(self._adopt, terms, parts.effect))
        await self._policy.start()
        self._parts = parts  # from here on it issues, by the policy that there is
        self._tasks.for_ever(parts.keys.turning, "turn keys")
        self._tasks.for_ever(parts.signing.looking, "the registry's keys")
        await parts.effect.begin(self._target(), self._connect_system if self._callout is not None else None)

    async def aclose(self) -> None:
        """Close the connections; a broker that does not answer is not waited for."""
        await self._tasks.aclose()
        if self._cluster is not None:
            await self._cluster.aclose()
        if self._policy is not None:
            await self._policy.aclose()
        if self._effect is not None:
            await self._effect.aclose()
        if self._callout is not None:
            await self._callout.aclose()
        if self._link is not None:
            try:
                await asyncio.wait_for(self._link.aclose(), _CLOSING)
            except Exception as error:  # noqa: BLE001 - whatever it is, this process ends
                _log.info("closed_late", reason=repr(error))

    def _adopt(self, terms: Terms, effect: Effect, snapshot: Snapshot) -> None:
        terms.adopt(snapshot.security)
        if self._callout is not None:
            self._callout.answering.adopt(snapshot.access)
            effect.adopt(snapshot.access)

    @property
    def is_asked(self) -> bool:
        """Return whether brokers can ask it who connects."""
        return self.tls is not None and self._config.folder.callout.exists()

    async def _be_asked(self) -> None:
        """Let brokers ask, where there are keys for it: they ask about this authority's own connections, too."""
        keys = self._config.folder.read_callout(self._config.kek) if self.is_asked else None
        if keys is None:
            return
        admitting = Admitting(
            root=self.root,
            trust_domain=trust_domain_of(self.root),
            tenant=self._config.tenant,
            account=account(self._config.tenant),
            signer=Signer(keys.issuer),
            now=self._now,
        )
        self._callout = CalloutService(admitting, self._clock)
        target = replace(self._target(), nkey=keys.user)
        await self._callout.open(target, self._config.connect_timeout, self._clock)

    def _target(self) -> LinkConfig:
        return LinkConfig(
            servers=self._config.servers,
            service=AUTHORITY,
            instance=self.instance,
            tenant=self._config.tenant,
            trust_domain="mesh.local",
            tls=self.tls,
        )

    @property
    def tls(self) -> TlsFiles | None:
        """Return what shows the authority's own certificate to brokers; None where they are reached without TLS."""
        if not any(each.startswith(SCHEME) for each in self._config.servers):
            return None
        folder = self._config.folder
        return TlsFiles(ca=folder.root, certificate=folder.tls, key=folder.tls_key)

    async def _when_the_store_answers(self, link: Link, kept: State, deadline: float) -> Issuer:
        while True:
            try:
                await link.streams.ensure_bucket(self._config.replicas)
                await link.keys.ensure_credentials(CredentialsPlan(replicas=self._config.replicas))
                return await self._agreed(kept)
            except StoreUnavailable as error:
                if self._clock() + TRY_AGAIN >= deadline:
                    raise Unavailable(f"store does not answer: {error}; is JetStream enabled on the broker?") from error
                _log.warning("waiting_for_store", reason=str(error))
                await asyncio.sleep(TRY_AGAIN)

    async def _agreed(self, shared: State) -> Issuer:
        """Return the issuer that the first replica brought: the store's, or else this folder's."""
        folder, kek = self._config.folder, self._config.kek

        def first(held: _Kept | None) -> _Kept | None:
            if held is not None:
                return None
            if not folder.issuer.exists():
                raise CertificateFault(f"{folder.issuer} is missing, and no other replica has brought an issuer yet")
            folder.read_issuer(kek)  # what cannot be used is not kept
            return _Kept(certificate(folder.issuer).public_bytes(Encoding.DER), folder.issuer_key.read_bytes())

        kept = await shared.change(state.ISSUER, _Kept, first)
        if kept is None:
            raise StateFault("issuer was written and is not there")
        key = Ed25519PrivateKey.from_private_bytes(kek.open(kept.sealed, ISSUER_CONTEXT))
        return Issuer(self.root, x509.load_der_x509_certificate(kept.certificate), key)


def _failed(name: str, error: BaseException) -> None:
    _log.error("task_failed", task=name, reason=repr(error))
