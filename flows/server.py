"""A Prefect server of our own, on loopback, for as long as it is needed.

Prefect's embedded server has no scheduler: a cron line served on it would never fire, and nothing would say so. Prefect
reads ``PREFECT_API_URL`` when it is imported, so this module does not import it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from miner.errors import MinerError

START_SECONDS = 180.0
HOST = "127.0.0.1"


@contextmanager
def loopback_server() -> Iterator[str]:
    """Start `prefect server` on a free loopback port, name it in ``PREFECT_API_URL``, stop it at the end.

    Yields the API's URL. Raises MinerError where the server ends or does not answer in time.
    """
    port = _free_port()
    url = f"http://{HOST}:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    # A session of its own: Ctrl-C reaches the flow first, and the server still stands while its run is closed.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait(url, process)
        os.environ["PREFECT_API_URL"] = url
        yield url
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise MinerError(f"Prefect's server ended with status {process.returncode} before it answered.")
        try:
            if httpx.get(f"{url}/health", timeout=2, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.25)
    raise MinerError(f"Prefect's server did not answer within {START_SECONDS:g} s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
