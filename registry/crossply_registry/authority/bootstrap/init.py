"""Makes what is missing: root, issuer, certificates of the mesh's own processes, tokens. What is there is kept.

Certificates of brokers, authority and registry are made anew in the last third of their life, so that running it again
is how they are renewed. The root's key is needed for the first run and for a new issuer only.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from crossply_registry.authority import kek as keks
from crossply_registry.authority.bootstrap.places import Places
from crossply_registry.authority.bootstrap.signing import SigningKey
from crossply_registry.authority.callout.keys import CalloutKeys
from crossply_registry.authority.certificates import (
    CertificateFault,
    expires,
    identity_of,
    key_pem,
    make_issuer,
    make_root,
    pem,
    trust_domain_of,
)
from crossply_registry.authority.files import PUBLIC, put
from crossply_registry.authority.folder import ISSUER_CONTEXT, Folder, Operator, certificate, operator_hash
from crossply_registry.authority.grant import new_grant
from crossply_registry.authority.identity import AUTHORITY, BROKER, REGISTRY, Identity
from crossply_registry.authority.issuer import Issuer, new_serial
from crossply_registry.authority.kek import Kek
from crossply_registry.authority.tokens import Token, new_token
from crossply_registry.broker_callout import ACCOUNTS_FILE, Callout
from crossply_registry.broker_config import BrokerConfig, Certificates, render, render_accounts

LOOPBACK: Final = ("localhost", "127.0.0.1")
YEAR: Final = 365 * 86_400.0
_LAST_PART: Final = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a mesh is to have; `hosts` are names and addresses under which brokers and authority are reached.

    With `grant` it is for development: one secret lets a process of this machine join as any service.
    """

    out: Path
    trust_domain: str = "mesh.local"
    tenant: str = "default"
    services: tuple[str, ...] = ()
    hosts: tuple[str, ...] = LOOPBACK
    broker_port: int = 4222
    broker_store: str = "jetstream"
    broker_monitor: int | None = None
    grant: bool = False
    of: Path | None = None
    """The folder of the mesh's first tenant, where this is another's: root, issuer and brokers are the same."""
    new_signing_key: bool = False


