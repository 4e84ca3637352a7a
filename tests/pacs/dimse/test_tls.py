"""DICOM over TLS in both directions: wrong files, refused certificates, and real peers."""

from __future__ import annotations

import re
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydicom import Dataset, dcmread
from pynetdicom import AE, evt

from miner.config import Pacs as PacsSettings
from miner.errors import AssociationRefused, ConfigError, PacsError, PacsUnreachable, Reason, StoppedError
from miner.pacs import Peer, retry
from miner.pacs.books import Books
from miner.pacs.dimse import tls
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import FIND, VERIFICATION, query_contexts
from miner.pacs.dimse.receive import Receiver
from miner.pacs.dimse.storage import StorageScp
from miner.pacs.dimse.wire import Wire
from miner.pacs.queries.identifiers import study_query
from miner.records import DateWindow, InstanceRef
from tests.pacs.conftest import Connect, peer_for
from tests.pacs.scripted import ScriptedScp
from tests.peers.certificates import Authority, Certificate, write_key
from tests.peers.dcmtk import run, tool_path
from tests.peers.loopback import loopback_environment
from tests.peers.network import LOOPBACK, free_port, listens, stop, wait_until
from tests.peers.orthanc import Orthanc

TEN_DAYS_AGO = timedelta(days=10)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Somebody whom nobody trusts."""
    return Authority(tmp_path_factory.mktemp("others"), "other")


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Certificate:
    return authority.issue("theirs")


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Certificate:
    return authority.issue("ours")


def keys(authority: Authority, ours: Certificate | None = None) -> dict[str, Any]:
    """Settings of our side."""
    values: dict[str, Any] = {"tls": True, "tls_ca": str(authority.certificate)}
    if ours is not None:
        values |= {"tls_certificate": str(ours.certificate), "tls_key": str(ours.key)}
    return values


class SecuredScp:
    """A PACS over TLS; with ``trusting``, it demands a certificate of its clients."""

    def __init__(self, certificate: Certificate, trusting: Authority | None = None, **versions: Any) -> None:
        self.host, self.ae_title = LOOPBACK, "SECURED"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        for name, version in versions.items():
            setattr(context, name, version)
        if trusting is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(trusting.certificate)
        self._context = context
        self._entity = AE(self.ae_title)
        self._entity.add_supported_context(VERIFICATION)
        self._entity.add_supported_context(FIND)

    def __enter__(self) -> SecuredScp:
        handlers: list[Any] = [(evt.EVT_C_FIND, rows_for_ever)]
        self._server: Any = self._entity.start_server(
            (LOOPBACK, 0), block=False, ssl_context=self._context, evt_handlers=handlers
        )
        self.port = int(self._server.server_address[1])
        return self

    def __exit__(self, *_: object) -> None:
        threading.Thread(target=self._entity.shutdown, daemon=True).start()

    @property
    def associations(self) -> int:
        return len(self._server.active_associations)


def rows_for_ever(event: evt.Event) -> Iterator[Any]:
    for number in range(600):
        row = Dataset()
        row.StudyInstanceUID = f"2.25.{number + 1}"
        yield 0xFF00, row
        time.sleep(0.05)


def refused(scp: Any, **settings: Any) -> PacsError:
    """What we say when the association is not to be had."""
    with pytest.raises((AssociationRefused, PacsUnreachable)) as caught:
        Link(peer_for(scp, **settings), query_contexts())
    return caught.value


# ------------------------------------------------------------------------------------------------- wrong certificates


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_sides_know_each_other(
    authority: Authority, theirs: Certificate, ours: Certificate, version: ssl.TLSVersion
) -> None:
    with SecuredScp(theirs, authority, minimum_version=version, maximum_version=version) as scp:
        link = Link(peer_for(scp, **keys(authority, ours)), query_contexts())
        link.echo()
        assert link.secured
        link.close()


def test_the_very_certificate_of_the_pacs_may_be_trusted(theirs: Certificate, authority: Authority) -> None:
    """Without its issuer: what an administrator hands out is often the server's own certificate."""
    with SecuredScp(theirs) as scp:
        Link(peer_for(scp, **keys(authority) | {"tls_ca": str(theirs.certificate)}), query_contexts()).close()


