"""Who connects: what its certificate proves, and what it says that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from crossply.wire.dial_name import needs_in
from crossply_registry.authority.certificates import CertificateFault, expires, identity_of, instance_of
from crossply_registry.authority.identity import OWN, Identity

if TYPE_CHECKING:
    from crossply_registry.authority.callout.question import Question

_KNOWN: Final = 16
_CHAIN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """A client that is to be let in or not; times are unix seconds, `issued` is when its certificate begins.

    Without an instance it is one of the mesh's own processes, or a client without the SDK. `asks` is what it says that
    it wants beside its tenant's account.
    """

    identity: Identity
    instance: str
    issued: float
    not_after: float
    needs: tuple[str, ...]
    asks: str = ""

    @property
    def own(self) -> bool:
        """Return whether it is one of the mesh's own processes."""
        return self.identity.service in OWN

    @property
    def foreign(self) -> bool:
        """Return whether it is a client without the SDK."""
        return not self.instance and not self.own


class Chains:
    """Reads who a chain of certificates proves; the issuers under the root are verified once each."""

    def __init__(self, root: x509.Certificate) -> None:
        self._root = root
        self._issuers: dict[str, x509.Certificate] = {}

    def connecting(self, question: Question, now: float) -> Connecting:
        """Return who connects; raise CertificateFault, whose text a broker may log."""
        asked = question.nats
        if asked.client_info.kind != "Client" or asked.client_info.type != "nats":
            raise CertificateFault(
                f"only clients of the NATS protocol connect, not {asked.client_info.kind} {asked.client_info.type}"
            )
        leaf = self._leaf(asked.client_tls.verified_chains)
        begins = leaf.not_valid_before_utc.timestamp()
        if not begins <= now < expires(leaf):
            raise CertificateFault("certificate is not in force by the authority's clock")
        return Connecting(
            identity=identity_of(leaf),
            instance=instance_of(leaf),
            issued=begins,
            not_after=expires(leaf),
            needs=needs_in(asked.connect_opts.name),
            asks=asked.connect_opts.auth_token,
        )

    def _leaf(self, chains: list[list[str]]) -> x509.Certificate:
        """Return the leaf of the first chain, which an issuer under the root has signed."""
        if not chains or len(chains[0]) < _CHAIN:
            raise CertificateFault("no certificate was shown")
        try:
            leaf = x509.load_pem_x509_certificate(chains[0][0].encode())
            leaf.verify_directly_issued_by(self._issuer(chains[0][1]))
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
            raise CertificateFault("certificate was not made by an authority of this mesh") from error
        return leaf

    def _issuer(self, pem: str) -> x509.Certificate:
        known = self._issuers.get(pem)
        if known is None:
            known = x509.load_pem_x509_certificate(pem.encode())
            known.verify_directly_issued_by(self._root)
            constraints = known.extensions.get_extension_for_class(x509.BasicConstraints).value
            if not constraints.ca or known == self._root:
                raise ValueError("no issuer")
            if len(self._issuers) >= _KNOWN:
                self._issuers.clear()
            self._issuers[pem] = known
        return known
