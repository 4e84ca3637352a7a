"""`miner mine --dry-run`: what a run would look at, without retrieving anything."""

from __future__ import annotations

from dataclasses import dataclass

from miner.mining.cohort import ANNOTATION_MODALITIES, Request, find_cohort, read_opt_out, window_of
from miner.mining.project import Project
from miner.mining.study import find_annotations
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


def estimate(project: Project, request: Request, pacs: Pacs) -> Estimate:
    """Count studies, without those of patients who opted out, and their annotation objects, by queries alone.

    Raises what a query may raise, and ConfigError where the opt-out list cannot be read.
    """
    window = window_of(request, project.catalogue.watermark(), project.settings.selection.look_back_days)
    opted_out = read_opt_out(project.settings)
    cohort = find_cohort(pacs, request, window)
    studies = [study for study in cohort if study.patient.patient_id not in opted_out][: request.limit]
    objects = 0
    for study in studies:
        found = find_annotations(pacs.find_series(study), pacs)
        objects += sum(len(found.get(modality, ())) for modality in ANNOTATION_MODALITIES)
    slices = objects * SLICES_PER_OBJECT
    return Estimate(len(studies), objects, slices, slices * OCTETS_PER_SLICE, slices / SLICES_PER_SECOND)
