"""User identity: what is proposed, what a refusal says, and that no secret is to be seen."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pynetdicom import AE, evt

from miner.config import Pacs as PacsSettings
from miner.errors import AssociationRefused, ConfigError, Reason
from miner.pacs import Peer, retry
from miner.pacs.dimse import identity
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import VERIFICATION, query_contexts
from miner.pacs.peer import Credentials
from tests.peers.network import LOOPBACK

SECRET = "tell-nobody-7"


@contextmanager
def asking_who(accepted: bool = True, response: bytes | None = b"") -> Iterator[tuple[int, list[Any]]]:
    """A PACS that looks at user identities; its port, and the identities that it has seen."""
    seen: list[Any] = []

    def judge(event: evt.Event) -> tuple[bool, bytes | None]:
        seen.append((event.user_id_type, event.primary_field, event.secondary_field))
        return accepted, response

    entity = AE("PACS")
    entity.add_supported_context(VERIFICATION)
    server: Any = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=[(evt.EVT_USER_ID, judge)])
    yield int(server.server_address[1]), seen
    server.shutdown()


def peer_at(port: int, **known: str) -> Peer:
    settings = PacsSettings(host=LOOPBACK, port=port, ae_title="PACS", connect_seconds=5)
    return Peer(settings, credentials=Credentials(**known))


@pytest.mark.parametrize(
    ("known", "proposed"),
    [
        ({"user": "miner"}, (1, b"miner", b"")),
        ({"user": "größe", "password": SECRET}, (2, "größe".encode(), SECRET.encode())),
        ({"token": SECRET}, (5, SECRET.encode(), b"")),
        ({"user": "miner", "token": SECRET}, (5, SECRET.encode(), b"")),
        ({"user": "miner", "password": SECRET, "token": "other"}, (2, b"miner", SECRET.encode())),
    ],
)
def test_what_is_proposed(known: dict[str, str], proposed: tuple[int, bytes, bytes]) -> None:
    with asking_who() as (port, seen):
        link = Link(peer_at(port, **known), query_contexts())
        link.close()
    assert seen == [proposed]


def test_without_credentials_nothing_is_proposed() -> None:
    with asking_who() as (port, seen):
        Link(peer_at(port), query_contexts()).close()
    assert seen == []
    assert identity.user_identity(peer_at(1)) is None


def test_a_positive_response_is_asked_for_and_noticed() -> None:
    item = identity.user_identity(peer_at(1, token=SECRET))
    assert item is not None
    assert item.positive_response_requested is True
    for response, confirmed in ((b"welcome", True), (None, False)):
        with asking_who(response=response) as (port, _):
            link = Link(peer_at(port, token=SECRET), query_contexts())
            assert link.identity_confirmed is confirmed
            link.close()


def test_a_pacs_that_knows_nothing_of_it_lets_us_in() -> None:
    entity = AE("PACS")
    entity.add_supported_context(VERIFICATION)
    server: Any = entity.start_server((LOOPBACK, 0), block=False)
    link = Link(peer_at(int(server.server_address[1]), user="miner"), query_contexts())
    assert not link.identity_confirmed
    link.echo()
    link.close()
    server.shutdown()


def test_refused(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that names the keys, no repetition, and nothing secret anywhere."""
    monkeypatch.setattr(retry, "pause", lambda attempt: pytest.fail("repeated"))
    with caplog.at_level(logging.DEBUG), asking_who(accepted=False) as (port, seen):
        peer = peer_at(port, user="miner", password=SECRET)
        with pytest.raises(AssociationRefused, match=r"pacs\.password_file") as caught:
            retry.persistently(lambda: Link(peer, query_contexts()), 3, time.sleep)
    assert caught.value.reason is Reason.CREDENTIALS_REFUSED
    assert len(seen) == 1
    assert SECRET not in caplog.text
    assert SECRET not in str(caught.value) + repr(peer) + str(peer)


def test_a_rejection_without_credentials_is_another_matter() -> None:
    def reject(event: evt.Event) -> None:
        event.assoc.acse.send_reject(0x01, 0x01, 0x01)
        time.sleep(0.3)  # pynetdicom closes the connection right after this

    entity = AE("PACS")
    entity.add_supported_context(VERIFICATION)
    server: Any = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=[(evt.EVT_REQUESTED, reject)])
    port = int(server.server_address[1])
    for known, reason in (({}, Reason.ASSOCIATION_REFUSED), ({"user": "miner"}, Reason.CREDENTIALS_REFUSED)):
        with pytest.raises(AssociationRefused) as caught:
            Link(peer_at(port, **known), query_contexts())
        assert caught.value.reason is reason
    server.shutdown()


def test_a_password_without_a_user_and_a_field_too_long() -> None:
    with pytest.raises(ConfigError, match=r"pacs\.user"):
        identity.user_identity(peer_at(1, password=SECRET))
    with pytest.raises(ConfigError, match="longer than DICOM allows") as caught:
        identity.user_identity(peer_at(1, token="x" * 65_536))
    assert "xx" not in str(caught.value)


def test_a_secret_in_the_clear_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        identity.user_identity(peer_at(2, user="miner", password=SECRET))
        identity.user_identity(peer_at(3, user="miner"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "pacs.tls" in caplog.text
    assert SECRET not in caplog.text
