"""What a PACS really does, in words; what costs it or us much, or needs its administrator, is a warning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.uid import UID

from miner.pacs import PacsProfile
from miner.pacs.profile import HONOURED, IGNORED, UNKNOWN


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``state`` is ``ok``, ``warning`` or ``fault``."""

    subject: str
    state: str
    words: str


def profile_findings(profile: PacsProfile, retrieve: str = "auto") -> list[Finding]:
    """Sentences on everything that the profile tells. ``retrieve``: the service that the configuration demands."""
    if profile.protocol == "folder":
        return [*_folder(profile)]
    return [
        *_queries(profile),
        *_modalities(profile),
        *_matching(profile),
        *_lists(profile),
        *_retrieval(profile, retrieve),
        *_security(profile),
        *(Finding("PACS", "warning", fault) for fault in profile.faults),
    ]


def _folder(profile: PacsProfile) -> Iterator[Finding]:
    """A folder does what we do with it: only its files can be wrong."""
    words = (
        "Studies, series and objects are listed from the heads of the files, annotations by their modality and class."
    )
    yield Finding("files", "ok", words)
    yield Finding("files", "ok", "Objects are read where they lie; nothing is written into the folder.")
    yield from (Finding("files", "warning", fault) for fault in profile.faults)


def _queries(profile: PacsProfile) -> Iterator[Finding]:
    levels = {
        "PATIENT": profile.patient_level,
        "STUDY": profile.study_level,
        "SERIES": profile.series_level,
        "IMAGE": profile.image_level,
    }
    answered = [level for level, answers in levels.items() if answers]
    roots = f" in the {' and the '.join(profile.roots)} root" if profile.roots else ""
    yield Finding("queries", "ok", f"Levels answered{roots}: {', '.join(answered) or 'none that could be tried'}.")
    if profile.protocol == "dimse" and not profile.roots:
        yield Finding("queries", "fault", "C-FIND is not offered to our AE title: nothing can be found.")
    if profile.relational is False:
        words = "Only the patient root is offered, and studies only by their patient: a search asks every patient."
        yield Finding("queries", "warning", words)
    for level, limits in (("STUDY", profile.study_limits), ("SERIES", profile.series_limits)):
        yield from _limits(level, limits)
    yield from _limits("IMAGE", profile.image_limits)
    if profile.character_sets:
        yield Finding("queries", "ok", f"Character sets answered: {', '.join(profile.character_sets)}.")


def _limits(level: str, limits: tuple[int, ...]) -> Iterator[Finding]:
    if limits:
        rows = " and ".join(str(limit) for limit in limits)
        words = f"It cuts off its answers at {level} level at {rows} rows and does not say so: they are asked in parts."
        yield Finding("queries", "warning", words)


def _modalities(profile: PacsProfile) -> Iterator[Finding]:
    each = "every study of the window is asked for its series, a query per study"
    if profile.modalities_in_study not in (HONOURED, UNKNOWN):
        words = f"ModalitiesInStudy is not honoured ({profile.modalities_in_study}): {each}, and filtered here."
        yield Finding("queries", "warning", words)
    elif profile.annotations_listed is False:
        words = f"A study does not name its presentation states or reports in ModalitiesInStudy: {each}."
        yield Finding("queries", "warning", words)
    elif profile.annotations_listed:
        yield Finding("queries", "ok", "Studies with annotations are found by ModalitiesInStudy.")
    elif profile.study_level:
        words = (
            "No study with annotations was among those looked at: whether they are found by ModalitiesInStudy is seen "
            "while mining. Until a study shows it, studies are asked for their series."
        )
        yield Finding("queries", "warning", words)


