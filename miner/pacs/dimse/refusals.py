"""Why an association was not opened, in words: what is wrong, where, and what to do (PS3.8 9.3.4)."""

from __future__ import annotations

from typing import Any

from pynetdicom.association import Association

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason
from miner.pacs.dimse import tls
from miner.pacs.dimse.wire import Wire
from miner.pacs.peer import Peer
from miner.pacs.retry import TitleRefusedError

_USER, _ACSE, _PRESENTATION = 1, 2, 3
"""Source of an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""


def why_not_open(peer: Peer, association: Association, wire: Wire, *, answered: bool) -> PacsError:
    """What to say of an association that could not be established. ``answered``: the peer sent anything of DICOM."""
    if (refused := tls.refusal(peer, wire.failure)) is not None:
        return refused
    settings = peer.settings
    if wire.socket is None and wire.failure is not None:
        return unreachable(peer, f"no TCP connection within {settings.connect_seconds:g} s, or it was refused")
    if association.is_rejected:
        return _rejection(peer, association.acceptor.primitive)
    if not answered:
        return unreachable(peer, f"it took the connection but did not answer within {settings.connect_seconds:g} s")
    if wire.secured and isinstance(wire.failure, ConnectionError):
        return AssociationRefused(
            f"{peer} closed the connection after the TLS handshake: perhaps it demands a certificate of ours, or "
            "another one. Check pacs.tls_certificate and pacs.tls_key, and that it trusts them.",
            Reason.TLS_REFUSED,
        )
    return AssociationRefused(
        f"{peer} ended the negotiation with our AE title {settings.calling_ae_title}, or accepted none of our "
        "services: ask its administrator to let this AE title query and retrieve in the study or patient root"
        f"{'' if settings.tls else ' (and whether this port wants TLS)'}."
    )


def unreachable(peer: Peer, why: str) -> PacsUnreachable:
    """No connection, or no answer on it."""
    return PacsUnreachable(
        f"{peer} cannot be reached: {why}. Check pacs.host and pacs.port, the network, and that it runs."
    )


def _rejection(peer: Peer, answer: Any) -> AssociationRefused:
    settings = peer.settings
    us, them = settings.calling_ae_title, settings.ae_title
    source, why = getattr(answer, "result_source", 0), getattr(answer, "diagnostic", 0)
    if (source, why) == (_USER, 7):
        return TitleRefusedError(
            f"{peer} says that {them} is not its AE title (ours is {us}): set pacs.ae_title to the "
            "title that its administrator names."
        )
    if (source, why) == (_USER, 3):
        return TitleRefusedError(
            f"{peer} does not know our AE title {us}: ask its administrator to enter {us} with this "
            f"machine's address, and port {settings.move_port} for C-MOVE, as one that may query and retrieve."
        )
    if source in (_USER, _ACSE) and why == 1 and _identified(peer):
        # PS3.7 D.3.3.7 lets a refused identity look like this; archives differ in the source that they name.
        return AssociationRefused(
            f"{peer} refused the association, and we said who we are: it does not take our user, password or token "
            f"(pacs.user, pacs.password_file, pacs.token_file), or does not let {us} in at all. Ask its administrator.",
            Reason.CREDENTIALS_REFUSED,
        )
    busy = source == _PRESENTATION or getattr(answer, "result", 0) == 2
    why_not = "it has no association free now" if busy else "it gives no reason"
    return AssociationRefused(
        f"{peer} refused the association with our AE title {us}: {why_not}. If it stays so, ask its "
        f"administrator whether {us} may query and retrieve, and how many associations at once."
    )


def _identified(peer: Peer) -> bool:
    known = peer.credentials
    return bool(known.user or known.password or known.token)
