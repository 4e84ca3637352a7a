"""CONFORMANCE.md against what is really proposed on a connection, accepted at our port, asked for and answered."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pynetdicom
import pytest
from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, AllStoragePresentationContexts, build_context, build_role, evt
from pynetdicom.pdu_primitives import UserIdentityNegotiation

import miner
from miner.config import SECTIONS
from miner.config import Pacs as PacsSettings
from miner.errors import PacsError, Reason
from miner.pacs import Pacs, Peer, connect, retry
from miner.pacs.care import pace
from miner.pacs.classes import ANNOTATION_CLASSES, IMAGE_CLASSES, OBJECT_CLASSES, READ_CLASSES, UNREAD_REPORT_CLASSES
from miner.pacs.dicomweb import connection, wado
from miner.pacs.dicomweb import refusals as web_refusals
from miner.pacs.dimse import association, bounds, door, opening, receive, tls
from miner.pacs.dimse.contexts import IMAGE_SYNTAXES, VERIFICATION
from miner.pacs.dimse.retrieve import LIST_LENGTH
from miner.pacs.dimse.storage import StorageScp
from miner.pacs.peer import Credentials
from miner.pacs.queries import identifiers
from miner.records import DateWindow, InstanceRef, PatientRef, SeriesRef, StudyRef
from tests.pacs.conftest import peer_for
from tests.pacs.scripted import ScriptedScp, reference
from tests.peers.network import LOOPBACK

STATEMENT = Path(__file__).resolve().parents[1] / "CONFORMANCE.md"
IMAGE_WORDS, OTHER_WORDS = "each image class of 1.6", "each other class of 1.6"
SYNTAX_WORDS = "each transfer syntax of 5.3"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)


def tables(heading: str) -> list[list[list[str]]]:
    """The tables below a heading (its number), each as rows of cells without the header; code marks are taken off."""
    text = STATEMENT.read_text(encoding="utf-8")
    start = re.search(rf"^#+ {re.escape(heading)} .*$", text, re.MULTILINE)
    assert start is not None, heading
    section = text[start.end() :]
    end = re.search(r"^#", section, re.MULTILINE)
    found: list[list[list[str]]] = []
    before = ""
    for line in section[: end.start() if end else None].splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip().strip("`") for cell in line.removeprefix("|").removesuffix("|").split("|")])
        before = line
    return [rows[2:] for rows in found]


def table(heading: str) -> list[list[str]]:
    """The only table below a heading."""
    (only,) = tables(heading)
    return only


def values(heading: str) -> dict[str, str]:
    """A table of two columns or more: the first against the second."""
    return {row[0]: row[1] for row in table(heading)}


# ------------------------------------------------------------------------------------------------- what really happens


@dataclass
class Recorder:
    """A peer that accepts everything, notes each association request and each Identifier, and has one study."""

    requests: list[Any] = field(default_factory=list)
    identifiers: list[tuple[str, Dataset]] = field(default_factory=list)
    ae_title: str = "RECORDER"
    host: str = LOOPBACK
    port: int = 0

    def __enter__(self) -> Recorder:
        entity = AE(self.ae_title)
        for service in (1, 2, 3):
            for root in (1, 2):
                entity.add_supported_context(f"1.2.840.10008.5.1.4.1.2.{root}.{service}")
        entity.add_supported_context(VERIFICATION)
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(
                str(context.abstract_syntax), list(IMAGE_SYNTAXES), scu_role=True, scp_role=True
            )
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, lambda event: self.requests.append(event.assoc.requestor.primitive)),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_C_MOVE, self._move),
        ]
        self._server: Any = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
        self.port = int(self._server.server_address[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        self.identifiers.append(("FIND", event.identifier))
        yield 0x0000, None

    def _get(self, event: Any) -> Iterator[Any]:
        self.identifiers.append(("GET", event.identifier))
        yield 0
        yield 0xB000, Dataset()

    def _move(self, event: Any) -> Iterator[Any]:
        self.identifiers.append(("MOVE", event.identifier))
        self.destination = str(event.move_destination)
        yield LOOPBACK, 9
        yield 0
        yield 0x0000, None


@contextlib.contextmanager
def recorded(**settings: Any) -> Iterator[tuple[Recorder, Pacs]]:
    with Recorder() as peer:
        pacs = connect(peer_for(peer, silence_seconds=0.3, **settings), attempts=1)
        try:
            yield peer, pacs
        finally:
            pacs.close()


def proposed(request: Any) -> set[tuple[str, tuple[str, ...], str]]:
    """The contexts of an A-ASSOCIATE-RQ: abstract syntax, transfer syntaxes in their order, our role."""
    roles = {
        str(item.sop_class_uid): "SCP"
        for item in request.user_information
        if isinstance(item, pynetdicom.pdu_primitives.SCP_SCU_RoleSelectionNegotiation) and item.scp_role
    }
    return {
        (
            str(context.abstract_syntax),
            tuple(str(syntax) for syntax in context.transfer_syntax),
            roles.get(str(context.abstract_syntax), "SCU"),
        )
        for context in request.presentation_context_definition_list
    }


def stated(heading: str, *, apart: bool) -> set[tuple[str, tuple[str, ...], str]]:
    """The same as the statement says it. ``apart``: images have one context for each transfer syntax."""
    found: set[tuple[str, tuple[str, ...], str]] = set()
    for abstract, syntaxes, role in table(heading):
        if abstract == IMAGE_WORDS:
            assert syntaxes.startswith(SYNTAX_WORDS)
            listed = tuple(row[1] for row in table("5.3"))
            options = [(syntax,) for syntax in listed] if apart else [listed]
            found |= {(uid, option, role) for uid in _classes(0) for option in options}
        else:
            classes = [*_classes(1), *_classes(2)] if abstract == OTHER_WORDS else [abstract]
            found |= {(uid, tuple(syntaxes.split(", ")), role) for uid in classes}
    return found


def _classes(position: int) -> list[str]:
    return [row[1] for row in tables("1.6")[position]]


# ---------------------------------------------------------------------------------------------------- classes, services


def test_the_version() -> None:
    text = STATEMENT.read_text(encoding="utf-8")
    assert f"| Version | {miner.__version__} |" in text


def test_sop_classes_and_transfer_syntaxes() -> None:
    for position, classes in enumerate((IMAGE_CLASSES, ANNOTATION_CLASSES, UNREAD_REPORT_CLASSES)):
        assert tables("1.6")[position] == [[UID(uid).name, uid] for uid in classes]
    assert table("5.3") == [[UID(uid).name, uid] for uid in IMAGE_SYNTAXES]


def test_services_and_roles() -> None:
    """Each class of the overview is proposed by one of the three kinds of associations; as SCP, the listener has it."""
    rows = table("1.4")
    assert [row[0] for row in rows if row[1]] == [UID(row[1]).name.removesuffix(" SOP Class") for row in rows if row[1]]
    as_scu = {row[1] for row in rows if row[2] == "yes"}
    everything = chain.from_iterable(stated(heading, apart=True) for heading in ("5.1.3", "5.1.6", "5.1.7"))
    assert as_scu == {abstract for abstract, _, role in everything if role == "SCU"}
    as_scp = {row[1] for row in rows if row[3] == "yes" and row[1]}
    assert as_scp == {abstract for abstract, _, _ in stated("5.2.2", apart=False)} - READ_CLASSES


# -------------------------------------------------------------------------------------------------------- associations


def test_contexts_of_a_query() -> None:
    with recorded() as (peer, pacs):
        pacs.find_studies(DateWindow())
    assert proposed(peer.requests[0]) == stated("5.1.3", apart=True)


def test_contexts_of_a_c_get(tmp_path: Path) -> None:
    with recorded(retrieve="get") as (peer, pacs):
        pacs.fetch([reference(1)], tmp_path)
    (request,) = [one for one in peer.requests if len(one.presentation_context_definition_list) > 3]
    assert proposed(request) == stated("5.1.6", apart=True)
    assert f"{len(request.presentation_context_definition_list)} contexts of the 128" in STATEMENT.read_text("utf-8")


def test_contexts_of_a_c_move_and_its_destination(tmp_path: Path) -> None:
    with recorded(retrieve="move") as (peer, pacs), contextlib.suppress(PacsError):
        pacs.fetch([reference(1)], tmp_path)
    assert any(proposed(request) == stated("5.1.7", apart=True) for request in peer.requests)
    assert peer.destination.strip() == PacsSettings().calling_ae_title


def test_one_root_can_be_left_out() -> None:
    with recorded(query_root="study") as (peer, pacs):
        pacs.find_studies(DateWindow())
    left_out = "1.2.840.10008.5.1.4.1.2.1."
    abstract = {context[0] for context in proposed(peer.requests[0])}
    assert not any(uid.startswith(left_out) for uid in abstract)


def test_what_an_association_carries(tmp_path: Path) -> None:
    facts = values("5.1.1")
    with recorded(retrieve="get") as (peer, pacs):
        pacs.find_studies(DateWindow())
        pacs.fetch([reference(1)], tmp_path)
    allowed = {
        pynetdicom.pdu_primitives.MaximumLengthNotification,
        pynetdicom.pdu_primitives.ImplementationClassUIDNotification,
        pynetdicom.pdu_primitives.ImplementationVersionNameNotification,
        pynetdicom.pdu_primitives.SCP_SCU_RoleSelectionNegotiation,
    }
    for request in peer.requests:
        assert str(request.application_context_name) == facts["Application context"]
        items = {type(item): item for item in request.user_information}
        assert set(items) <= allowed, "neither asynchronous operations nor extended negotiation"
        assert items[pynetdicom.pdu_primitives.MaximumLengthNotification].maximum_length_received == int(
            facts["Maximum PDU that we receive"]
        )
        sent = items[pynetdicom.pdu_primitives.ImplementationClassUIDNotification]
        assert str(sent.implementation_class_uid) == facts["Implementation class UID"]
        version = items[pynetdicom.pdu_primitives.ImplementationVersionNameNotification]
        assert str(version.implementation_version_name) == facts["Implementation version name"]
    assert facts["Association that is not used"] == f"released after {opening.IDLE_SECONDS:g} s"
    assert f"lists of at most {LIST_LENGTH} SOP Instance UIDs" in STATEMENT.read_text("utf-8")


@pytest.mark.parametrize(
    ("credentials", "kind"),
    [
        (Credentials("somebody"), 1),
        (Credentials("somebody", "secret"), 2),
        (Credentials(token="token"), 5),
    ],
)
def test_user_identity(credentials: Credentials, kind: int) -> None:
    with Recorder() as peer:
        pacs = connect(Peer(peer_for(peer).settings, credentials=credentials), attempts=1)
        pacs.find_studies(DateWindow())
        pacs.close()
    items = [item for item in peer.requests[0].user_information if isinstance(item, UserIdentityNegotiation)]
    assert [(item.user_identity_type, item.positive_response_requested) for item in items] == [(kind, True)]
    assert re.search(rf"(type |or |, ){kind} \(", values("5.1.1")["User identity negotiation"])


# ---------------------------------------------------------------------------------------------------------------- keys


def test_keys_are_those_of_the_identifiers() -> None:
    study = StudyRef("2.25.1", PatientRef("P"))
    series = SeriesRef(study, "2.25.2", "CT")
    built = {
        "PATIENT": [identifiers.patient_query()],
        "STUDY": [identifiers.study_query(), identifiers.count_query(study)],
        "SERIES": [identifiers.series_query(study)],
        "IMAGE": [identifiers.image_query(series), identifiers.annotation_query(series)],
    }
    rows = table("5.1.4")
    common = {row[1] for row in rows if row[0] == "all"}
    for level, queries in built.items():
        asked = {element.keyword for query in queries for element in query}
        assert asked == common | {row[1] for row in rows if row[0].split(" ")[0] == level}, level


def test_keys_that_are_sent() -> None:
    """A look at the wire: no key beyond those of the table, single values where it says so, no Patient ID too low."""
    rows = {(row[0].split(" ")[0], row[1]): row[2] for row in table("5.1.4")}
    study = StudyRef("2.25.1", PatientRef("P"))
    with recorded() as (peer, pacs):
        pacs.find_studies(DateWindow(), ["PR"], patient_id="P", accession="A")
        for ask in (lambda: pacs.find_series(study), lambda: pacs.find_instances(SeriesRef(study, "2.25.2", "CT"))):
            with contextlib.suppress(PacsError):
                ask()
    levels = {str(identifier.QueryRetrieveLevel) for _, identifier in peer.identifiers}
    assert levels == {"STUDY", "SERIES", "IMAGE"}
    for _, identifier in peer.identifiers:
        level = str(identifier.QueryRetrieveLevel)
        for element in identifier:
            matching = rows.get((level, element.keyword)) or rows["all", element.keyword]
            assert not (matching == "return key" and element.value), element.keyword
            assert "patient root only" not in matching, "the association is in the study root"


@pytest.mark.parametrize(("retrieve", "service"), [("get", "GET"), ("move", "MOVE")])
def test_identifiers_of_a_retrieval(retrieve: str, service: str, tmp_path: Path) -> None:
    rows = {row[0].split(",")[0]: re.findall(r"[A-Z][A-Za-z]*(?:UID|Level)", row[1]) for row in table("5.1.8")}
    with recorded(retrieve=retrieve) as (peer, pacs), contextlib.suppress(PacsError):
        pacs.fetch([reference(number) for number in range(1, 80)], tmp_path)
    sent = [identifier for kind, identifier in peer.identifiers if kind == service]
    assert {str(identifier.QueryRetrieveLevel) for identifier in sent} == set(rows)
    for identifier in sent:
        assert {element.keyword for element in identifier} == set(rows[str(identifier.QueryRetrieveLevel)])


def test_character_sets_of_queries() -> None:
    assert not identifiers.study_query(PatientID="A1").SpecificCharacterSet
    assert identifiers.study_query(PatientID="Größe").SpecificCharacterSet == "ISO_IR 192"
    assert "`ISO_IR 192`" in STATEMENT.read_text("utf-8")


# ------------------------------------------------------------------------------------------------------------ statuses


@pytest.mark.parametrize("row", table("5.1.5"), ids=lambda row: row[0])
def test_statuses_of_a_query(row: list[str]) -> None:
    status, _, reason = int(row[0], 16), row[1], row[2]
    found = Dataset()
    found.QueryRetrieveLevel, found.StudyInstanceUID, found.PatientID = "STUDY", "2.25.1", "P"
    found.StudyDate = "20200101"

    def find(event: Any) -> Iterator[Any]:
        if status in (0xFF00, 0xFF01):
            yield status, found
        elif status:
            yield 0xFF00, found
            yield status, None

    with ScriptedScp(find=find) as peer:
        pacs = connect(peer_for(peer), attempts=1)
        try:
            studies = pacs.find_studies(DateWindow(), study_uid="2.25.1")
            assert reason == ""
            assert len(studies) == (status != 0)
        except PacsError as error:
            assert error.reason == reason
        finally:
            pacs.close()


RETRIEVAL_STATUSES = [
    pytest.param(row, retrieve, id=f"{row[0]} {retrieve}")
    for row in table("5.1.9")
    for retrieve in ("get", "move")
    if row[1] in ("both", f"C-{retrieve.upper()}") and row[0] != "0xFF00"
]


@pytest.mark.parametrize(("row", "retrieve"), RETRIEVAL_STATUSES)
def test_statuses_of_a_retrieval(row: list[str], retrieve: str, tmp_path: Path) -> None:
    status, reason = int(row[0], 16), row[3]

    def answer(event: Any) -> Iterator[Any]:
        if retrieve == "move":
            yield LOOPBACK, pacs._services[0]._listener.port, {"contexts": [build_context(IMAGE_CLASSES[0])]}
        yield 1
        yield status, Dataset() if status in (0xB000, 0xFE00) or status >> 12 in (0xA, 0xC) else None

    if status == 0xA801:

        def answer(event: Any) -> Iterator[Any]:
            yield None, None

    with ScriptedScp(**{retrieve: answer}) as peer:
        pacs: Any = connect(peer_for(peer, retrieve=retrieve, silence_seconds=0.5, move_port=0), attempts=1)
        try:
            came = pacs.fetch([reference(1)], tmp_path)
            assert came.missing == {reference(1).sop_uid: Reason(reason)}
        except PacsError as error:
            assert error.reason == reason
        finally:
            pacs.close()


def test_statuses_of_the_storage_scp() -> None:
    names = {"SUCCESS": 0x0000, "NOT_AUTHORISED": 0x0124, "OUT_OF_RESOURCES": 0xA700, "CANNOT_UNDERSTAND": 0xC000}
    assert {name: getattr(receive, name) for name in names} == names
    assert {int(row[0], 16) for row in table("5.2.3")} == set(names.values())
    assert f"held back for up to {pace.LONGEST_HOLD:g} s" in STATEMENT.read_text("utf-8")


# ----------------------------------------------------------------------------------------------------------- listening


@dataclass
class Sender:
    """What the storage SCP of these tests takes for its PACS."""

    host: str = LOOPBACK
    port: int = 104
    ae_title: str = "THEPACS"
    move_port: int = 0


@pytest.fixture
def listener() -> Iterator[StorageScp]:
    scp = StorageScp(peer_for(Sender()))
    scp.start()
    yield scp
    scp.stop()


def call(listener: StorageScp, contexts: list[Any], *, calling: str = "THEPACS", called: str = "MINER") -> Any:
    entity = AE(calling)
    entity.acse_timeout = 10
    return entity.associate(LOOPBACK, listener.port, contexts=contexts, ae_title=called)


def test_what_the_listener_accepts(listener: StorageScp) -> None:
    """Asked for everything that DICOM can store, class by class and syntax by syntax, it takes what is stated."""
    everything = stated("5.2.2", apart=False)
    syntaxes = {str(uid) for uid in (*IMAGE_SYNTAXES, "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.201")}
    classes = [
        VERIFICATION,
        *(str(context.abstract_syntax) for context in AllStoragePresentationContexts),
        *READ_CLASSES,
    ]
    pairs = sorted({(str(uid), syntax) for uid in classes for syntax in syntaxes})
    accepted: set[tuple[str, str]] = set()
    for start in range(0, len(pairs), 128):
        contexts = [build_context(uid, syntax) for uid, syntax in pairs[start : start + 128]]
        called = call(listener, contexts)
        accepted |= {(str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in called.accepted_contexts}
        called.release() if called.is_established else called.abort()
    assert accepted == {(uid, syntax) for uid, options, _ in everything for syntax in options}


def test_it_answers_c_echo(listener: StorageScp) -> None:
    called = call(listener, [build_context(VERIFICATION)])
    assert called.send_c_echo().Status == 0
    called.release()


@pytest.mark.parametrize(
    ("words", "titles"),
    [("a calling AE title", {"calling": "STRANGER"}), ("another called AE title", {"called": "OTHER"})],
)
def test_who_is_rejected(listener: StorageScp, words: str, titles: dict[str, str]) -> None:
    (answer,) = [row[1] for row in table("5.2.1") if row[0].startswith(words)]
    result, source, reason = map(int, re.findall(r"[0-9]+", answer))
    called = call(listener, [build_context(VERIFICATION)], **titles)
    assert called.is_rejected
    primitive = called.acceptor.primitive
    assert (primitive.result, primitive.result_source, primitive.diagnostic) == (result, source, reason)


# ----------------------------------------------------------------------------------- configuration, bounds, the rest


def test_parameters_and_their_defaults() -> None:
    for heading in ("8.2", "8.3"):
        for key, default, _ in table(heading):
            section, name = key.split(".")
            model = SECTIONS[section].model_fields[name].default
            assert _written(model) == default, key
    pacs = {row[0] for row in table("8.2")}
    assert pacs == {f"pacs.{name}" for name in SECTIONS["pacs"].model_fields}
    care = {row[0] for row in table("8.3")}
    assert care >= {f"limits.{name}" for name in SECTIONS["limits"].model_fields}
    assert SECTIONS["limits"].model_fields["associations"].metadata[1].le == 16


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"{value:g}" if isinstance(value, float) else str(value) or "empty"


def test_titles_and_ports_of_the_overview() -> None:
    settings = PacsSettings()
    rows = values("1.1")
    assert rows["Our AE title"].startswith(f"{settings.calling_ae_title}`")
    assert any(f"port {settings.move_port} unless changed" in value for value in rows.values())


def test_bounds() -> None:
    assert values("9") == {
        "PDU of data that we receive, octets": str(bounds.MAXIMUM_PDU),
        "PDU of negotiation that we receive, octets": str(bounds.LONGEST_NEGOTIATION),
        "command set, octets": str(bounds.LONGEST_COMMAND),
        "data set of one object, octets": str(bounds.LARGEST_OBJECT),
        "rows of one query": str(association.MOST_ROWS),
        "associations at the storage AE": str(door.MAXIMUM_ASSOCIATIONS),
        "half-open connections of one address": str(door.HALF_OPEN),
        "time for TLS handshake and A-ASSOCIATE-RQ at the storage AE, seconds": f"{door.ARTIM_SECONDS:g}",
        "unused association, seconds": f"{opening.IDLE_SECONDS:g}",
    }


def test_tls() -> None:
    text = STATEMENT.read_text(encoding="utf-8")
    assert f"`{tls.CIPHERS}`" in text
    context = tls.requestor_context(Peer(PacsSettings(tls=True)))
    assert context.minimum_version.name == "TLSv1_2"


def test_dicomweb() -> None:
    text = STATEMENT.read_text(encoding="utf-8")
    transactions = {row[0].split(",")[0]: row for row in table("6")}
    assert set(transactions) == {"QIDO-RS", "WADO-RS"}
    assert wado.ACCEPT[0] in text
    statuses = ", ".join(map(str, sorted(web_refusals.BUSY)[:-1]))
    assert f"{statuses} and {max(web_refusals.BUSY)} are asked again" in text
    assert f"up to {connection.LONGEST_WAIT:g} s" in text


def test_reasons_are_known() -> None:
    reasons = {row[-1] for heading in ("5.1.5", "5.1.9") for row in table(heading)} - {""}
    assert reasons <= {str(reason) for reason in Reason}


def test_roles_of_the_storage_classes() -> None:
    assert {str(item.sop_class_uid) for item in (build_role(uid, scp_role=True) for uid in READ_CLASSES)} == {
        uid for uid, _, role in stated("5.1.6", apart=True) if role == "SCP"
    }
    assert set(OBJECT_CLASSES) == {*_classes(1), *_classes(2)}


def test_an_instance_without_parents_is_not_asked_for(tmp_path: Path) -> None:
    with recorded() as (peer, pacs):
        pacs.fetch([InstanceRef("", "", "2.25.3")], tmp_path)
    assert peer.requests == []
