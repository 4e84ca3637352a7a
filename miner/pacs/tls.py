"""TLS as config.toml says it, whatever the transport (RFC 9325): contexts, and the files that they are made of.

As client we demand that the PACS's certificate descends from ``pacs.tls_ca`` (else from the system's). Where the PACS
connects to us, we demand a certificate of it that descends from ``pacs.tls_ca``. TLS 1.2 at least, with forward secrecy
and authenticated encryption only (RFC 9325 4.2); no renegotiation.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from miner.errors import ConfigError
from miner.pacs.peer import Peer

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL"
"""Of TLS 1.2, in OpenSSL's words; those of TLS 1.3 are all good."""

_LARGEST_FILE = 1 << 20


def requestor_context(peer: Peer) -> ssl.SSLContext:
    """For connections that we open. Raises ConfigError, naming the key, for a file that cannot be used."""
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


def _list(keys: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(keys[:-1]), keys[-1])))