def test_their_certificate_descends_from_nobody_we_know(theirs: Certificate, other: Authority) -> None:
    with SecuredScp(theirs) as scp:
        error = refused(scp, **keys(other))
    assert error.reason is Reason.TLS_REFUSED
    assert "we refused its certificate" in str(error)
    assert "pacs.tls_ca" in str(error)


def test_without_tls_ca_the_systems_certificates_count(theirs: Certificate) -> None:
    with SecuredScp(theirs) as scp:
        error = refused(scp, tls=True)
    assert "the system's certificates" in str(error)


def test_their_certificate_has_run_out(authority: Authority) -> None:
    with SecuredScp(authority.issue("old", age=TEN_DAYS_AGO)) as scp:
        error = refused(scp, **keys(authority))
    assert error.reason is Reason.TLS_REFUSED
    assert "run out" in str(error)


def test_their_certificate_bears_another_name(authority: Authority) -> None:
    named = authority.issue("named", host="pacs.hospital.example")
    with SecuredScp(named) as scp:
        error = refused(scp, **keys(authority))
        assert error.reason is Reason.TLS_REFUSED
        assert "pacs.tls_name" in str(error)
        Link(peer_for(scp, **keys(authority), tls_name="pacs.hospital.example"), query_contexts()).close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("whose", "words"),
    [
        (None, r"demands a certificate|wants one"),
        ("other", "refused our certificate"),
        ("old", "run out"),
    ],
)
def test_ours_is_refused(
    *,
    authority: Authority,
    other: Authority,
    theirs: Certificate,
    whose: str | None,
    words: str,
    version: ssl.TLSVersion,
) -> None:
    """With TLS 1.3 the refusal comes after the handshake, in place of the answer to our request."""
    makers = {"other": lambda: other.issue("ours"), "old": lambda: authority.issue("old", age=TEN_DAYS_AGO)}
    ours = makers[whose]() if whose else None
    with SecuredScp(theirs, authority, minimum_version=version, maximum_version=version) as scp:
        error = refused(scp, **keys(authority, ours))
    assert error.reason is Reason.TLS_REFUSED
    assert "pacs.tls_certificate" in str(error)
    assert re.search(words, str(error)), str(error)


def test_a_refusal_is_not_repeated(theirs: Certificate, other: Authority, connected: Connect) -> None:
    with SecuredScp(theirs) as scp:
        calls: list[float] = []
        original = retry.pause
        retry.pause = lambda attempt: calls.append(attempt) or 0.0  # type: ignore[func-returns-value]
        try:
            with pytest.raises(AssociationRefused):
                connected(scp, **keys(other)).find_studies(DateWindow())
        finally:
            retry.pause = original
    assert not calls


def test_a_pacs_without_tls_is_told_from_a_wrong_certificate(authority: Authority) -> None:
    with ScriptedScp() as scp:
        error = refused(scp, **keys(authority))
    assert "pacs.tls = false" in str(error)


def test_a_pacs_with_tls_is_recognised_without(theirs: Certificate) -> None:
    with SecuredScp(theirs) as scp:
        error = refused(scp)
    assert "TLS" in str(error)


