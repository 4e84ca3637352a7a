"""The addresses of a host, looked up where nobody has to wait for the end of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Any

from miner.pacs.care import Halt

Place = tuple[Any, Any, int, str, Any]
"""One answer of ``socket.getaddrinfo``."""


def places(host: str, port: int, seconds: float, halt: Halt) -> Sequence[Place]:
    """Where a host may be connected to over TCP, at least one place.

    A look-up cannot be ended, and can take half a minute where a name server is silent: it is left behind, in a thread
    that keeps no process alive. Raises OSError where the name does not resolve within ``seconds``, StoppedError as soon
    as the run is stopped.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name
    found: list[Sequence[Place] | OSError] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)
        except UnicodeError:
            found.append(OSError("no name"))
        finally:
            done.set()

    with halt.ending(done.set):
        threading.Thread(target=look_up, name="name", daemon=True).start()
        done.wait(seconds)
    halt.check()
    answer = found[0] if found else TimeoutError()
    if isinstance(answer, OSError):
        raise answer
    return answer
