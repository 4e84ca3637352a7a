"""The sockets beneath the HTTP connection, within reach of whoever has to end a request at once.

The HTTP libraries give no way to end a request from another thread, and a limit per read is no limit for a peer that
sends an octet now and then. So each socket is entered here as it is opened, and :meth:`Sockets.cut` shuts it down: the
read that waits on it returns.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from miner.pacs.dicomweb.service import Service


class CutError(OSError):
    """The connection was cut while it was being opened."""


class Sockets:
    """Handles on what is open, for one request after another.

    ``opening``: an attempt to connect has begun and has not succeeded; ``fresh``: nothing has come by it yet.
    """

    def __init__(self) -> None:
        self.opening = False
        self.fresh = False
        self._is_cut = False
        self._changing = threading.Lock()
        self._handles: list[socket.socket] = []
        self._waiting: Future[socket.socket] | None = None

    def begin(self) -> None:
        """A new request begins: what was cut before does not concern it."""
        with self._changing:
            self.opening = self.fresh = self._is_cut = False

    def open(self, connect: Callable[[], socket.socket]) -> socket.socket:
        """``connect()`` in a thread of its own, because nothing ends a look-up of a name or a handshake of TCP."""
        waiting: Future[socket.socket] = Future()
        self.opening = self.fresh = True
        with self._changing:
            if not self._may_open():
                raise CutError
            self._waiting = waiting
        threading.Thread(target=_connect, args=(connect, waiting), name="connect", daemon=True).start()
        opened = waiting.result()
        with self._changing:
            self._waiting = None
            if not self._may_open():
                opened.close()
                raise CutError
            self._close_handles()  # one at a time: whoever opens another has done with the former
            # A second handle on the same connection: the first one is handed on to TLS, which gives it another number.
            self._handles.append(opened.dup())
        self.opening = False
        return opened

    def _may_open(self) -> bool:
        return not self._is_cut

    def cut(self) -> None:
        """End everything of this request at once; what waits on it returns or raises. From any thread."""
        with self._changing:
            self._is_cut = True
            if self._waiting is not None:
                _fail(self._waiting, CutError())
            for handle in self._handles:
                with contextlib.suppress(OSError):
                    handle.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Give back the handles, once the connection itself is closed."""
        with self._changing:
            self._close_handles()

    def _close_handles(self) -> None:
        for handle in self._handles:
            handle.close()
        self._handles.clear()


def _connect(connect: Callable[[], socket.socket], waiting: Future[socket.socket]) -> None:
    try:
        opened = connect()
    except Exception as error:
        _fail(waiting, error)
        return
    try:
        waiting.set_result(opened)
    except Exception:
        opened.close()  # nobody waits for it any more


def _fail(waiting: Future[socket.socket], error: Exception) -> None:
    with contextlib.suppress(Exception):
        waiting.set_exception(error)


class Adapter(HTTPAdapter):
    """One connection to the service, its socket entered in ``sockets``; nothing is repeated here.

    TLS is checked by the service's own context alone: requests would add the certificates of its bundle to those that
    config.toml names.
    """

    def __init__(self, service: Service, sockets: Sockets) -> None:
        self._service = service
        self._sockets = sockets
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """See requests."""
        if self._service.tls is not None:
            pool_kwargs["ssl_context"] = self._service.tls
            pool_kwargs["server_hostname"] = self._service.tls_name or None
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._sockets)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """See requests."""
        conn.cert_reqs = "CERT_REQUIRED"


def _pools(sockets: Sockets) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return sockets.open(super()._new_conn)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return sockets.open(super()._new_conn)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
