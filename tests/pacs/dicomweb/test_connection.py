"""The HTTP connection: who we say we are, to whom, how long we wait, and what each refusal means."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from miner.errors import AssociationRefused, ConfigError, PacsError, PacsUnreachable, Reason, StoppedError
from miner.pacs.care import Halt, Pace
from miner.pacs.dicomweb import refusals
from miner.pacs.dicomweb.connection import LONGEST_WAIT
from miner.pacs.peer import Credentials
from miner.pacs.retry import RequestRefusedError, ServiceNotOfferedError
from tests.hospital import ct_series
from tests.pacs.dicomweb.conftest import EVERYTHING, ConnectWeb, reference
from tests.pacs.dicomweb.service import Answer, Asked, DicomwebService
from tests.peers.certificates import Authority, Certificate
from tests.peers.network import LOOPBACK, free_port

SECRET = "s3cret-of-ours"


def always(answer: Answer) -> Any:
    return lambda asked, good: answer


# ------------------------------------------------------------------------------------------------------ credentials


def guarded(value: str) -> Any:
    """Only who says this may come in."""
    return lambda asked, good: good if asked.headers.get("Authorization") == value else Answer(401)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_bearer_token(study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study, change=guarded(f"Bearer {SECRET}")) as service:
        pacs = web(service, credentials=Credentials(token=SECRET))
        assert len(pacs.find_studies(EVERYTHING, ("PR",))) == 1


def test_user_and_password_beyond_ascii(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    with DicomwebService(study, change=guarded(basic("größe", "pä:ss"))) as service:
        pacs = web(service, user="größe", credentials=Credentials("größe", "pä:ss"))
        assert len(pacs.find_studies(EVERYTHING, ("PR",))) == 1
        assert pacs.fetch([reference(study[0])], spool).missing == {}


@pytest.mark.parametrize("status", [401, 403, 407])
def test_refused_credentials_are_not_tried_again(status: int, study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study, change=always(Answer(status))) as service:
        pacs = web(service, credentials=Credentials(token=SECRET))
        with pytest.raises(AssociationRefused) as caught:
            pacs.find_studies(EVERYTHING, ("PR",))
    assert caught.value.reason is Reason.CREDENTIALS_REFUSED
    assert SECRET not in str(caught.value)
    assert len(service.asked) == 1


def test_a_token_that_was_renewed_in_its_file_is_taken_up(
    study: list[Dataset], web: ConnectWeb, spool: Path, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    valid = ["old"]
    change = lambda asked, good: good if asked.headers["Authorization"] == f"Bearer {valid[0]}" else Answer(401)  # noqa: E731
    with DicomwebService(study, change=change) as service:
        pacs = web(service, credentials=Credentials(token="old"), token_file="token", base=tmp_path)
        wanted = [reference(item) for item in study]
        assert pacs.fetch(wanted[:1], spool).missing == {}
        file.write_text("new\n")
        valid[0] = "new"
        assert pacs.fetch(wanted, spool).missing == {}
        valid[0] = "newer"
        with pytest.raises(AssociationRefused):
            pacs.fetch(wanted, spool)


def test_a_token_that_runs_out_in_the_middle_is_the_reason_of_the_rest(
    study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    def change(asked: Asked, good: Answer) -> Answer:
        return good if len(service.asked) <= 2 else Answer(401)

    with DicomwebService(study, change=change) as service:
        fetched = web(service, credentials=Credentials(token="t")).fetch([reference(item) for item in study], spool)
    assert len(fetched.arrived) == 2
    assert set(fetched.missing.values()) == {Reason.CREDENTIALS_REFUSED}
    assert len(service.asked) == 3


# ---------------------------------------------------------------------------------------------------------- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_refused_and_carry_nothing_away(
    status: int, study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    with DicomwebService(study) as elsewhere:
        change = always(Answer(status).with_headers(Location=f"{elsewhere.url}/studies"))
        with DicomwebService(study, change=change) as service:
            pacs = web(service, credentials=Credentials(token=SECRET))
            with pytest.raises(ServiceNotOfferedError, match="another address"):
                pacs.find_studies(EVERYTHING, ("PR",))
            with pytest.raises(ServiceNotOfferedError, match="another address"):
                pacs.fetch([reference(study[0])], spool)
        assert elsewhere.asked == []
    assert len(service.asked) == 2


def test_no_proxy_and_no_netrc_of_the_environment(
    study: list[Dataset], web: ConnectWeb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text(f"machine {LOOPBACK} login somebody password {SECRET}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{LOOPBACK}:{free_port()}")
    with DicomwebService(study) as service:
        assert len(web(service).find_studies(EVERYTHING, ("PR",))) == 1
    assert all("Authorization" not in asked.headers for asked in service.asked)


# ------------------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_be_cured_is_asked_for_so_many_times(status: int, study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study, change=always(Answer(status))) as service:
        pacs = web(service, attempts=4)
        with pytest.raises(PacsError) as caught:
            pacs.echo()
    assert len(service.asked) == 4
    assert isinstance(caught.value, RequestRefusedError) is (status in (500, 502, 504))


class Waiting(Halt):
    """Notes how long is waited, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7.1),
        ("100000", LONGEST_WAIT, LONGEST_WAIT),
        (lambda: email.utils.formatdate(time.time() + 50, usegmt=True), 40, 51),
        ("-5", 0, 2),
        ("soon", 0, 2),
        ("9" * 30, 0, 2),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT, LONGEST_WAIT),
    ],
)
def test_the_wait_that_a_service_asks_for(
    value: Any, least: float, most: float, study: list[Dataset], web: ConnectWeb
) -> None:
    halt = Waiting()
    named = value() if callable(value) else value
    change = always(Answer(503).with_headers(Retry_After=named))
    with DicomwebService(study, change=change) as service, pytest.raises(PacsError):
        web(service, attempts=2, pace=Pace(halt=halt)).echo()
    assert len(halt.waited) == 1
    assert least <= round(halt.waited[0], 1) <= most, "of which some has gone by"


