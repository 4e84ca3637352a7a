"""Everything that can go wrong, as one tree, and the reason codes that end in the catalogue.

    MinerError
    ├── PermanentError            asking again gives the same answer
    │   ├── UsageError            a wrong command line or a wrong state for it           exit 2
    │   │   └── ConfigError       config.toml, an environment variable or the key        exit 2
    │   │       └── WrongKey      a vault or a catalogue of another key                  exit 2
    │   ├── SchemaError           a database of another version                          exit 3
    │   ├── ObjectError           one DICOM object cannot be used (the run goes on)      exit 4
    │   └── ChainError            the books do not agree with themselves                 exit 5
    ├── RetriableError            the same request may succeed later
    │   ├── PacsError             the PACS did not answer as it should                   exit 3
    │   │   ├── PacsUnreachable   no TCP connection, or none in time                     exit 3
    │   │   └── AssociationRefused  it answers, but not to us                            exit 3
    │   ├── StorageError          disk full, folder not writable                         exit 3
    │   ├── StoppedError          the run was told to stop (Ctrl-C, SIGTERM)             exit 130
    │   └── DatabaseError         a database cannot be used now, or another run uses it  exit 3
    └── RefusedError              the rules say no: normal, reported, never retried      exit 0

A message says what is wrong, where, and what to do. It never carries a value that came out of a DICOM object.
"""

from __future__ import annotations

import errno
import os
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import ClassVar

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ExitStatus(IntEnum):
    """Exit statuses of every command (README, "Exit status")."""

    DONE = 0
    OUR_FAULT = 1
    USAGE = 2
    UNAVAILABLE = 3
    INCOMPLETE = 4
    FAULTS_FOUND = 5
    INTERRUPTED = 130


class Reason(StrEnum):
    """Why something was not accepted, not retrieved or failed. Stored in the catalogue; never renamed."""

    # an annotation object
    NO_GRAPHICS = "no-graphics"
    DAMAGED_OBJECT = "damaged-object"
    UNSUPPORTED_OBJECT = "unsupported-object"
    KEY_OBJECT_SELECTION = "key-object-selection"
    # a graphic of it
    IMAGE_NOT_FOUND = "image-not-found"
    IMAGE_AMBIGUOUS = "image-ambiguous"
    IMAGE_REFUSED = "image-refused"
    POINT_OUTSIDE_IMAGE = "point-outside-image"
    POINT_NOT_FINITE = "point-not-finite"
    DISPLAY_UNITS = "display-units"
    MALFORMED_GRAPHIC = "malformed-graphic"
    OPEN_POLYLINE = "open-polyline"
    SINGLE_POINT = "single-point"
    TEXT_ONLY = "text-only"
    ANGLE_TOOL = "angle-tool"
    RULER_TICK = "ruler-tick"
    TOOL_NOT_A_LESION = "tool-not-a-lesion"
    SUPERSEDED = "superseded"
    UNKNOWN_GRAPHIC = "unknown-graphic"
    NO_COORDINATES = "no-coordinates"
    SEGMENTATION = "segmentation"
    OFF_SLICE = "off-slice"
    FRAME_OF_REFERENCE = "frame-of-reference"
    # a series or one volume of it
    NON_AXIAL = "non-axial"
    TILTED = "tilted"
    GAPPED = "gapped"
    MIXED_SPACING = "mixed-spacing"
    DUPLICATE_POSITION = "duplicate-position"
    SINGLE_SLICE = "single-slice"
    NO_POSITION = "no-position"
    NO_PIXEL_SPACING = "no-pixel-spacing"
    VALUE_RANGE = "value-range"
    SERIES_CHANGED = "series-changed"
    MODALITY = "modality-not-selected"
    # the pixel gate
    SOP_CLASS = "sop-class"
    IMAGE_TYPE = "image-type"
    LOCALIZER = "localizer"
    BURNED_IN = "burned-in"
    SECONDARY_CAPTURE = "secondary-capture"
    OVERLAY = "overlay"
    NOT_GREYSCALE = "not-greyscale"
    BITS_STORED = "bits-stored"
    SIZE_MISMATCH = "size-mismatch"
    NO_PIXELS = "no-pixels"
    BROKEN_PIXELS = "broken-pixels"
    TRANSFER_SYNTAX = "transfer-syntax"
    MODALITY_LUT = "modality-lut"
    OVER_LIMITS = "over-limits"
    # text in the pixels
    TEXT_IN_PIXELS = "text-in-pixels"
    TEXT_SEARCH_FAILED = "text-search-failed"
    REVIEW_REJECTED = "review-rejected"
    # the PACS
    UNREACHABLE = "pacs-unreachable"
    ASSOCIATION_REFUSED = "association-refused"
    FIND_FAILED = "find-failed"
    RETRIEVE_FAILED = "retrieve-failed"
    NOT_RETRIEVED = "not-retrieved"
    NOT_SENT = "not-sent"
    MOVE_DESTINATION_UNKNOWN = "move-destination-unknown"
    TIMED_OUT = "timed-out"
    CONTENT_CONFLICT = "content-conflict"
    TLS_REFUSED = "tls-refused"
    CREDENTIALS_REFUSED = "credentials-refused"
    UNREADABLE_FILE = "unreadable-file"
    # a study or a run
    OPTED_OUT = "opted-out"
    WITHDRAWN = "withdrawn"
    NO_ANNOTATIONS = "no-annotations"
    DISK_FULL = "disk-full"
    NOT_WRITABLE = "not-writable"
    DATABASE_UNAVAILABLE = "database-unavailable"
    CATALOGUE_BUSY = "catalogue-busy"
    SCHEMA_VERSION = "schema-version"
    CHAIN_BROKEN = "chain-broken"
    CONFIG = "config"
    USAGE = "usage"
    INTERRUPTED = "interrupted"
    INTERNAL = "internal"


