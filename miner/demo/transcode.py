"""Brings a stored object into a form that a peer takes: as stored, or uncompressed little endian."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian


class NotAcceptedError(Exception):
    """The peer takes this object in no form that it can be brought into."""


def transcoded(dataset: Dataset, accepted: frozenset[UID]) -> Dataset:
    """``dataset`` in one of the transfer syntaxes that the peer accepted for its SOP class (PS3.5 A).

    As stored where accepted; else explicit or implicit little endian, decompressed where needed. The result's
    file meta names its transfer syntax. Raises NotAcceptedError.
    """
    stored = UID(str(dataset.file_meta.TransferSyntaxUID))
    if stored in accepted:
        return dataset
    target = next((syntax for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian) if syntax in accepted), None)
    if target is None:
        raise NotAcceptedError("no uncompressed transfer syntax accepted")
    if stored.is_compressed and not stored.is_deflated:
        try:
            dataset.decompress(generate_instance_uid=False)
        except (RuntimeError, ValueError, NotImplementedError, AttributeError):
            raise NotAcceptedError("its pixel data cannot be decompressed") from None
    return _rewritten(dataset, target, swap=stored == ExplicitVRBigEndian)


def _rewritten(dataset: Dataset, target: UID, *, swap: bool) -> Dataset:
    """A copy that is not bound to the encoding it was read in. pydicom leaves octets of OW in the order they had."""
    copy = Dataset()
    for element in dataset:
        copy.add(element)
    if swap and "PixelData" in copy and dataset.get("BitsAllocated") == 16:
        copy.PixelData = np.frombuffer(dataset.PixelData, dtype=">u2").astype("<u2").tobytes()
        copy["PixelData"].VR = "OW"
    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = target
    return copy
