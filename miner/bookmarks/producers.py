"""Which software wrote an object, as a word of a closed list: a dialect belongs to its producer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from miner.bookmarks.elements import text
from miner.bookmarks.reading import parse, quiet_pydicom
from miner.errors import ObjectError, Reason

_NAMES: tuple[tuple[str, str], ...] = (
    ("agfa", "Agfa"),
    ("bluelight", "BlueLight"),
    ("canon", "Canon"),
    ("carestream", "Carestream"),
    ("change healthcare", "Change Healthcare"),
    ("clearcanvas", "ClearCanvas"),
    ("cornerstone", "Cornerstone"),
    ("dcm4che", "dcm4che"),
    ("dcmjs", "dcmjs"),
    ("dcmqi", "dcmqi"),
    ("dcmtk", "DCMTK"),
    ("dwv", "dwv"),
    ("fluoroscan", "Fluoroscan"),
    ("fujifilm", "Fuji"),
    ("gdcm", "GDCM"),
    ("ge medical systems", "GE"),
    ("ge healthcare", "GE"),
    ("highdicom", "highdicom"),
    ("horos", "Horos"),
    ("impax", "Agfa"),
    ("intelerad", "Intelerad"),
    ("kheops", "Kheops"),
    ("meddream", "MedDream"),
    ("merge healthcare", "Merge"),
    ("mim software", "MIM"),
    ("ohif", "OHIF"),
    ("osirix", "OsiriX"),
    ("philips", "Philips"),
    ("pydicom", "pydicom"),
    ("radiant", "RadiAnt"),
    ("sectra", "Sectra"),
    ("siemens", "Siemens"),
    ("slicer", "3D Slicer"),
    ("softneta", "MedDream"),
    ("terarecon", "TeraRecon"),
    ("toshiba", "Canon"),
    ("visage", "Visage"),
    ("vital images", "Vital"),
    ("weasis", "Weasis"),
)
"""A name inside of Manufacturer, model, software version or implementation version → producer."""

_ROOTS: tuple[tuple[str, str], ...] = (
    ("1.2.276.0.7230010.3.0.3", "DCMTK"),
    ("1.2.40.0.13.1", "dcm4che"),
    ("1.2.826.0.1.3680043.2.1143", "GDCM"),
    ("1.2.826.0.1.3680043.8.498", "pydicom"),
    ("1.2.826.0.1.3680043.9.3811", "pynetdicom"),
    ("1.2.826.0.1.3680043.9.7278", "dwv"),
    ("1.3.6.1.4.1.25403.1.1", "ClearCanvas"),
    ("2.25.80302813137786398554742050926734630921603366648225212145404", "dcmjs"),
)
"""Implementation Class UIDs (PS3.7 D.3.3.2) by their root → producer."""

MAX_MANUFACTURER = 64
"""Characters of an LO (PS3.5 6.2)."""

_ELEMENTS = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions")


@dataclass(frozen=True, slots=True)
class Origin:
    """Known producers that an object names, each once; and its Manufacturer as it stands, for the site's own eyes."""

    producers: tuple[str, ...] = ()
    manufacturer: str = ""


def read_origin(path: Path) -> Origin:
    """Which software wrote a file: what its own elements name first, then what wrote the file.

    Raises ObjectError where the file cannot be parsed; the message holds nothing out of it.
    """
    with quiet_pydicom():
        try:
            return _origin(parse(path, _ELEMENTS))
        except ObjectError:
            raise
        except Exception as error:
            reason = f"An object's producer cannot be read ({type(error).__name__})."
            raise ObjectError(reason, Reason.DAMAGED_OBJECT) from None


def _origin(dataset: Dataset) -> Origin:
    meta = getattr(dataset, "file_meta", Dataset())
    words = [text(dataset, keyword) for keyword in _ELEMENTS] + [text(meta, "ImplementationVersionName")]
    found = [producer for word in words for producer in _named(word)]
    implementation = text(meta, "ImplementationClassUID")
    found += [producer for root, producer in _ROOTS if implementation == root or implementation.startswith(root + ".")]
    manufacturer = "".join(c for c in text(dataset, "Manufacturer")[:MAX_MANUFACTURER] if c.isprintable())
    return Origin(tuple(dict.fromkeys(found)), manufacturer)


def _named(words: str) -> list[str]:
    lowered = words.lower().replace("_", " ")
    return [producer for name, producer in _NAMES if re.search(rf"(?<![a-z]){re.escape(name)}(?![a-z])", lowered)]