RETRIABLE_REASONS: frozenset[Reason] = frozenset(
    {
        Reason.UNREACHABLE,
        Reason.ASSOCIATION_REFUSED,
        Reason.FIND_FAILED,
        Reason.RETRIEVE_FAILED,
        Reason.NOT_RETRIEVED,
        Reason.NOT_SENT,
        Reason.MOVE_DESTINATION_UNKNOWN,
        Reason.TIMED_OUT,
        Reason.TLS_REFUSED,
        Reason.CREDENTIALS_REFUSED,
        Reason.UNREADABLE_FILE,
        Reason.DISK_FULL,
        Reason.NOT_WRITABLE,
        Reason.DATABASE_UNAVAILABLE,
        Reason.CATALOGUE_BUSY,
        Reason.INTERRUPTED,
        Reason.INTERNAL,
        Reason.IMAGE_NOT_FOUND,
    }
)
"""Reasons with which every new run tries a study again (an image may arrive after its presentation state)."""


class MinerError(Exception):
    """Root of the tree. ``reason`` ends in the catalogue, ``exit_status`` is the command's."""

    exit_status: ClassVar[ExitStatus] = ExitStatus.OUR_FAULT
    default_reason: ClassVar[Reason] = Reason.INTERNAL

    def __init__(self, message: str, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.reason = reason if reason is not None else self.default_reason


class PermanentError(MinerError):
    """Asking again gives the same answer."""


class UsageError(PermanentError):
    """The command line, or the state of the place it was given in, is wrong."""

    exit_status = ExitStatus.USAGE
    default_reason = Reason.USAGE


class ConfigError(UsageError):
    """config.toml, an environment variable or the project's key is wrong."""

    default_reason = Reason.CONFIG


class WrongKey(ConfigError):
    """The key is well formed, but the vault or the catalogue was made with another one."""


class SchemaError(PermanentError):
    """A database whose schema is newer than this version, or older and not upgraded."""

    exit_status = ExitStatus.UNAVAILABLE
    default_reason = Reason.SCHEMA_VERSION


class ObjectError(PermanentError):
    """One DICOM object cannot be used; the run goes on and reports it."""

    exit_status = ExitStatus.INCOMPLETE
    default_reason = Reason.DAMAGED_OBJECT


class ChainError(PermanentError):
    """The event chain or the catalogue does not agree with itself."""

    exit_status = ExitStatus.FAULTS_FOUND
    default_reason = Reason.CHAIN_BROKEN


class RetriableError(MinerError):
    """The same request may succeed later."""

    exit_status = ExitStatus.UNAVAILABLE


class PacsError(RetriableError):
    """The PACS did not answer as it should."""

    default_reason = Reason.RETRIEVE_FAILED


class PacsUnreachable(PacsError):
    """No TCP connection to the PACS, or none in time."""

    default_reason = Reason.UNREACHABLE


class AssociationRefused(PacsError):
    """The PACS answers, but refuses the association (often an AE title it does not know)."""

    default_reason = Reason.ASSOCIATION_REFUSED


class StoppedError(RetriableError):
    """The run was told to stop; what is committed stays, the rest is claimed by the next run."""

    exit_status = ExitStatus.INTERRUPTED
    default_reason = Reason.INTERRUPTED


class StorageError(RetriableError):
    """The disk is full or a folder cannot be written."""

    default_reason = Reason.DISK_FULL


def storage_error(error: OSError, folder: Path) -> StorageError:
    """The typed error of a failed write in ``folder``: DISK_FULL or NOT_WRITABLE."""
    if error.errno in _FULL:
        return StorageError(f"The disk or quota of {folder} is full: make room, then run again; what is stored stays.")
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return StorageError(
        f"{folder} cannot be written ({name}): check its owner, its permissions and that it is mounted.",
        Reason.NOT_WRITABLE,
    )


def unforeseen(error: Exception) -> MinerError:
    """What to say of an error that nobody caught: a file that cannot be used is no fault of this software."""
    if isinstance(error, OSError) and error.filename is not None:
        if error.errno in _FULL:
            return storage_error(error, Path(os.fsdecode(error.filename)))
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return StorageError(
            f"{os.fsdecode(error.filename)} cannot be used ({name}): check its owner, its permissions and that it is "
            "mounted.",
            Reason.NOT_WRITABLE,
        )
    return MinerError(
        f"A fault of this software ({type(error).__name__}). Run again with -v and report what it prints."
    )


class DatabaseError(RetriableError):
    """A database cannot be used now, or another run is using it."""

    default_reason = Reason.DATABASE_UNAVAILABLE


class RefusedError(MinerError):
    """The rules say no: normal, reported, never retried."""

    exit_status = ExitStatus.DONE
    default_reason = Reason.IMAGE_REFUSED
