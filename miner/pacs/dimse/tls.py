"""DICOM over TLS (PS3.15 B.12, BCP 195): our side of both directions, and what a refusal means in words.

As requestor we demand that the PACS's certificate descends from ``pacs.tls_ca`` (else from the system's) and bears
``pacs.tls_name`` (else ``pacs.host``). Our own storage SCP demands a certificate that descends from ``pacs.tls_ca``.
TLS 1.2 at least, with forward secrecy and authenticated encryption only (RFC 9325 4.2); no renegotiation.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from miner.errors import AssociationRefused, ConfigError, PacsError, PacsUnreachable, Reason
from miner.pacs.dimse.wire import AnsweredInTlsError, HandshakeError
from miner.pacs.peer import Peer

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL"
"""Of TLS 1.2, in OpenSSL's words; those of TLS 1.3 are all good."""

_LARGEST_FILE = 1 << 20


def requestor_context(peer: Peer) -> ssl.SSLContext:
    """For associations that we open. Raises ConfigError, naming the key, for a file that cannot be used."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    if peer.settings.tls_ca:
        _trust(context, peer)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if peer.settings.tls_certificate or peer.settings.tls_key:
        _present(context, peer)
    return context


def acceptor_context(peer: Peer) -> ssl.SSLContext:
    """For associations that the PACS opens with our storage SCP. Raises ConfigError where anything of it is missing.

    The system's certificates would not do: they vouch for half of the world.
    """
    needed = ("tls_ca", "tls_certificate", "tls_key")
    if missing := [f"pacs.{key}" for key in needed if not getattr(peer.settings, key)]:
        raise ConfigError(f"A C-MOVE over TLS also needs {_list(missing)}, since the PACS connects to us: set it.")
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    _trust(context, peer)
    _present(context, peer)
    return context


def server_name(peer: Peer) -> str:
    """The name that the certificate of the PACS must bear."""
    return peer.settings.tls_name or peer.settings.host


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # A certificate in tls_ca is trusted as it stands: often it is the very one of the PACS, and no root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


# ------------------------------------------------------------------------------------------------------------- files


def _trust(context: ssl.SSLContext, peer: Peer) -> None:
    path = peer.path(peer.settings.tls_ca)
    _certificates(path, "tls_ca")
    try:
        context.load_verify_locations(cafile=str(path))
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"pacs.tls_ca: {path} cannot be used ({type(error).__name__}).") from None


def _present(context: ssl.SSLContext, peer: Peer) -> None:
    """Our certificate and its key, each held against what it should be before OpenSSL sees it: its errors name none."""
    settings = peer.settings
    for key, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
        if not getattr(settings, key):
            raise ConfigError(f"pacs.{other} is set and pacs.{key} is not: they belong together.")
    certificate_path, key_path = peer.path(settings.tls_certificate), peer.path(settings.tls_key)
    certificate = _certificates(certificate_path, "tls_certificate")[0]
    if _public_octets(certificate.public_key()) != _public_octets(_private_key(key_path).public_key()):
        raise ConfigError(
            f"pacs.tls_key: {key_path} is not the key of the first certificate in pacs.tls_certificate "
            f"({certificate_path})."
        )
    try:
        context.load_cert_chain(str(certificate_path), str(key_path))
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"pacs.tls_certificate: {certificate_path} cannot be used with its key ({type(error).__name__}): it may be "
            "too weak, such as RSA of less than 2048 bits or a SHA-1 signature."
        ) from None


def _certificates(path: Path, key: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path, key))
    except ValueError:
        raise ConfigError(f"pacs.{key}: {path} holds no certificate in the form of PEM.") from None


def _private_key(path: Path) -> PrivateKeyTypes:
    content = _read(path, "tls_key", private=True)
    try:
        return serialization.load_pem_private_key(content, None)
    except TypeError:
        raise ConfigError(
            f"pacs.tls_key: {path} is encrypted: store it without a password, mode 0600. A nightly run cannot type."
        ) from None
    except Exception:
        # ValueError, UnsupportedAlgorithm: whatever it says may repeat what it has read.
        raise ConfigError(f"pacs.tls_key: {path} holds no private key in the form of PEM.") from None


def _public_octets(key: object) -> bytes:
    der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    octets: bytes = key.public_bytes(der, form)  # type: ignore[attr-defined]
    return octets


def _read(path: Path, key: str, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            if private and os.fstat(file.fileno()).st_mode & 0o077:
                raise ConfigError(f"pacs.{key}: {path} can be read by others: run `chmod 600 {path}`.")
            return file.read(_LARGEST_FILE)
    except OSError as error:
        raise ConfigError(f"pacs.{key}: {path} cannot be read ({type(error).__name__}).") from None


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


def _list(keys: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(keys[:-1]), keys[-1])))
