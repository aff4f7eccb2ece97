"""How brokers are reached over TLS: PEM files, read again for each new connection, so that renewed ones take effect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

CA, CERTIFICATE, KEY = "CROSSPLY_TLS_CA", "CROSSPLY_TLS_CERT", "CROSSPLY_TLS_KEY"
SCHEME: Final = "tls://"


class TlsFault(Exception):
    """The files do not make a TLS context; the message names the variable and says why."""


class Tls(Protocol):
    """What a new connection is opened with: files, or what an authority issued."""

    @property
    def ca(self) -> Path | None:
        """The authority of the brokers, for messages; this system's when ``None``."""
        ...

    def context(self) -> ssl.SSLContext:
        """Return what to show and whom to trust now; raise ``TlsFault``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The authority of the brokers, this system's when ``None``; the certificate and key of this process, or neither.

    Every connection that has these is over TLS 1.2 or newer, and the broker's certificate must be valid for the host
    of its address.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Read the files as they are now; raise ``TlsFault``."""
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ValueError) as error:
            raise TlsFault(f"{CA}: {_said(self.ca, error, 'no certificate in PEM is in it')}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None and self.key is not None:
            _load(context, self.certificate, self.key)
        return context


def from_mapping(environ: Mapping[str, str]) -> tuple[TlsFiles | None, list[str]]:
    """Return the files that ``CROSSPLY_TLS_*`` name, ``None`` when they name none, and every fault."""
    given = {name: Path(environ[name]) for name in (CA, CERTIFICATE, KEY) if environ.get(name)}
    if not given:
        return None, []
    if (CERTIFICATE in given) != (KEY in given):
        missing, there = (KEY, CERTIFICATE) if CERTIFICATE in given else (CERTIFICATE, KEY)
        return None, [f"{missing}: is missing; {there} is of use only together with it", *_faults({CA: given.get(CA)})]
    return TlsFiles(ca=given.get(CA), certificate=given.get(CERTIFICATE), key=given.get(KEY)), _faults(given)


def _faults(given: Mapping[str, Path | None]) -> list[str]:
    """Return what is wrong with each part on its own."""
    found: list[str] = []
    parts = (TlsFiles(ca=given.get(CA)), TlsFiles(certificate=given.get(CERTIFICATE), key=given.get(KEY)))
    for part in parts:
        if part != TlsFiles():
            try:
                part.context()
            except TlsFault as fault:
                found.append(str(fault))
    return found


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for name, path in ((CERTIFICATE, certificate), (KEY, key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsFault(f"{name}: {_said(path, error, '')}") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except _Encrypted as error:
        raise TlsFault(
            f"{KEY}: {key} is encrypted; nobody is there to ask for its passphrase, so decrypt it"
        ) from error
    except (OSError, ValueError) as error:
        why = "its key does not belong to the certificate" if "MISMATCH" in str(error).upper() else "no PEM is in one"
        raise TlsFault(f"{CERTIFICATE}, {KEY}: {certificate} and {key} cannot be used: {why}") from error


class _Encrypted(Exception):
    """OpenSSL asked for a passphrase."""


def _no_passphrase() -> str:
    raise _Encrypted


def _said(path: Path | None, error: Exception, otherwise: str) -> str:
    import ssl

    # OpenSSL's own words name neither the file nor the cause.
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return f"{path}: {error.strerror or error}"
    return f"{path}: {otherwise}"
