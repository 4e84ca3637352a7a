"""What declares one kind of annotation object: its SOP classes, the elements that are read of it, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from miner.records import AnnotationObject

Reader = Callable[[Dataset], AnnotationObject]


@dataclass(frozen=True, slots=True)
class ObjectEncoding:
    """One kind of annotation object.

    ``modality``: of its series (PR, SR, KO). ``tags``: keywords of the top-level elements that ``read`` looks at; no
    other one is ever taken out of a file. ``read`` raises ObjectError or MalformedError where an object cannot be read
    as a whole.
    """

    modality: str
    sop_classes: tuple[str, ...]
    tags: tuple[str, ...]
    read: Reader
