"""Certificates for tests, made when they are needed: an authority, and what it signs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, each as a PEM file."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates into a folder; ``certificate`` is its own, as a PEM file."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        signed = _unsigned(_called(name), _called(name), self._key.public_key(), timedelta(0)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        _write(self.certificate, signed.sign(self._key, hashes.SHA256()))

    def issue(self, name: str, *, host: str = "127.0.0.1", age: timedelta = timedelta(0)) -> Certificate:
        """A certificate for a host; valid from yesterday for ten days, or so much earlier."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            bears: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            bears = x509.DNSName(host)
        signed = (
            _unsigned(_called(name), _called(self._name), key.public_key(), age)
            .add_extension(x509.SubjectAlternativeName([bears]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        issued = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        _write(issued.certificate, signed.sign(self._key, hashes.SHA256()))
        write_key(issued.key, key)
        return issued


def write_key(path: Path, key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> None:
    """A private key as a PEM file that only its owner can read."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
    path.chmod(0o600)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, age: timedelta
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - DAY - age
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + 10 * DAY)
    )


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
