"""TLS while dialling: whose name a certificate must bear, and what went wrong in words that say what to do."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from crossply.tls import CA, CERTIFICATE, KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crossply.tls import Tls

_ENDED: Final = "it may want a certificate of this process, or refuse the one it got"
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": f"the broker wants a certificate of this process: set {CERTIFICATE} and {KEY}",
    "CERTIFICATE_EXPIRED": f"the broker says that {CERTIFICATE} has expired",
    "UNKNOWN_CA": f"the broker does not know the authority that signed {CERTIFICATE}",
    "BAD_CERTIFICATE": f"the broker refuses {CERTIFICATE}, or wants one: has it expired, does it begin later by the"
    " broker's clock, or has it another signer?",
    "PROTOCOL_VERSION": "the broker speaks no TLS of version 1.2 or newer",
}


def name_to_check(address: str, told: Iterable[str]) -> str | None:
    """Return the host that the certificate at ``address`` must be valid for; ``None`` is that of the address.

    Brokers tell of each other by IP address, which certificates seldom hold. One that is learned in this way must
    prove the name of a broker that was configured, as with NATS's own clients.
    """
    hosts = [urlsplit(each if "://" in each else f"nats://{each}").hostname for each in told]
    host = urlsplit(address).hostname
    if host in hosts or not hosts:
        return None
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return None
    return hosts[0]


def explained(error: BaseException, files: Tls | None) -> str:
    """Return why there is no connection, and with TLS what to look at."""
    said = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        ca = f"{files.ca}, of {CA}" if files is not None and files.ca is not None else f"this system ({CA} is not set)"
        return f"the broker's certificate is refused: {error.verify_message}; trusted are the authorities in {ca}"
    if isinstance(error, ssl.SSLError):
        return next((words for alert, words in _ALERTS.items() if alert in (error.reason or "")), f"TLS failed: {said}")
    if files is not None and isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        return f"{said}; {_ENDED}"
    return said
