"""An association is opened, or it is said why not: what is wrong, where, and what to do (PS3.8 9.3.2 to 9.3.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from miner.errors import AssociationRefused, ConfigError, PacsError, PacsUnreachable, Reason
from miner.pacs.dimse import identity, names, tls
from miner.pacs.dimse.bounds import MAXIMUM_PDU
from miner.pacs.dimse.guard import hold, untaint
from miner.pacs.dimse.wire import Dialling, Requestor, Wire
from miner.pacs.peer import Peer
from miner.pacs.retry import CrowdedError, TitleRefusedError

IDLE_SECONDS = 20.0
"""An association that is not used for so long is released: a PACS has few of them."""

_USER, _ACSE, _PRESENTATION = 1, 2, 3
"""Source of an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

_LOCAL_LIMIT = 2
"""Reason of one by the presentation service: local limit exceeded."""


def open_association(
    peer: Peer,
    contexts: Sequence[PresentationContext],
    roles: Sequence[Any],
    handlers: Sequence[Any],
    opening: Callable[[Association, Wire], None],
) -> None:
    """Open an association: TCP, TLS, user identity, roles. ``opening`` is given it before anything of it runs.

    Raises PacsUnreachable, AssociationRefused, StoppedError, or ConfigError for what cannot be proposed.
    """
    settings = peer.settings
    answered: list[evt.Event] = []
    wires: list[Wire] = []

    def note(association: Association, wire: Wire) -> None:
        wires.append(wire)
        opening(association, wire)

    context = tls.requestor_context(peer) if settings.tls else None
    who = identity.user_identity(peer)
    try:
        places = names.places(settings.host, settings.port, settings.connect_seconds, peer.pace.halt)
    except OSError as error:
        raise _unreachable(peer, f"its name does not resolve ({type(error).__name__})") from None
    dialling = Dialling(places, settings.connect_seconds, context, tls.server_name(peer))
    try:
        entity = Requestor(settings.calling_ae_title, dialling, settings.silence_seconds, note)
        entity.connection_timeout = settings.connect_seconds
        entity.acse_timeout = settings.connect_seconds
        entity.dimse_timeout = None
        entity.network_timeout = IDLE_SECONDS
        association = entity.associate(
            str(places[0][4][0]),  # not the name, which pynetdicom would look up again
            settings.port,
            contexts=list(contexts),
            ae_title=settings.ae_title,
            max_pdu=MAXIMUM_PDU,
            ext_neg=[*roles, *([] if who is None else [who])],
            evt_handlers=[
                (evt.EVT_ACSE_RECV, answered.append),
                (evt.EVT_ESTABLISHED, lambda event: hold(event.assoc)),
                *handlers,
            ],
        )
    except (ValueError, TypeError):
        raise ConfigError(
            "pacs.ae_title and pacs.calling_ae_title must be 1 to 16 printable ASCII characters, no backslash."
        ) from None
    association.network_timeout_response = "A-RELEASE"
    if not association.is_established:
        peer.pace.halt.check()
        raise _why_not_open(peer, association, wires[0], answered=bool(answered))
    untaint(association)


def _why_not_open(peer: Peer, association: Association, wire: Wire, *, answered: bool) -> PacsError:
    """What to say of an association that could not be established. ``answered``: the peer sent anything of DICOM."""
    if (refused := tls.refusal(peer, wire.failure)) is not None:
        return refused
    settings = peer.settings
    if wire.socket is None and wire.failure is not None:
        return _unreachable(peer, f"no TCP connection within {settings.connect_seconds:g} s, or it was refused")
    if association.is_rejected:
        return _rejection(peer, association.acceptor.primitive)
    if not answered:
        return _unreachable(peer, f"it took the connection but did not answer within {settings.connect_seconds:g} s")
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


def _unreachable(peer: Peer, why: str) -> PacsUnreachable:
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
    kind = CrowdedError if (source, why) == (_PRESENTATION, _LOCAL_LIMIT) else AssociationRefused
    return kind(
        f"{peer} refused the association with our AE title {us}: {why_not}. If it stays so, ask its "
        f"administrator whether {us} may query and retrieve, and how many associations at once."
    )


def _identified(peer: Peer) -> bool:
    known = peer.credentials
    return bool(known.user or known.password or known.token)
