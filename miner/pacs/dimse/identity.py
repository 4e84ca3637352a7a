"""User Identity Negotiation (PS3.7 D.3.3.7): who we say we are beyond the AE title.

A password makes it user name and passcode (type 2), a token alone a JSON Web Token (type 5), a user name alone type 1.
A positive response is asked for; a PACS that knows nothing of the negotiation accepts without one, which the standard
leaves to us: we go on, since it has let us in.
"""

from __future__ import annotations

import functools
import logging

from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from miner.errors import ConfigError
from miner.pacs.peer import Peer

log = logging.getLogger(__name__)

USER, USER_AND_PASSCODE, JSON_WEB_TOKEN = 1, 2, 5
"""User-Identity-Type (PS3.7 Table D.3-14)."""

_LONGEST_FIELD = 65_535


def user_identity(peer: Peer) -> UserIdentityNegotiation | None:
    """The sub-item of our A-ASSOCIATE-RQ; None where nothing is configured. Raises ConfigError for what cannot be."""
    known = peer.credentials
    if not (known.user or known.password or known.token):
        return None
    if known.password and not known.user:
        raise ConfigError("A password is given (pacs.password_file or MINER_PASSWORD) and no pacs.user: set it.")
    item = UserIdentityNegotiation()
    item.positive_response_requested = True
    if known.password:
        item.user_identity_type = USER_AND_PASSCODE
        item.secondary_field = _field(known.password, "the password")
    else:
        item.user_identity_type = JSON_WEB_TOKEN if known.token else USER
    item.primary_field = _field(known.token if item.user_identity_type == JSON_WEB_TOKEN else known.user, "pacs.user")
    if item.user_identity_type != USER and not peer.settings.tls:
        _warn_in_the_clear(str(peer))
    return item


def confirmed(association: Association) -> bool:
    """True where the PACS answered that it knows who we are."""
    return association.acceptor.user_identity is not None


def _field(value: str, name: str) -> bytes:
    octets = value.encode("utf-8")
    if len(octets) > _LONGEST_FIELD:
        raise ConfigError(
            f"The user identity ({name} or the token) is longer than DICOM allows ({_LONGEST_FIELD} octets)."
        )
    return octets


@functools.cache
def _warn_in_the_clear(peer: str) -> None:
    log.warning("%s is given our password or token without TLS: anybody on the way can read it. Set pacs.tls.", peer)
