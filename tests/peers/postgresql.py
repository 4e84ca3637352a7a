"""A real PostgreSQL server of our own: a temporary data folder, a Unix socket, no network; gone when the tests end."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType

import psycopg

from tests.peers.network import absent

_BINARY_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
_START_SECONDS = 60


def binaries() -> Path | None:
    """The folder of initdb and postgres, the newest version first; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    for pattern in _BINARY_FOLDERS:
        folders = sorted(Path("/").glob(pattern[1:]), reverse=True)
        if folders:
            return folders[0]
    return None


def require_binaries() -> Path:
    """As :func:`binaries`; the test skips naming what is absent, and fails where CI is set."""
    folder = binaries()
    if folder is None:
        absent("PostgreSQL (initdb, postgres)")
    return folder


class PostgreSQL:
    """The server, as a context manager. The server refuses to run as root, so root starts it as user ``postgres``."""

    def __init__(self, folder: Path) -> None:
        self._binaries = folder
        self._user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self._names = count(1)
        self._home = Path()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PostgreSQL:
        self._home = Path(tempfile.mkdtemp(prefix="miner-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self._home, self._user)
        data = self._home / "data"
        self._run("initdb", "-D", str(data), "-U", self._user, "-A", "trust", "-E", "UTF8", "-N", "--no-instructions")
        command = [str(self._binaries / "postgres"), "-D", str(data), "-k", str(self._home), "-c", "listen_addresses="]
        command += ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=40"]
        with (self._home / "log").open("wb") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._home, **self._as_user())
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.send_signal(signal.SIGQUIT)  # immediate shutdown: its files are thrown away anyway
        self._server.wait(30)
        shutil.rmtree(self._home, ignore_errors=True)

    def new_database(self, template: str = "template0") -> str:
        """Create an empty database, or a copy of another that nobody is connected to; returns its name."""
        name = f"test_{next(self._names)}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def empty(self, database: str, *, keep: str) -> None:
        """Empty all tables but ``keep``, triggers or no triggers: much quicker than a new database."""
        with psycopg.connect(self._conninfo(database), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> %s"
            names = [name for (name,) in connection.execute(tables, [keep]).fetchall()]
            connection.execute("; ".join(f'DELETE FROM "{name}"' for name in names))

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{self._user}@/{database}?host={self._home}"

    def _conninfo(self, database: str) -> str:
        return f"host={self._home} user={self._user} dbname={database}"

    def _wait(self) -> None:
        assert self._server is not None
        deadline = time.monotonic() + _START_SECONDS
        ready = [str(self._binaries / "pg_isready"), "-q", "-h", str(self._home)]
        while subprocess.run(ready, check=False).returncode != 0:
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self._home / 'log').read_text()[-500:]}")
            time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._home, **self._as_user())

    def _as_user(self) -> dict[str, object]:
        return {"user": self._user, "group": self._user, "extra_groups": []} if os.geteuid() == 0 else {}
