"""`miner mine --dry-run`: what a run would look at, without retrieving anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from miner.mining.annotations import find_annotations, reason_unfetched
from miner.mining.cohort import Request, is_opted_out, read_opt_out, window_of
from miner.mining.discovery import questions
from miner.mining.project import Project
from miner.mining.withdrawal import is_withdrawn
from miner.pacs.interface import Pacs

SLICES_PER_OBJECT = 13
"""Key slice and 30 mm on both sides at 5 mm, the most frequent slice distance."""

OCTETS_PER_SLICE = 540_000
"""512 x 512 at 16 bits with its header."""

SLICES_PER_SECOND = 25.0
"""A cautious rate of retrieving, decoding and writing over one association."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Counts as the PACS answers them; octets and seconds are estimated from them."""

    studies: int
    annotation_objects: int
    slices: int
    octets: int
    seconds: float
    unlisted: int = 0
    """annotation series that the PACS failed to list: what they hold is not among the counts"""


def estimate(project: Project, request: Request, pacs: Pacs) -> Estimate:
    """Count studies and the annotation objects that would be fetched of them.

    Those of patients who opted out or were withdrawn are left out. By queries alone. A report says only when it is read
    whether it holds a measurement: most that are written in words do not, so octets and seconds are an upper bound
    where ``[selection] annotations`` names SR.

    Raises what a query may raise, and ConfigError where the opt-out list cannot be read.
    """
    window = window_of(request, project.catalogue.watermark(), project.settings.selection.look_back_days)
    opted_out = read_opt_out(project.settings)
    selected = project.settings.selection.annotations
    cohort = {
        study.study_uid: study
        for question in questions(request, window, date.today(), project.surrogates)
        for study in question.ask(pacs, selected)
        if not is_opted_out(study, opted_out, project.surrogates) and not is_withdrawn(project, study)
    }
    studies = list(cohort.values())[: request.limit]
    objects = unlisted = 0
    for study in studies:
        found = find_annotations(pacs.find_series(study), pacs, selected)
        unlisted += len(found.failed)
        objects += sum(
            reason_unfetched(modality, entry.sop_class_uid, selected) is None
            for modality, entries in found.objects.items()
            for entry in entries
        )
    slices = objects * SLICES_PER_OBJECT
    seconds = slices / SLICES_PER_SECOND
    return Estimate(len(studies), objects, slices, slices * OCTETS_PER_SLICE, seconds, unlisted)