def _matching(profile: PacsProfile) -> Iterator[Finding]:
    if profile.date_range not in (HONOURED, UNKNOWN):
        words = f"Study Date is not matched by ranges ({profile.date_range}): every search lists the whole archive."
        yield Finding("queries", "warning", words)
    if profile.study_uid == IGNORED:
        words = "Study Instance UID is not matched: answers are filtered here, and each lists the whole archive."
        yield Finding("queries", "warning", words)
    if profile.patient_id == IGNORED:
        words = "Patient ID is not matched: a run with --patients lists the whole archive for each of them."
        yield Finding("queries", "warning", words)
    if profile.wildcards not in (HONOURED, UNKNOWN):
        words = (
            f"Wild cards in Patient ID are not matched ({profile.wildcards}): where an answer is cut off, studies "
            "without a date or time may not be seen; a run says where."
        )
        yield Finding("queries", "warning", words)


def _lists(profile: PacsProfile) -> Iterator[Finding]:
    if profile.counts is False:
        words = "No number of instances at SERIES level: a list that may be cut off is asked for by other keys too."
        yield Finding("queries", "warning", words)
    if profile.sop_classes is False:
        words = "No SOP classes at IMAGE level: every report has to be fetched, dose reports too, to see what it is."
        yield Finding("queries", "warning", words)
    if profile.positions is False and profile.metadata:
        words = "No positions at IMAGE level: the headers of every series with a bookmark are fetched, without pixels."
        yield Finding("queries", "warning", words)
    elif profile.positions is False:
        words = "No positions at IMAGE level: every series with a bookmark has to be fetched whole."
        yield Finding("queries", "warning", words)
    if profile.paging is False:
        words = "Answers cannot be had in pages (limit and offset): windows are cut smaller instead."
        yield Finding("queries", "warning", words)


def _retrieval(profile: PacsProfile, retrieve: str) -> Iterator[Finding]:
    if retrieve == "move" and profile.move_offered:
        words = (
            'Objects come by C-MOVE ([pacs] retrieve = "move"): the PACS must know our AE title, this machine\'s '
            "address and [pacs] move_port."
        )
        if profile.get_offered:
            words = f'{words} C-GET is offered too: with "auto", no port of ours would need to be open.'
        yield Finding("retrieve", "ok", words)
    elif profile.get_offered:
        yield Finding("retrieve", "ok", "C-GET is offered: no port of ours needs to be open.")
        if profile.get_reports is False:
            words = 'C-GET does not send every class of reports: where it stores such, set [pacs] retrieve = "move".'
            yield Finding("retrieve", "warning", words)
    elif profile.move_offered:
        words = "Only C-MOVE is offered: the PACS must know our AE title, this machine's address and [pacs] move_port."
        yield Finding("retrieve", "warning", words)
        if profile.storage_role is False:
            words = "For C-GET the PACS does not let us store what it sends (role selection): ask its administrator."
            yield Finding("retrieve", "warning", words)
    elif profile.move_offered is False:
        words = "Neither C-GET nor C-MOVE is offered to our AE title: nothing can be retrieved."
        yield Finding("retrieve", "fault", words)
    if profile.get_syntaxes:
        names = ", ".join(UID(uid).name for uid in profile.get_syntaxes)
        yield Finding("retrieve", "ok", f"Transfer syntaxes in which it would send: {names}.")
    if profile.image_retrieve is False:
        words = "Single slices cannot be retrieved: every series with a bookmark has to be fetched whole."
        yield Finding("retrieve", "warning", words)
    if profile.as_stored is False:
        words = "Objects are not sent as they are stored: the PACS transcodes each, which costs it time."
        yield Finding("retrieve", "warning", words)


def _security(profile: PacsProfile) -> Iterator[Finding]:
    if profile.tls is not None:
        key = "pacs.url begins with http://" if profile.protocol == "dicomweb" else "[pacs] tls"
        words = "The connection is encrypted." if profile.tls else f"The connection is not encrypted ({key})."
        yield Finding("security", "ok", words)
    if profile.identity is False:
        words = "The PACS did not confirm the user that we name: it may not look at it."
        yield Finding("security", "warning", words)
