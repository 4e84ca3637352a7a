"""What a folder holds, as the profile that ``miner doctor`` shows: all heads are read for it, as a run does."""

from __future__ import annotations

from miner.pacs.folder.archive import FolderPacs
from miner.pacs.folder.contents import Census
from miner.pacs.peer import Peer
from miner.pacs.profile import HONOURED, PacsProfile


def probe(peer: Peer) -> PacsProfile:
    """Read the folder. Raises ConfigError where none is named, PacsUnreachable where it cannot be read."""
    pacs = FolderPacs(peer)
    try:
        pacs.echo()
        census = pacs.census()
    finally:
        pacs.close()
    return PacsProfile(
        protocol="folder",
        echo=True,
        study_level=True,
        series_level=True,
        image_level=True,
        date_range=HONOURED,
        study_uid=HONOURED,
        patient_id=HONOURED,
        modalities_in_study=HONOURED,
        annotations_listed=True,
        counts=True,
        sop_classes=True,
        positions=True,
        image_retrieve=True,
        as_stored=True,
        faults=tuple(faults_of(census)),
    )


def faults_of(census: Census) -> list[str]:
    """What is not as it should be, a sentence each. Counts alone: names of exported files are often patients'."""
    faults = []
    if not census.objects:
        faults.append("The folder holds no object of any study: check pacs.path, and that the folder is mounted.")
    if census.unreadable:
        faults.append(
            f"{census.unreadable} files or folders cannot be read (unreadable-file): check their owner and permissions, "
            "and export files that were cut off again."
        )
    if census.absent:
        faults.append(
            f"{census.absent} objects that a DICOMDIR lists are in no file that can be read: export them again."
        )
    if census.several_patients:
        faults.append(
            f"{census.several_patients} studies have files of more than one Patient ID, and the first file's is taken: "
            "correct them in the archive, and export them again."
        )
    return faults
