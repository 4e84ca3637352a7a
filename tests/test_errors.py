"""miner.errors: one tree, exit statuses, and a sentence for every reason."""

from __future__ import annotations

import errno
import inspect

from miner import errors
from miner.errors import RETRIABLE_REASONS, ExitStatus, MinerError, Reason
from miner.explanations import EXPLANATIONS


def _classes() -> list[type[MinerError]]:
    return [entry for _, entry in inspect.getmembers(errors, inspect.isclass) if issubclass(entry, MinerError)]


def test_every_class_is_drawn_in_the_tree() -> None:
    drawing = errors.__doc__ or ""
    for entry in _classes():
        assert entry.__name__ in drawing


def test_every_error_is_permanent_retriable_or_refused() -> None:
    kinds = (errors.PermanentError, errors.RetriableError, errors.RefusedError)
    for entry in _classes():
        if entry is not MinerError:
            assert sum(issubclass(entry, kind) for kind in kinds) == 1


def test_retriable_errors_have_retriable_reasons() -> None:
    for entry in _classes():
        if issubclass(entry, errors.RetriableError) and entry is not errors.RetriableError:
            assert entry.default_reason in RETRIABLE_REASONS
            stopped = entry is errors.StoppedError
            assert entry.exit_status is (ExitStatus.INTERRUPTED if stopped else ExitStatus.UNAVAILABLE)


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(Reason)


def test_a_file_that_cannot_be_used_is_no_fault_of_this_software() -> None:
    locked = errors.unforeseen(PermissionError(errno.EACCES, "denied", "/srv/data"))
    assert locked.exit_status is ExitStatus.UNAVAILABLE
    assert "/srv/data" in str(locked)
    assert "EACCES" in str(locked)
    assert errors.unforeseen(OSError(errno.ENOSPC, "full", "/srv/data")).reason is Reason.DISK_FULL
    for error in (ValueError("a value"), OSError("a value")):
        told = errors.unforeseen(error)
        assert told.exit_status is ExitStatus.OUR_FAULT
        assert "a value" not in str(told)
