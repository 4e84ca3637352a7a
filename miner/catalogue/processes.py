"""Which process holds a lease, and whether it is gone. Linux tells the most; elsewhere the heartbeat must do."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from miner.catalogue.canonical import digest

_STATE = 0  # fields of /proc/<pid>/stat behind the command's name: state, …, start time
_START_TIME = 19


@dataclass(frozen=True, slots=True)
class Process:
    """A process of one boot of one host. ``host`` is a digest; ``started`` tells a reused pid apart."""

    host: str
    pid: int
    started: str


def this_process() -> Process:
    """The process that asks."""
    return Process(_this_host(), os.getpid(), _start_of(os.getpid()) or "")


def same_host(process: Process) -> bool:
    """Whether the process ran where its pid means something to us: same host, boot and pid namespace."""
    return process.host == _this_host()


def is_gone(process: Process) -> bool:
    """Whether a process of this host has ended (a zombie has). Without /proc: whether its pid is free."""
    if Path("/proc/self/stat").exists():
        started = _start_of(process.pid)
        return started is None or started != process.started
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _this_host() -> str:
    """Two containers may share a host's name, and one host's pids differ between namespaces: both enter the digest."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    try:
        parts += [boot.read_text(encoding="ascii").strip(), str(namespace.readlink())]
    except OSError:
        parts.append("")
    return digest(parts)


def _start_of(pid: int) -> str | None:
    """Clock ticks from boot to the start of a living process, None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else fields[_START_TIME]