def test_a_tls_alert_in_answer_to_a_plain_request(authority: Authority, theirs: Certificate) -> None:
    """What OpenSSL's own servers send; others close without a word."""
    with socket.create_server((LOOPBACK, 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")
            time.sleep(0.3)
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(AssociationRefused, match=r"Set pacs\.tls = true") as caught:
            Link(Peer(PacsSettings(host=LOOPBACK, port=server.getsockname()[1])), query_contexts())
    assert caught.value.reason is Reason.TLS_REFUSED


# -------------------------------------------------------------------------------------------------------- wrong files


def context_of(**settings: Any) -> ssl.SSLContext:
    return tls.requestor_context(Peer(PacsSettings(tls=True, **settings)))


def test_a_file_that_cannot_be_used_names_its_key(ours: Certificate, authority: Authority, tmp_path: Path) -> None:
    ca = str(authority.certificate)
    both = {"tls_ca": ca, "tls_certificate": str(ours.certificate), "tls_key": str(ours.key)}
    garbage, readable, encrypted, foreign = (
        tmp_path / name for name in ("garbage", "readable", "encrypted", "foreign")
    )
    garbage.write_text("no PEM at all")
    garbage.chmod(0o600)
    readable.write_bytes(ours.key.read_bytes())
    readable.chmod(0o644)
    write_key(encrypted, ec.generate_private_key(ec.SECP256R1()), b"secret")
    write_key(foreign, ec.generate_private_key(ec.SECP256R1()))
    cases: list[tuple[dict[str, str], str]] = [
        ({"tls_ca": str(tmp_path / "absent")}, r"pacs\.tls_ca: .*absent cannot be read"),
        ({"tls_ca": str(garbage)}, r"pacs\.tls_ca: .* holds no certificate"),
        ({"tls_certificate": str(garbage)}, r"pacs\.tls_certificate: .* holds no certificate"),
        ({"tls_certificate": ""}, r"pacs\.tls_key is set and pacs\.tls_certificate is not"),
        ({"tls_key": ""}, r"pacs\.tls_certificate is set and pacs\.tls_key is not"),
        ({"tls_key": str(tmp_path / "absent")}, r"pacs\.tls_key: .*absent cannot be read"),
        ({"tls_key": str(garbage)}, r"pacs\.tls_key: .* holds no private key"),
        ({"tls_key": str(readable)}, r"pacs\.tls_key: .* can be read by others: run `chmod 600"),
        ({"tls_key": str(encrypted)}, r"pacs\.tls_key: .* is encrypted"),
        ({"tls_key": str(foreign)}, r"pacs\.tls_key: .* is not the key of the first certificate"),
    ]
    for values, words in cases:
        with pytest.raises(ConfigError, match=words):
            context_of(**both | values)
    context_of(**both)


def test_relative_paths_start_at_the_configuration(ours: Certificate, authority: Authority) -> None:
    folder = ours.key.parent
    names = {"tls_ca": "authority.pem", "tls_certificate": ours.certificate.name, "tls_key": ours.key.name}
    tls.requestor_context(Peer(PacsSettings(tls=True, **names), folder))


def test_our_listener_needs_all_three(ours: Certificate, authority: Authority) -> None:
    """The system's certificates would vouch for half of the world."""
    with pytest.raises(ConfigError, match=r"pacs\.tls_ca"):
        StorageScp(Peer(PacsSettings(**keys(authority, ours) | {"tls_ca": "", "move_port": 0}))).start()
    with pytest.raises(ConfigError, match=r"pacs\.tls_certificate and pacs\.tls_key"):
        tls.acceptor_context(Peer(PacsSettings(**keys(authority))))


def test_old_versions_and_weak_ciphers_are_not_offered(ours: Certificate, authority: Authority) -> None:
    peer = Peer(PacsSettings(**keys(authority, ours)))
    for context in (tls.requestor_context(peer), tls.acceptor_context(peer)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.verify_mode == ssl.CERT_REQUIRED
        for cipher in context.get_ciphers():
            assert cipher["aead"], cipher["name"]
            assert cipher["name"].startswith(("TLS_", "ECDHE-", "DHE-")), cipher["name"]


# ----------------------------------------------------------------------------------------------------- ends over TLS


@contextmanager
def asking(link: Link) -> Iterator[list[BaseException]]:
    """A query that would go on for half a minute, in a thread; what it ended with."""
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            link.find(study_query())
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    time.sleep(0.5)
    yield ended
    thread.join(5)
    assert not thread.is_alive()


def test_a_stop_ends_a_query_over_tls(authority: Authority, theirs: Certificate) -> None:
    with SecuredScp(theirs) as scp:
        peer = peer_for(scp, **keys(authority))
        link = Link(peer, query_contexts())
        with asking(link) as ended:
            assert scp.associations == 1
            peer.pace.halt.throw()
        assert isinstance(ended[0], StoppedError)
        end = time.monotonic() + 5
        while scp.associations and time.monotonic() < end:
            time.sleep(0.05)
        assert scp.associations == 0


def test_the_limit_of_a_request_holds_over_tls(authority: Authority, theirs: Certificate) -> None:
    with SecuredScp(theirs) as scp:
        link = Link(peer_for(scp, **keys(authority), request_seconds=1.0), query_contexts())
        with pytest.raises(PacsError, match="did not finish") as caught:
            link.find(study_query())
    assert caught.value.reason is Reason.TIMED_OUT


def test_silent_callers_keep_nobody_from_the_handshake(
    authority: Authority, theirs: Certificate, ours: Certificate
) -> None:
    """A server that shakes hands where it accepts would wait for each of them in turn."""
    peer = Peer(PacsSettings(**keys(authority, ours), ae_title="PACS", move_port=0, host=LOOPBACK))
    listener = StorageScp(peer)
    listener.start()
    silent = [socket.create_connection((LOOPBACK, listener.port)) for _ in range(10)]
    try:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.load_cert_chain(theirs.certificate, theirs.key)
        entity = AE("PACS")
        entity.add_requested_context(VERIFICATION)
        start = time.monotonic()
        association = entity.associate(LOOPBACK, listener.port, ae_title="MINER", tls_args=(context, LOOPBACK))
        assert association.send_c_echo().Status == 0
        assert time.monotonic() - start < 5
        association.release()
    finally:
        for wire in silent:
            wire.close()
        listener.stop()


def test_a_session_ticket_is_nothing_to_read(authority: Authority, theirs: Certificate) -> None:
    """With TLS 1.3 a server sends tickets after the handshake: the socket is readable, and a read would block."""
    client, server = socket.socketpair()
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(theirs.certificate, theirs.key)
    threading.Thread(target=lambda: accepting.wrap_socket(server, server_side=True).recv(1), daemon=True).start()
    one = object.__new__(Wire)
    one.failure, one._silence, one._ahead, one._kind, one._is_connected = None, 30.0, bytearray(), 0, True
    one._dialling = None
    context = tls.requestor_context(Peer(PacsSettings(**keys(authority), host=LOOPBACK)))
    one.socket = context.wrap_socket(client, server_hostname=LOOPBACK)
    assert select.select([one.socket], [], [], 5)[0], "the tickets have come"
    start = time.monotonic()
    assert not one.ready
    assert time.monotonic() - start < 5
    one.socket.close()


# --------------------------------------------------------------------------------------------------------- real peers


@pytest.mark.peer
@pytest.mark.parametrize("service", ["get", "move"])
def test_orthanc(
    *,
    authority: Authority,
    theirs: Certificate,
    ours: Certificate,
    connected: Connect,
    slices: list[Path],
    spool: Path,
    service: str,
) -> None:
    """Queries, C-GET and C-MOVE, every association in both directions over TLS."""
    options = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(theirs.certificate),
        "DicomTlsPrivateKey": str(theirs.key),
        "DicomTlsTrustedCertificates": str(authority.certificate),
    }
    port = free_port()
    client = {"AET": "MINER", "Host": LOOPBACK, "Port": port, "UseDicomTls": True, "AllowGet": True}
    with Orthanc(options={**options, "DicomModalities": {"client": client}}) as orthanc:
        orthanc.store(slices[:2])
        pacs = connected(orthanc, **keys(authority, ours), retrieve=service, move_port=port)
        study = pacs.find_studies(DateWindow(), ("CT",))[0]
        wanted = pacs.find_instances(pacs.find_series(study)[0])
        fetched = pacs.fetch(wanted, spool)
        assert fetched.missing == {}
        assert len(fetched.arrived) == 2
        assert fetched.service == service
        error = refused(orthanc, **keys(authority))
        assert error.reason is Reason.TLS_REFUSED


@contextmanager
def storescp(folder: Path, *options: str | Path) -> Iterator[int]:
    """dcmtk's storage SCP (its archive, dcmqrscp, has no TLS in Debian), which answers C-ECHO; its port."""
    port = free_port()
    with (folder / "log").open("wb") as log:
        command = [tool_path("storescp"), *map(str, options), "-od", str(folder), str(port)]
        process = subprocess.Popen(command, env=loopback_environment(folder), stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(port), process, "storescp")
        yield port
    finally:
        stop(process)


@pytest.mark.peer
def test_dcmtks_storescp(authority: Authority, theirs: Certificate, ours: Certificate, tmp_path: Path) -> None:
    secured = ("+tls", theirs.key, theirs.certificate, "+cf", authority.certificate)
    with storescp(tmp_path, *secured) as port:
        settings = PacsSettings(host=LOOPBACK, port=port, ae_title="STORESCP", **keys(authority, ours))
        link = Link(Peer(settings), query_contexts())
        link.echo()
        link.close()
        with pytest.raises(AssociationRefused) as caught:
            Link(Peer(PacsSettings(host=LOOPBACK, port=port, ae_title="STORESCP", **keys(authority))), query_contexts())
        assert caught.value.reason is Reason.TLS_REFUSED


@pytest.mark.peer
def test_our_listener_and_storescu(
    authority: Authority, theirs: Certificate, ours: Certificate, slices: list[Path], spool: Path
) -> None:
    peer = Peer(PacsSettings(**keys(authority, ours), ae_title="PACS", move_port=0, host=LOOPBACK))
    listener = StorageScp(peer)
    header = dcmread(slices[0], stop_before_pixels=True)
    wanted = InstanceRef(header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)
    receiver = Receiver(spool, Books([wanted]))
    listener.start()
    try:
        secured = ["+tls", str(theirs.key), str(theirs.certificate), "+cf", str(authority.certificate)]
        with listener.waiting(receiver):
            called = ["-aet", "PACS", "-aec", "MINER", LOOPBACK, str(listener.port)]
            run("storescu", [*secured, "-R", *called, *slices[:2]], check=False)
    finally:
        listener.stop()
    assert receiver.books.count == 1
    assert peer.visitors.counts() == {"unexpected-object": 1}


@pytest.mark.peer
@pytest.mark.parametrize(("whose", "welcome"), [("theirs", True), ("other", False), ("old", False), (None, False)])
def test_our_listener_and_echoscu(
    *, authority: Authority, other: Authority, theirs: Certificate, ours: Certificate, whose: str | None, welcome: bool
) -> None:
    makers = {
        "theirs": lambda: theirs,
        "other": lambda: other.issue("stranger"),
        "old": lambda: authority.issue("old", age=TEN_DAYS_AGO),
    }
    peer = Peer(PacsSettings(**keys(authority, ours), ae_title="PACS", move_port=0, host=LOOPBACK))
    listener = StorageScp(peer)
    listener.start()
    try:
        if whose is None:
            secured = ["+tla", "-ic"]
        else:
            shown = makers[whose]()
            secured = ["+tls", str(shown.key), str(shown.certificate), "+cf", str(authority.certificate)]
        arguments = [*secured, "-aet", "PACS", "-aec", "MINER", LOOPBACK, str(listener.port)]
        assert (run("echoscu", arguments, check=False).returncode == 0) is welcome
        assert listener.echoes == int(welcome)
        end = time.monotonic() + 3
        while not welcome and not peer.visitors.counts() and time.monotonic() < end:
            time.sleep(0.02)
        assert set(peer.visitors.counts()) == (set() if welcome else {"no-known-certificate"})
        assert run("echoscu", arguments[-6:], check=False).returncode != 0, "without TLS nobody is served"
    finally:
        listener.stop()


def test_credentials_and_paths_are_the_only_thing_that_changes(ours: Certificate, authority: Authority) -> None:
    """Settings without TLS make no context, and its keys may stay in the file."""
    peer = Peer(PacsSettings(**keys(authority, ours) | {"tls": False}))
    with ScriptedScp() as scp:
        settings = peer.settings.model_copy(update={"host": scp.host, "port": scp.port, "ae_title": scp.ae_title})
        link = Link(replace(peer, settings=settings), query_contexts())
        assert not link.secured
        link.close()
