"""JPEG Extended (Process 4) with 12 bits per sample, by GDCM itself.

pydicom's plug-ins refuse 12 bits here, GDCM does not: its output equals dcmtk's, value for value, on real CT. (It tries
its 8-bit library first, which leaves a line about the precision on standard error that cannot be switched off.)
"""

from __future__ import annotations

import gdcm
import numpy as np
import numpy.typing as npt

_TRANSFER_SYNTAX = "1.2.840.10008.1.2.4.51"


def decode_12_bit(frame: bytes, rows: int, columns: int) -> npt.NDArray[np.uint16] | None:
    """Samples of one complete 12-bit JPEG frame, shape (rows, columns); None where GDCM cannot decode it."""
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    # SWIG hands out bare pointers: the sequence must outlive the element that refers to it.
    fragments = _fragments(frame)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(_TRANSFER_SYNTAX)))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, 0))
    text = image.GetBuffer()  # char* as str, None on failure
    octets = text.encode("utf-8", "surrogateescape") if text is not None else b""
    if len(octets) != rows * columns * 2:
        return None
    return np.frombuffer(octets, "<u2").reshape(rows, columns).astype(np.uint16)


def _fragments(frame: bytes) -> gdcm.SequenceOfFragments:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    return fragments
