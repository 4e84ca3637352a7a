from __future__ import annotations

from pathlib import Path

import pytest

from miner.databases.urls import parse_url, place, sqlite_file
from miner.errors import ConfigError


@pytest.mark.parametrize("name", ["catalogue", "vault"])
@pytest.mark.parametrize("text", ["", "nonsense", "no url at all", "postgresql://u:CANARY@h:CANARY/d"])
def test_what_is_no_url_is_refused(text: str, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[storage\] {name} is not an SQLAlchemy URL") as caught:
        parse_url(text, name)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "mysql://u:CANARY@h/d",
        "oracle://u:CANARY@h/d",
        "nosuch://u:CANARY@h/d",
    ],
)
def test_other_databases_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"\[storage\] vault must be an SQLite file .* or PostgreSQL") as caught:
        parse_url(text, "vault")
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("text", ["postgresql://u@h/d", "postgresql+psycopg2://u@h/d", "postgresql+psycopg://u@h/d"])
def test_the_driver_of_postgresql_is_ours(text: str) -> None:
    url = parse_url(text, "catalogue")
    assert url.drivername == "postgresql+psycopg"
    assert sqlite_file(url) is None


def test_the_driver_of_sqlite_is_ours() -> None:
    url = parse_url("sqlite:////data/a b.sqlite", "catalogue")
    assert url.drivername == "sqlite+pysqlite"
    assert sqlite_file(url) == Path("/data/a b.sqlite")
    assert place(url) == "/data/a b.sqlite"


def test_a_place_shows_no_password() -> None:
    url = parse_url("postgresql://miner:CANARY@h:1/d?host=/run/pg&password=CANARY&sslpassword=CANARY", "catalogue")
    assert place(url) == "postgresql+psycopg://miner:***@h:1/d?host=%2Frun%2Fpg"