def test_the_wait_holds_for_the_next_request_too(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    """Also where the refused one is not repeated: a service that has no time has none for another object either."""
    halt = Waiting()
    busy = iter([True])
    change = lambda asked, good: Answer(429).with_headers(Retry_After="9") if next(busy, False) else good  # noqa: E731
    with DicomwebService(study, change=change) as service:
        fetched = web(service, attempts=1, pace=Pace(halt=halt)).fetch([reference(item) for item in study], spool)
    assert fetched.missing == {}, "what was refused is asked for once more at the end"
    assert halt.waited
    assert 8 <= halt.waited[0] <= 9


def test_a_stop_ends_a_wait_that_the_service_asked_for(study: list[Dataset], web: ConnectWeb) -> None:
    pace = Pace()
    with DicomwebService(study, change=always(Answer(429).with_headers(Retry_After="60"))) as service:
        threading.Timer(0.3, pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            web(service, pace=pace).echo()
    assert time.monotonic() - start < 5


def test_a_header_that_drips(web: ConnectWeb) -> None:
    """Octet by octet, each within the silence that is allowed: only the limit of the whole request ends it."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        class Place:
            url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/dicom-web"

        def drip() -> None:
            client = listener.accept()[0]
            try:
                for octet in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000:
                    client.sendall(bytes([octet]))
                    time.sleep(0.05)
            except OSError:
                client.close()

        threading.Thread(target=drip, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(PacsError, match="did not finish") as caught:
            web(Place, attempts=1, request_seconds=0.6).echo()
        assert caught.value.reason is Reason.TIMED_OUT
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 12x\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n",
        b"\0" * 70_000,
        b"",
    ],
    ids=["ssh", "status", "negative length", "no length", "many headers", "chunk", "zeros", "nothing"],
)
def test_what_is_no_http(answer: bytes, web: ConnectWeb) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:

        class Place:
            url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/dicom-web"

        def serve() -> None:
            client = listener.accept()[0]
            client.recv(10_000)
            client.sendall(answer)
            client.close()

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(PacsError):
            web(Place, attempts=1, silence_seconds=2).echo()


def test_unreachable(web: ConnectWeb) -> None:
    for host in (LOOPBACK, "no-such-host.invalid"):

        class Place:
            url = f"http://{host}:{free_port()}/dicom-web"

        with pytest.raises(PacsUnreachable, match=r"pacs\.url"):
            web(Place, attempts=2).echo()


def test_a_stop_while_no_connection_comes_about(web: ConnectWeb) -> None:
    """A host that does not answer at all: TCP waits for minutes, and a stop does not."""
    pace = Pace()
    with full_listener() as address:

        class Place:
            url = f"http://{LOOPBACK}:{address[1]}/dicom-web"

        threading.Timer(0.3, pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            web(Place, pace=pace, connect_seconds=60).echo()
        assert time.monotonic() - start < 5


@contextlib.contextmanager
def full_listener() -> Iterator[tuple[str, int]]:
    """It accepts nobody, and whoever would connect now is not answered, since as many as it lets wait are waiting."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        while True:
            client = waiting.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(listener.getsockname())
            except TimeoutError:
                break
        yield listener.getsockname()


def test_a_refusal_does_not_cost_a_connection(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    odd = study[1].SOPInstanceUID
    change = lambda asked, good: Answer(404, body=b"no such thing") if odd in asked.path else good  # noqa: E731
    with DicomwebService(study, change=change) as service:
        fetched = web(service).fetch([reference(item) for item in study], spool)
    assert set(fetched.missing) == {odd}
    assert service.connections == 1


def chunked(content: bytes) -> Answer:
    """A refusal as many services write it: nobody knows how long it is before its end."""
    pieces = [b"%x\r\n%s\r\n" % (len(content), content), b"0\r\n\r\n"]
    return Answer(404, headers={"Transfer-Encoding": "chunked"}, body=pieces)


@pytest.mark.parametrize(
    "answer", [chunked(b"no such thing"), Answer(404, body=bytes(100_000))], ids=["chunked", "long"]
)
def test_refusals_leave_no_connection_open(answer: Answer, study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    change = lambda asked, good: answer if asked.kind == "objects" else good  # noqa: E731
    with DicomwebService(study, change=change) as service:
        pacs = web(service, attempts=1)
        pacs.echo()
        assert len(pacs.fetch([reference(item) for item in study], spool).missing) == len(study)
        end = time.monotonic() + 5
        while service.open and time.monotonic() < end:
            time.sleep(0.02)
        assert service.open == 0, "while nothing is asked for"
    assert service.connections > 1


def test_a_service_that_closes_after_each_answer_leaves_no_descriptor_behind(web: ConnectWeb, spool: Path) -> None:
    """A run of a night would use up all that a process may have."""
    images = ct_series(slices=40)
    with DicomwebService(images, change=lambda asked, good: good.with_headers(Connection="close")) as service:
        pacs = web(service)
        pacs.echo()
        before = len(list(Path("/proc/self/fd").iterdir()))
        assert pacs.fetch([reference(item) for item in images], spool).missing == {}
        after = len(list(Path("/proc/self/fd").iterdir()))
    assert service.connections == 41
    assert after - before < 10


def test_a_connection_that_the_service_keeps_for_a_moment_only_is_opened_anew(
    study: list[Dataset], web: ConnectWeb
) -> None:
    change = lambda asked, good: good.with_headers(Keep_Alive="timeout=1")  # noqa: E731
    with DicomwebService(study, change=change) as service:
        pacs = web(service)
        pacs.echo()
        pacs.echo()
        assert service.connections == 1
        time.sleep(0.7)
        pacs.echo()
        assert service.connections == 2


def test_nothing_is_open_after_closing(study: list[Dataset], web: ConnectWeb) -> None:
    before = threading.active_count()
    with DicomwebService(study) as service:
        pacs = web(service)
        pacs.echo()
        pacs.close()
        end = time.monotonic() + 5
        while threading.active_count() > before + 1 and time.monotonic() < end:  # the one that serves
            time.sleep(0.02)
        assert threading.active_count() <= before + 1
        pacs.echo()


# --------------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def serving(certificate: Certificate, *, clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


def test_https(study: list[Dataset], web: ConnectWeb, spool: Path, authority: Authority) -> None:
    context = serving(authority.issue("server", host="localhost"))
    with DicomwebService(study, context=context) as service:
        pacs = web(service, tls_ca=str(authority.certificate), tls=True, credentials=Credentials(token=SECRET))
        assert len(pacs.find_studies(EVERYTHING, ("PR",))) == 1
        assert pacs.fetch([reference(item) for item in study], spool).missing == {}
    assert service.connections == 1


def test_a_certificate_that_nobody_vouches_for(study: list[Dataset], web: ConnectWeb, authority: Authority) -> None:
    with DicomwebService(study, context=serving(authority.issue("server", host="localhost"))) as service:
        for values in ({}, {"tls_ca": str(authority.issue("another").certificate)}):
            pacs = web(service, credentials=Credentials(token=SECRET), **values)
            with pytest.raises(AssociationRefused) as caught:
                pacs.echo()
            assert caught.value.reason is Reason.TLS_REFUSED
    assert service.asked == []


def test_only_the_authority_that_is_named_is_trusted(
    study: list[Dataset],
    web: ConnectWeb,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not the ones that the HTTP library brings with it as well."""
    another = Authority(tmp_path, "another")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(another.certificate))
    with DicomwebService(study, context=serving(another.issue("server", host="localhost"))) as service:
        for values in ({}, {"tls_ca": str(authority.certificate)}):
            with pytest.raises(AssociationRefused) as caught:
                web(service, **values).echo()
            assert caught.value.reason is Reason.TLS_REFUSED


def test_a_certificate_for_another_name(study: list[Dataset], web: ConnectWeb, authority: Authority) -> None:
    with DicomwebService(study, context=serving(authority.issue("other", host="pacs.example.org"))) as service:
        with pytest.raises(AssociationRefused) as caught:
            web(service, tls_ca=str(authority.certificate)).echo()
        assert caught.value.reason is Reason.TLS_REFUSED
        web(service, tls_ca=str(authority.certificate), tls_name="pacs.example.org").echo()
    assert len(service.asked) == 1


def test_a_certificate_of_ours(study: list[Dataset], web: ConnectWeb, spool: Path, authority: Authority) -> None:
    context = serving(authority.issue("server", host="localhost"), clients=authority.certificate)
    ours = authority.issue("ours")
    with DicomwebService(study, context=context) as service:
        ca = str(authority.certificate)
        web(service, tls_ca=ca, tls_certificate=str(ours.certificate), tls_key=str(ours.key)).echo()
        with pytest.raises(AssociationRefused) as caught:
            web(service, tls_ca=ca, attempts=1).echo()
        assert caught.value.reason is Reason.TLS_REFUSED


def test_plain_http_behind_an_address_of_https(study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study) as service:
        service.url = service.url.replace("http://", "https://")
        with pytest.raises(AssociationRefused) as caught:
            web(service).echo()
    assert caught.value.reason is Reason.TLS_REFUSED


def test_a_handshake_that_nobody_answers(web: ConnectWeb) -> None:
    pace = Pace()
    with socket.create_server((LOOPBACK, 0)) as silent:

        class Place:
            url = f"https://{LOOPBACK}:{silent.getsockname()[1]}/dicom-web"

        threading.Timer(0.3, pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            web(Place, pace=pace, connect_seconds=30).echo()
        assert time.monotonic() - start < 5


# -------------------------------------------------------------------------------------------------------------- words


def test_neither_identifiers_nor_secrets_in_any_log_or_message(
    study: list[Dataset],
    web: ConnectWeb,
    spool: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    failing = iter([500, 404, 503, 400])

    def change(asked: Asked, good: Answer) -> Answer:
        return Answer(next(failing)) if len(service.asked) % 4 == 0 else good

    messages = []
    with DicomwebService(study, change=change) as service:
        pacs = web(service, credentials=Credentials(token=SECRET), attempts=1)
        for _ in range(3):
            try:
                (found,) = pacs.find_studies(EVERYTHING, ("PR",), patient_id="P1", accession="ACCS1")
                for series in pacs.find_series(found):
                    pacs.fetch(pacs.find_instances(series), spool)
            except PacsError as error:
                messages.append(str(error))
    assert messages
    text = "\n".join([*messages, caplog.text, *capfd.readouterr()])
    values = {SECRET, "P1", "ACCS1", *(str(item[key].value) for item in study for key in UIDS)}
    assert [value for value in values if value in text] == []


UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def test_the_settings_that_cannot_be_used_are_named_before_anything_is_sent(web: ConnectWeb) -> None:
    class Place:
        url = "http://pacs.example.org/dicom-web"

    with pytest.raises(ConfigError, match="clear text"):
        web(Place, credentials=Credentials(token=SECRET))


@pytest.mark.parametrize(
    ("warning", "more"),
    [
        ("", False),
        ('299 service "There are 10 more results"', True),
        ('299 service "The fuzzymatching parameter is not supported"', False),
        ('299 a "The fuzzymatching parameter is not supported", 299 a "There are 10 more results"', True),
        ('110 cache "Response is stale"', False),
    ],
)
def test_warnings_of_more(warning: str, more: bool) -> None:
    assert refusals.names_more({"Warning": warning}) is more


def test_statuses_have_a_meaning_each() -> None:
    class Asking:
        accepted = True

        def __init__(self) -> None:
            from miner.config import Pacs
            from miner.pacs import Peer

            self.peer = Peer(Pacs(protocol="dicomweb", url="http://127.0.0.1/dicom-web"))

        def renew(self) -> bool:
            return False

    errors = {status: refusals.refusal(status, Asking()) for status in range(300, 600)}
    assert all(isinstance(error, PacsError) for error in errors.values())
    lasting = {status for status, error in errors.items() if isinstance(error, refusals.LastingRefusalError)}
    assert {400, 403, 404, 405, 406, 410, 413, 414, 415, 422, 501} <= lasting
    assert not lasting & {401, 408, 425, 429, 500, 502, 503, 504, 507}
