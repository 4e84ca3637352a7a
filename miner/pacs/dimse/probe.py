"""What a PACS really does, found out with a handful of harmless requests: the profile that ``miner doctor`` stores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)

from miner.errors import PacsError
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import (
    FIND,
    GET,
    MOVE,
    PATIENT_ROOT,
    get_contexts,
    move_contexts,
    query_contexts,
    storage_roles,
)
from miner.pacs.dimse.guests import senders
from miner.pacs.peer import Peer
from miner.pacs.profile import PacsProfile
from miner.pacs.queries.examine import examine

NEEDED_CLASSES = (CTImageStorage, GrayscaleSoftcopyPresentationStateStorage)
"""What every archive that is mined must be able to send."""

REPORT_CLASSES = (EnhancedSRStorage, ComprehensiveSRStorage, Comprehensive3DSRStorage)
"""In these viewers store measurements; an archive that keeps them can send them."""


def probe(peer: Peer, annotations: Sequence[str] = ("PR", "SR")) -> PacsProfile:
    """Ask the PACS what it can do: one C-ECHO, at most 25 queries for a few rows each, nothing retrieved.

    ``annotations``: modalities of the series that hold annotations; a study with one is looked into where there is one.

    Raises PacsUnreachable or AssociationRefused where it cannot be asked at all, and ConfigError.
    """
    senders(peer.settings)
    return _Probe(peer, tuple(annotations)).run()


class _Probe:
    def __init__(self, peer: Peer, annotations: tuple[str, ...]) -> None:
        self._peer = peer
        self._annotations = annotations
        self._faults: dict[str, None] = {}
        self._link = Link(self._peer, query_contexts())

    def run(self) -> PacsProfile:
        try:
            answers_echo = self._echo()
            roots = self._connected().roots(FIND)
            asked = PacsProfile()
            if roots:
                patient_root = self._connected().root == PATIENT_ROOT
                asked = examine(self._ask, self._annotations, patient_root=patient_root).profile
            profile = dataclasses.replace(
                asked,
                protocol="dimse",
                echo=answers_echo,
                tls=self._link.secured,
                identity=self._identified(),
                roots=roots,
            )
        finally:
            self._link.close()
        profile = self._with_services(profile)
        return dataclasses.replace(profile, faults=tuple({**dict.fromkeys(profile.faults), **self._faults}))

    def _echo(self) -> bool:
        try:
            self._connected().echo()
        except PacsError as error:
            self._faults[str(error)] = None
            return False
        return True

    def _identified(self) -> bool | None:
        """Whether the PACS confirmed who we say we are; None where we say nothing."""
        credentials = self._peer.credentials
        return self._link.identity_confirmed if credentials.user or credentials.token else None

    def _connected(self) -> Link:
        if not self._link.usable:
            self._link = Link(self._peer, query_contexts())
        return self._link

    def _ask(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        return self._connected().find(identifier, limit)

    # ------------------------------------------------------------------------------------------------------ retrieval

    def _with_services(self, profile: PacsProfile) -> PacsProfile:
        profile = self._negotiate(lambda: Link(self._peer, get_contexts(), storage_roles()), _with_get, profile)
        return self._negotiate(lambda: Link(self._peer, move_contexts()), _with_move, profile)

    def _negotiate(
        self, open_link: Callable[[], Link], judge: Callable[[PacsProfile, Link], PacsProfile], profile: PacsProfile
    ) -> PacsProfile:
        try:
            link = open_link()
        except PacsError as error:
            self._faults[str(error)] = None
            return profile
        try:
            return judge(profile, link)
        finally:
            link.close()


def _with_get(profile: PacsProfile, link: Link) -> PacsProfile:
    offered = link.offers(GET) and all(link.stores(uid) for uid in NEEDED_CLASSES)
    return dataclasses.replace(
        profile,
        get_offered=offered,
        get_reports=all(link.stores(uid) for uid in REPORT_CLASSES) if offered else None,
        get_syntaxes=tuple(sorted(link.store_syntaxes)) if offered else (),
        class_syntaxes=link.class_syntaxes if offered else {},
        storage_role=link.stores(CTImageStorage) if link.offers(CTImageStorage) else None,
    )


def _with_move(profile: PacsProfile, link: Link) -> PacsProfile:
    return dataclasses.replace(profile, move_offered=link.offers(MOVE))
