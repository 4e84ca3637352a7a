"""DICOM over TLS (PS3.15 B.12, BCP 195): whose certificate we expect, and what a refusal means in words.

As requestor we demand that the PACS's certificate bears ``pacs.tls_name`` (else ``pacs.host``); all else is in
:mod:`miner.pacs.tls`.
"""

from __future__ import annotations

import ssl

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason
from miner.pacs.dimse.wire import AnsweredInTlsError, HandshakeError
from miner.pacs.peer import Peer
from miner.pacs.tls import CIPHERS, acceptor_context, requestor_context

__all__ = ["CIPHERS", "acceptor_context", "refusal", "requestor_context", "server_name"]


def server_name(peer: Peer) -> str:
    """The name that the certificate of the PACS must bear."""
    return peer.settings.tls_name or peer.settings.host


# ------------------------------------------------------------------------------------------------------------- words

_OF_OURS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "PACKET_LENGTH"),
        "it answers without TLS on this port. Set pacs.tls = false, or pacs.port to its TLS port.",
    ),
    (
        ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "INAPPROPRIATE_FALLBACK"),
        "it offers no TLS version that is still safe (1.2 or 1.3). Its administrator has to allow one.",
    ),
    (
        ("CERTIFICATE_REQUIRED", "NO_CERTIFICATE"),
        "it demands a certificate of ours. Set pacs.tls_certificate and pacs.tls_key, and have it trust them.",
    ),
    (
        ("CERTIFICATE_EXPIRED",),
        "it refused our certificate (pacs.tls_certificate): it has run out or is not valid yet. Renew it.",
    ),
    (
        ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_REVOKED"),
        "it refused our certificate (pacs.tls_certificate). Have its administrator trust it, or its issuer.",
    ),
    (
        ("HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY", "NO_SHARED_CIPHER"),
        "it has no cipher in common with us, or does not take our certificate (pacs.tls_certificate), or wants one.",
    ),
)
"""Parts of OpenSSL's reasons (alerts of RFC 8446 6 among them), and what they mean where they come from the peer."""


def refusal(peer: Peer, failure: Exception | None) -> PacsError | None:
    """What a failed opening or reading of a connection means where it has to do with TLS; None where it has not."""
    if isinstance(failure, AnsweredInTlsError):
        return _refused(peer, "it speaks TLS on this port. Set pacs.tls = true, or pacs.port to its port without TLS.")
    if isinstance(failure, HandshakeError):
        return PacsUnreachable(
            f"{peer} ended the TLS handshake without a word ({failure}). Its port may have no TLS (set pacs.tls = "
            "false, or pacs.port to its TLS port), or it does not take our certificate (pacs.tls_certificate)."
        )
    if isinstance(failure, ssl.SSLCertVerificationError):
        return _refused(peer, f"we refused its certificate: {_of_theirs(peer, failure.verify_code)}")
    if isinstance(failure, ssl.SSLError):
        return _refused(peer, _of_ours(str(failure.reason or "")))
    if peer.settings.tls and isinstance(failure, ValueError):
        return _refused(peer, "pacs.tls_name (or pacs.host) is no name that a certificate can bear: set pacs.tls_name.")
    return None


def _refused(peer: Peer, why: str) -> AssociationRefused:
    return AssociationRefused(
        f"No TLS connection with {str(peer)[:1].lower()}{str(peer)[1:]}: {why}", Reason.TLS_REFUSED
    )


_RUN_OUT = frozenset({9, 10})
_OTHER_NAME = frozenset({62, 64})
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
_REVOKED = 23
"""Codes of OpenSSL's certificate verification (x509_vfy.h)."""


def _of_theirs(peer: Peer, code: int) -> str:
    if code in _RUN_OUT:
        return "it has run out or is not valid yet. Its administrator has to renew it, or a clock is wrong."
    if code in _OTHER_NAME:
        return f"it is not made out to {server_name(peer)}. Set pacs.tls_name to the name that it bears."
    if code in _UNKNOWN_ISSUER:
        trusted = f"pacs.tls_ca ({peer.settings.tls_ca})" if peer.settings.tls_ca else "the system's certificates"
        return f"it descends from none in {trusted}. Put its issuer's certificate into the file of pacs.tls_ca."
    if code == _REVOKED:
        return "it has been revoked."
    return f"it cannot be verified (OpenSSL's code {code}); pacs.tls_ca names what it must descend from."


def _of_ours(reason: str) -> str:
    for words, meaning in _OF_OURS:
        if any(word in reason for word in words):
            return meaning
    told = reason or "no reason given"
    return f"the TLS handshake failed ({told}). Check pacs.tls_ca, pacs.tls_certificate and the clocks."
