"""A catalogue on each database, and made-up mined studies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from miner.catalogue import Catalogue, RunInfo
from miner.catalogue.database import STORE
from tests.peers.postgresql import PostgreSQL

INFO = RunInfo("0.1.0", "c" * 64, "d" * 64, "113100")
BLOCK = (1, 999)
SQLITE_TRIGGERS = ("event_never_updated", "event_never_deleted", "chain_only_grows", "chain_never_deleted")


@pytest.fixture(scope="session")
def laid_database(postgresql: PostgreSQL) -> str:
    """The database on PostgreSQL that tests take turns with."""
    name = postgresql.new_database()
    lay(postgresql.url(name))
    return name


def lay(url: str) -> str:
    """Make the catalogue of the site ``here``."""
    Catalogue.create(url, site="here", patient_index_range=BLOCK).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a fresh catalogue, whose schema the test leaves as it is."""
    if request.param == "sqlite":
        return lay(f"sqlite:///{tmp_path}/catalogue.sqlite")
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name: str = request.getfixturevalue("laid_database")
    server.empty(name, keep=STORE.version_table)
    return lay(server.url(name))


@pytest.fixture
def reopen(url: str) -> Iterator[Callable[[], Catalogue]]:
    """Opens the catalogue, again and again; all are closed at the end."""
    opened: list[Catalogue] = []

    def _open() -> Catalogue:
        opened.append(Catalogue.open(url))
        return opened[-1]

    yield _open
    for catalogue in opened:
        catalogue.close()


@pytest.fixture
def catalogue(reopen: Callable[[], Catalogue]) -> Catalogue:
    return reopen()


@pytest.fixture
def run(catalogue: Catalogue) -> int:
    return catalogue.begin_run(INFO)


@pytest.fixture
def tamper(url: str) -> Iterator[Callable[..., None]]:
    """Runs SQL behind the software's back, with triggers and foreign keys out of force."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")

    def _run(*statements: str) -> None:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET session_replication_role = replica")
            else:
                for trigger in SQLITE_TRIGGERS:
                    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
            for statement in statements:
                assert connection.exec_driver_sql(statement).rowcount != 0, statement

    yield _run
    engine.dispose()
