"""What a PACS was found to do: learned by ``miner doctor`` and on the way, stored in the catalogue, used by mining."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PacsProfile:
    """What was learned; None where it was not possible to tell. Holds no identifier, and is written as JSON.

    ``modalities_in_study``: ``honoured``, ``ignored`` (every study matches), ``unmatched`` (no study matches),
    ``refused``, ``unknown``. ``annotations_listed``: a study with presentation states or reports names PR and SR, as
    it holds them. ``counts``: Number of Series Related Instances is answered. ``sop_classes``, ``positions``: SOP Class
    UID and Image Position (Patient) at IMAGE level.
    ``get_offered``: C-GET with us as SCP for CT and presentation states; ``get_reports``: for the reports that hold
    measurements too. ``get_syntaxes``: transfer syntaxes in which
    the PACS would send. ``faults``: sentences on what did not work.
    """

    echo: bool = False
    study_level: bool | None = None
    series_level: bool | None = None
    image_level: bool | None = None
    modalities_in_study: str = "unknown"
    annotations_listed: bool | None = None
    counts: bool | None = None
    sop_classes: bool | None = None
    positions: bool | None = None
    get_offered: bool | None = None
    get_reports: bool | None = None
    get_syntaxes: tuple[str, ...] = ()
    move_offered: bool | None = None
    faults: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, object]:
        """The profile as a JSON object; the form that :func:`miner.pacs.connect` takes."""
        return dataclasses.asdict(self)
