"""Who is let in, and to what: an answer to a broker's question, from certificate, revocations and policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from crossply.telemetry.logs import get_logger
from crossply.wire import allow_list
from crossply_policy.access.decision import Caller
from crossply_policy.access.reach import Reach, reach
from crossply_policy.access.rules import Access
from crossply_registry.authority.callout.connecting import Chains
from crossply_registry.authority.callout.question import Question, read
from crossply_registry.authority.certificates import BACKDATE, CertificateFault
from crossply_registry.authority.identity import AUTHORITY, REGISTRY
from crossply_registry.broker_config import SYSTEM_ACCOUNT

if TYPE_CHECKING:
    from cryptography import x509

    from crossply.wire.allow_list import AllowList
    from crossply_registry.authority.callout.connecting import Connecting
    from crossply_registry.authority.callout.jwt import Signer
    from crossply_registry.authority.revocations import Verdict

SYSTEM: Final = "system"
"""What an authority says that asks for the brokers' own account."""
_REACHES: Final = 4_096
_log: Final = get_logger("authority.callout")


class AnotherTenant(Exception):
    """Who connects is of another tenant, whose authority is asked as well."""


class Admitting:
    """Answers questions; `account` is where a tenant's connections go, `now` is unix seconds.

    Until `adopt` was called nothing is known of policy, and `ready` says so.
    """

    def __init__(
        self,
        *,
        root: x509.Certificate,
        trust_domain: str,
        tenant: str,
        account: str,
        signer: Signer,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._chains = Chains(root)
        self._trust_domain = trust_domain
        self._tenant = tenant
        self._account = account
        self._signer = signer
        self._now = now
        self._access: Access | None = None
        self._reaches: dict[tuple[str, tuple[str, ...], bool], Reach] = {}

    @property
    def ready(self) -> bool:
        """Return whether policy is known."""
        return self._access is not None

    def adopt(self, access: Access) -> None:
        """Let in by these documents from now on."""
        self._access = access
        self._reaches.clear()

    def asked(self, raw: bytes) -> Question:
        """Return the question of a message; raise QuestionFault for one that gets no answer."""
        return read(raw, self._signer.name)

    def connecting(self, question: Question) -> Connecting:
        """Return who connects; raise CertificateFault, ``AnotherTenant`` where another authority answers."""
        found = self._chains.connecting(question, self._now())
        if found.identity.trust_domain != self._trust_domain:
            raise CertificateFault(f"{found.identity} is not of trust domain {self._trust_domain}")
        if found.identity.tenant != self._tenant:
            raise AnotherTenant(found.identity.tenant)
        return found

    def allowed(self, who: Connecting) -> AllowList:
        """Return what a connection may; raise CertificateFault for what has no business at a broker."""
        service = who.identity.service
        if _is_system(who):
            return allow_list.of_system(AUTHORITY)
        if who.own:
            if service == AUTHORITY:
                return allow_list.of_authority(self._tenant)
            if service == REGISTRY:
                return allow_list.of_registry(self._tenant)
            raise CertificateFault(f"{service} does not connect as a client")
        reached = self._reach(who)
        if who.foreign:
            return allow_list.of_foreign(reached, service)
        return allow_list.of_instance(reached, service, who.instance, self._tenant)

    def admit(self, question: Question, who: Connecting, verdict: Verdict) -> bytes:
        """Return the answer to a broker for somebody of whom a verdict holds."""
        if verdict.barred or (verdict.before and who.issued + BACKDATE <= verdict.before):
            return self.refuse(question, f"{who.identity} is revoked")
        try:
            allowed = self.allowed(who)
        except CertificateFault as fault:
            return self.refuse(question, str(fault))
        _log.debug("admitted", identity=str(who.identity), instance=who.instance, digest=allowed.digest)
        return self._answered(question, jwt=self._user(question, who, allowed))

    def refuse(self, question: Question, why: str) -> bytes:
        """Return the answer that lets nobody in."""
        _log.warning("connection_refused", why=why, host=question.nats.client_info.host)
        return self._answered(question, error=why)

    def _reach(self, who: Connecting) -> Reach:
        key = (str(who.identity), who.needs, who.foreign)
        known = self._reaches.get(key)
        if known is None:
            if self._access is None:
                raise AssertionError("asked before policy was known")
            caller = Caller(service=who.identity.service, identity=str(who.identity))
            if len(self._reaches) >= _REACHES:
                self._reaches.clear()
            known = self._reaches[key] = reach(self._access, caller, who.needs, foreign=who.foreign)
        return known

    def _user(self, question: Question, who: Connecting, allowed: AllowList) -> str:
        """Return what the connection is let in with.

        It has no name: a broker whose configuration is read again drops whoever has one. A limit that is left out means
        none of it; an empty list would mean everything.
        """
        if not allowed.publish or not allowed.subscribe:
            raise AssertionError(f"{who.identity} would be allowed everything")
        said = {
            "sub": question.nats.user_nkey,
            "aud": SYSTEM_ACCOUNT if _is_system(who) else self._account,
            "exp": int(who.not_after),
            "nats": {
                "type": "user",
                "version": 2,
                "subs": -1,
                "data": -1,
                "payload": -1,
                "pub": {"allow": allowed.publish},
                "sub": {"allow": allowed.subscribe},
            },
        }
        return self._signer.sign(said, self._now())

    def _answered(self, question: Question, **said: str) -> bytes:
        answer = {
            "sub": question.nats.user_nkey,
            "aud": question.nats.server_id.id,
            "nats": {"type": "authorization_response", "version": 2, **said},
        }
        return self._signer.sign(answer, self._now()).encode()


def _is_system(who: Connecting) -> bool:
    return who.identity.service == AUTHORITY and who.asks == SYSTEM
