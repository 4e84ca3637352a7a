"""Free loopback ports, waiting for a listener, and what to do where a peer is not installed."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from typing import NoReturn

import pytest

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def absent(peer: str) -> NoReturn:
    """Skip, or fail where CI is true, naming the peer that is not installed."""
    lacking(f"{peer} is not installed")


def lacking(message: str) -> NoReturn:
    """Skip, saying what this machine lacks; where CI is true, fail: there a skipped test would pass for a proof."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def listens(port: int) -> bool:
    """True where something accepts TCP connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, seconds: float = 60.0) -> None:
    """Return once ``ready()``; raise RuntimeError where the process ends first or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode} before it was ready")
        if ready():
            return
        time.sleep(0.05)
    raise RuntimeError(f"{name} was not ready within {seconds:g} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End this one process: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
