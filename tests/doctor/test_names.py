"""What the configuration names does not stand in a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner.config import Settings, build
from miner.doctor.names import Names

CONFIG = Path("/srv/canary-folder/config.toml")


def settings(**sections: dict[str, object]) -> Settings:
    return build({name: dict(content) for name, content in sections.items()}, base=CONFIG.parent, environment={})


def hidden(words: str, **sections: dict[str, object]) -> str:
    return Names.of(settings(**sections), CONFIG).hide(words)


def test_names_stand_as_their_keys() -> None:
    pacs = {"host": "pacs.canary.example", "ae_title": "CANARYPACS", "calling_ae_title": "US", "user": "jane"}
    words = "The PACS CANARYPACS at PACS.canary.example:104 refuses US; jane is unknown. Because of this."
    assert hidden(words, pacs=pacs) == (
        "The PACS <pacs.ae_title> at <pacs.host>:104 refuses <pacs.calling_ae_title>; <pacs.user> is unknown. "
        "Because of this."
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("/srv/canary-folder/config.toml is complete.", "<config.toml> is complete."),
        ("free below /srv/canary-folder/data.", "free below <storage.root>."),
        ("/srv/canary-folder/other cannot be read", "<configuration><path> cannot be read"),
        ("cannot open /home/jane/file.pem (ENOENT)", "cannot open <path> (ENOENT)"),
        ("D:\\Canary\\file is gone", "<path> is gone"),
        ("10.1.2.3 is silent; UID 1.2.840.10008.1.2.4.70 too", "<address> is silent; UID 1.2.840.10008.1.2.4.70 too"),
        ("C-GET/C-MOVE, and/or PS3.4 C.4.1", "C-GET/C-MOVE, and/or PS3.4 C.4.1"),
    ],
)
def test_paths_and_addresses(words: str, expected: str) -> None:
    assert hidden(words) == expected


def test_a_database_is_hidden_with_who_and_where() -> None:
    url = "postgresql+psycopg://canary:secret@db.canary.example:5432/ward"
    words = f"{url}: canary may not log in at db.canary.example to ward with secret."
    told = hidden(words, storage={"catalogue": url})
    assert not any(name in told for name in ("canary", "secret", "ward"))


def test_a_name_within_another_is_hidden_whole() -> None:
    told = hidden("st-mary-pacs and st-mary", pacs={"host": "st-mary-pacs"}, site={"name": "st-mary"})
    assert told == "<pacs.host> and <site.name>"


def test_nothing_named_hides_nothing() -> None:
    assert Names().hide("as it is") == "as it is"