class Bootstrap:
    """One run; `now` is unix seconds."""

    def __init__(
        self, wanted: Wanted, environ: Mapping[str, str] | None = None, *, now: Callable[[], float] = time.time
    ) -> None:
        self._wanted = wanted
        self._environ = os.environ if environ is None else environ
        self._now = now
        self._places = Places(wanted.out, wanted.of)
        self._files: list[str] = []

    def run(self) -> list[str]:
        """Write what is missing and return its paths; raise CertificateFault, KekFault or OSError."""
        if self._wanted.of is not None:
            self._take(Places(self._wanted.of).authority)
        root = self._root()
        kek = self._kek()
        issuer = self._issuer(root, kek)
        hosts = self._wanted.hosts
        folder = self._places.authority
        self._server(issuer, AUTHORITY, folder.tls, folder.tls_key, hosts)
        if self._wanted.of is None:
            self._broker(root, kek, issuer)
        where = self._places.registry
        self._server(issuer, REGISTRY, where / "tls.pem", where / "tls.key", ())
        for each in (folder.path, where):
            self._copy_root(root, each)
        self._signing_key(issuer)
        self._operator()
        self._tokens(root)
        self._grant(root)
        return list(dict.fromkeys(self._files))

    def _root(self) -> x509.Certificate:
        path, key_path = self._places.root / "ca.pem", self._places.root / "ca.key"
        held = self._places.authority.root
        for there in (path, held):
            if there.exists():
                root = certificate(there)
                if (domain := trust_domain_of(root)) != self._wanted.trust_domain:
                    raise CertificateFault(f"{there} is the root of {domain}, not of {self._wanted.trust_domain}")
                return root
        key = Ed25519PrivateKey.generate()
        root = make_root(key, self._wanted.trust_domain, self._now())
        self._put(key_path, key_pem(key))
        self._put(path, pem(root), PUBLIC)
        return root

    def _kek(self) -> Kek:
        path = self._places.authority.kek
        if not any(self._environ.get(name) for name in (keks.VARIABLE, keks.FILE_VARIABLE)) and not path.exists():
            self._put(path, f"{keks.new()}\n".encode())
        return keks.read(self._environ, path)

    def _issuer(self, root: x509.Certificate, kek: Kek) -> Issuer:
        folder = self._places.authority
        if not folder.issuer.exists():
            key = Ed25519PrivateKey.generate()
            made = make_issuer(key.public_key(), root, self._root_key("a new issuer"), self._now())
            self._put(folder.issuer_key, kek.seal(key.private_bytes_raw(), ISSUER_CONTEXT))
            # The root comes last of the three: with it, the folder counts as whole.
            self._put(folder.issuer, pem(made), PUBLIC)
            self._copy_root(root, folder.path)
        return folder.read_issuer(kek)

    def _server(self, issuer: Issuer, name: str, path: Path, key_path: Path, hosts: tuple[str, ...]) -> None:
        """Certify one of the mesh's own processes, unless it is, for these hosts and for long enough."""
        identity = Identity(issuer.trust_domain, self._wanted.tenant, name)
        now, wanted = self._now(), set(hosts)
        if path.exists() and key_path.exists():
            held = certificate(path)
            known = _hosts(held)
            if wanted <= known and identity_of(held) == identity and expires(held) - now > YEAR * _LAST_PART:
                return
            wanted |= known
        key = Ed25519PrivateKey.generate()
        made = issuer.certify(
            identity, key.public_key(), serial=new_serial(), now=now, lifetime=YEAR, hosts=sorted(wanted)
        )
        self._put(key_path, key_pem(key))
        self._put(path, pem(made, issuer.certificate), PUBLIC)

    def _callout(self, kek: Kek) -> CalloutKeys:
        """Make the keys by which brokers and authority know each other, unless they are there."""
        folder = self._places.authority
        held = folder.read_callout(kek)
        if held is None:
            held = CalloutKeys.make()
            self._put(folder.callout, held.sealed(kek))
        return held

    def _take(self, first: Folder) -> None:
        """Copy what the authorities of all tenants share; what is secret in it is under the key-encryption key."""
        for path in (first.root, first.issuer, first.issuer_key, first.callout, first.kek):
            mine = self._places.authority.path / path.name
            if path.exists() and not mine.exists():
                self._put(mine, path.read_bytes(), PUBLIC if path.suffix == ".pem" else 0o600)

    def _broker(self, root: x509.Certificate, kek: Kek, issuer: Issuer) -> None:
        """Write all that a broker starts with, paths relative to its folder; a configuration that is there stays.

        Its accounts are in a file of their own, which follows the tenants that there are.
        """
        where = self._places.broker
        self._server(issuer, BROKER, where / "tls.pem", where / "tls.key", self._wanted.hosts)
        self._copy_root(root, where)
        config = self._broker_config(self._callout(kek))
        if not (where / "nats.conf").exists():
            self._put(where / "nats.conf", render(config).encode(), PUBLIC)
        accounts = render_accounts(config, [self._wanted.tenant, *further(self._places)]).encode()
        path = where / ACCOUNTS_FILE
        if not path.exists() or path.read_bytes() != accounts:
            self._put(path, accounts, PUBLIC)

    def _broker_config(self, keys: CalloutKeys) -> BrokerConfig:
        # A broker that is reached under other names than this machine's own listens to others.
        host = "127.0.0.1" if set(self._wanted.hosts) <= set(LOOPBACK) else "0.0.0.0"  # noqa: S104 - see above
        files = Certificates(certificate="tls.pem", key="tls.key", root="ca.pem")
        return BrokerConfig(
            store_dir=self._wanted.broker_store,
            host=host,
            port=self._wanted.broker_port,
            monitor=self._wanted.broker_monitor,
            certificates=files,
            callout=Callout(issuer=keys.issuer_name, user=keys.user.name),
            tenants_come=True,
        )

    def _signing_key(self, issuer: Issuer) -> None:
        """See to the key that signs revisions, and tell the authority whose it is."""
        places, copy = self._places.registry, self._places.authority.registry
        signing = SigningKey(places / "signing.key", places / "signing.pem")
        identity = Identity(issuer.trust_domain, self._wanted.tenant, REGISTRY)
        signing.ensure(issuer, identity, self._put, self._now(), another=self._wanted.new_signing_key)
        told = signing.certificates.read_bytes()
        if not copy.exists() or copy.read_bytes() != told:
            self._put(copy, told, PUBLIC)

    def _operator(self) -> None:
        path, hashed = self._places.operator_token, self._places.authority.operators
        if hashed.exists():
            return
        token = secrets.token_hex(32)
        self._put(hashed, msgspec.json.encode([Operator("operator", operator_hash(token))]))
        self._put(path, f"{token}\n".encode())

    def _tokens(self, root: x509.Certificate) -> None:
        """Make a token for each service that has none; the authority knows its hash from its first start on."""
        folder = self._places.authority
        held: list[Token] = folder.read_tokens()
        for name in self._wanted.services:
            path = self._places.service(name) / "token"
            if path.exists():
                continue
            made, text = new_token(name, self._now())
            held.append(made)
            self._put(folder.tokens, msgspec.json.encode(held))
            self._put(path, f"{text}\n".encode())
            self._copy_root(root, path.parent)

    def _grant(self, root: x509.Certificate) -> None:
        hashed, path = self._places.authority.grant, self._places.grant / "token"
        if not self._wanted.grant or (hashed.exists() and path.exists()):
            return
        made, text = new_grant()
        self._put(hashed, msgspec.json.encode(made))
        self._put(path, f"{text}\n".encode())
        self._copy_root(root, path.parent)

    def _copy_root(self, root: x509.Certificate, where: Path) -> None:
        path = where / "ca.pem"
        if not path.exists() or path.read_bytes() != pem(root):
            self._put(path, pem(root), PUBLIC)

    def _root_key(self, what: str) -> Ed25519PrivateKey:
        path = self._places.root / "ca.key"
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise CertificateFault(f"{path} is needed for {what} and cannot be read: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise CertificateFault(f"{path} is not an Ed25519 key")
        return key

    def _put(self, path: Path, content: bytes, mode: int = 0o600) -> None:
        put(path, content, mode)
        self._files.append(str(path.relative_to(self._places.out)))


def further(places: Places) -> list[str]:
    """Return the tenants that were added to a mesh, by name."""
    return sorted(each.name for each in places.tenants.iterdir()) if places.tenants.is_dir() else []


def _hosts(held: x509.Certificate) -> set[str]:
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    return {*names.get_values_for_type(x509.DNSName), *map(str, addresses)}
