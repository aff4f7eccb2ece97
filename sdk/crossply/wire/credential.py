"""The credential an envelope carries: who sends, from which instance; unsigned under suite 0x00."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

_FIXED = struct.Struct(">BBH8sQQ16s32s32s")
_MAGIC, _VERSION, _SIGNATURE = 0xC7, 1, 64
_UNSIGNED = bytes((_MAGIC, 0))


class CredentialFault(ValueError):
    """The bytes are not a credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """The parts of a credential; times are unix seconds, keys raw bytes, ``issuer`` zero when unsigned."""

    identity: str
    instance: str
    not_before: int = 0
    not_after: int = 0
    serial: bytes = bytes(16)
    issuer: bytes = bytes(8)
    sign_key: bytes = bytes(32)
    kem_key: bytes = bytes(32)
    claims: bytes = b""
    signature: bytes = bytes(_SIGNATURE)

    @property
    def service(self) -> str:
        """The service the identity names: ``spiffe://<trust domain>/t/<tenant>/svc/<service>``."""
        return self.identity.rpartition("/svc/")[2]

    @property
    def claimed(self) -> Mapping[str, str]:
        """What it claims beside its names, a msgpack map of text to text; nothing where there is none."""
        try:
            return msgspec.msgpack.decode(self.claims, type=dict[str, str]) if self.claims else {}
        except msgspec.DecodeError:
            return {}


def identity(trust_domain: str, tenant: str, service: str) -> str:
    """Return the SPIFFE identity of a service."""
    return f"spiffe://{trust_domain}/t/{tenant}/svc/{service}"


def unsigned(trust_domain: str, tenant: str, service: str, instance: str) -> Credential:
    """Return the credential of an instance that nobody vouches for."""
    return Credential(identity=identity(trust_domain, tenant, service), instance=instance)


def pack(credential: Credential) -> bytes:
    """Return the fixed layout: magic, version, length, issuer, validity, serial, keys, names, claims, signature."""
    names = b"".join(
        struct.pack(">H", len(part)) + part
        for part in (credential.identity.encode(), credential.instance.encode(), credential.claims)
    )
    total = _FIXED.size + len(names) + _SIGNATURE
    fixed = _FIXED.pack(
        _MAGIC,
        _VERSION,
        total,
        credential.issuer,
        credential.not_before,
        credential.not_after,
        credential.serial,
        credential.sign_key,
        credential.kem_key,
    )
    return fixed + names + credential.signature


def pack_unsigned(credential: Credential) -> bytes:
    """Return what there is to say without a signature: two bytes, the identity and the instance.

    It stands in every message under suite 0x00, and a message's length is what most of its way costs.
    """
    return _UNSIGNED + b"".join(
        struct.pack(">H", len(part)) + part for part in (credential.identity.encode(), credential.instance.encode())
    )


def read(raw: bytes) -> Credential:
    """Return the parts of a credential, signed or unsigned; raise ``CredentialFault`` when it is neither."""
    if not raw.startswith(_UNSIGNED):
        return unpack(raw)
    spiffe, instance = _names(raw, len(_UNSIGNED), len(raw), 2)
    return Credential(identity=spiffe.decode(), instance=instance.decode())


def unpack(raw: bytes) -> Credential:
    """Return the parts; raise ``CredentialFault`` when the bytes are not exactly one credential."""
    if len(raw) < _FIXED.size + 6 + _SIGNATURE:
        raise CredentialFault(f"credential is too short: {len(raw)} bytes")
    magic, version, total, issuer, not_before, not_after, serial, sign_key, kem_key = _FIXED.unpack_from(raw)
    if magic != _MAGIC or version != _VERSION or total != len(raw):
        raise CredentialFault("credential has a wrong magic, version or length")
    end = len(raw) - _SIGNATURE
    spiffe, instance, claims = _names(raw, _FIXED.size, end, 3)
    return Credential(
        identity=spiffe.decode(),
        instance=instance.decode(),
        not_before=not_before,
        not_after=not_after,
        serial=serial,
        issuer=issuer,
        sign_key=sign_key,
        kem_key=kem_key,
        claims=claims,
        signature=raw[end:],
    )


def _names(raw: bytes, at: int, end: int, count: int) -> list[bytes]:
    """Return the names between two offsets, which they fill, the first two of them text."""
    parts: list[bytes] = []
    for _ in range(count):
        if at + 2 > end:
            raise CredentialFault("credential ends inside a name")
        (length,) = struct.unpack_from(">H", raw, at)
        parts.append(raw[at + 2 : at + 2 + length])
        at += 2 + length
    if at != end:
        raise CredentialFault("credential has names that do not fill it")
    try:
        for part in parts[:2]:
            part.decode()
    except UnicodeDecodeError as error:
        raise CredentialFault("credential has a name that is not UTF-8") from error
    return parts


def cid(raw: bytes) -> bytes:
    """Return the 8-byte id under which receivers remember a credential."""
    return hashlib.sha256(raw).digest()[:8]
