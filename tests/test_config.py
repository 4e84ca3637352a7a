"""miner.config: every key, the environment, and what is said of a wrong one."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from miner.config import Settings, build, keys_of, load, section_names
from miner.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]


def test_example_shows_every_key_with_its_default() -> None:
    example = tomllib.loads((ROOT / "config.example.toml").read_text(encoding="utf-8"))
    assert list(example) == section_names()
    for section in section_names():
        assert list(example[section]) == keys_of(section)
    assert build(example, base=Path(), environment={}) == Settings()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"pacs": {"hots": "x"}}, ["pacs.hots", "did you mean host"]),
        ({"pasc": {}}, ["[pasc]", "did you mean pacs"]),
        ({"pacs": {"port": 0}}, ["pacs.port"]),
        ({"site": {"patient_index_range": [9, 3]}}, ["site.patient_index_range", "first <= last"]),
        ({"schedule": {"timezone": "Mars/Olympus"}}, ["schedule.timezone", "IANA"]),
        ({"schedule": {"cron": "now"}}, ["schedule.cron", "five fields"]),
        ({"release": {"unknown_location_z": "2"}}, ["release.unknown_location_z"]),
        ({"pacs": 3}, ["pacs must be a table"]),
    ],
)
def test_wrong_content_names_the_key(content: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(content, base=Path(), environment={}, source="config.toml")
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_status == 2


def test_environment_lies_over_the_file_and_empty_means_empty() -> None:
    environment = {
        "MINER_PACS__PORT": "11113",
        "MINER_SELECTION__MODALITIES": "CT, MR",
        "MINER_SELECTION__OPT_OUT": "",
        "MINER_CONFIG": "not a key",
        "OTHER__THING": "1",
    }
    settings = build({"selection": {"opt_out": "list.txt"}}, base=Path(), environment=environment)
    assert settings.pacs.port == 11113
    assert settings.selection.modalities == ("CT", "MR")
    assert settings.selection.opt_out == ""


def test_unknown_environment_key_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"MINER_PACS__HOTS.*did you mean host"):
        build({}, base=Path(), environment={"MINER_PACS__HOTS": "x"})


def test_paths_and_sqlite_urls_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[storage]\nroot = "there"\nvault = "sqlite:///secrets/v.sqlite"\n')
    settings = load(tmp_path / "config.toml", {})
    assert settings.images == tmp_path / "there" / "images"
    assert settings.vault_url == f"sqlite:///{tmp_path}/secrets/v.sqlite"
    assert settings.catalogue_url == f"sqlite:///{tmp_path}/there/catalogue.sqlite"
    elsewhere = build({"storage": {"catalogue": "postgresql+psycopg://u:p@h/db"}}, base=tmp_path, environment={})
    assert elsewhere.catalogue_url == "postgresql+psycopg://u:p@h/db"


def test_missing_and_broken_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="miner init"):
        load(tmp_path / "config.toml", {})
    (tmp_path / "config.toml").write_text("[pacs\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(tmp_path / "config.toml", {})


def test_digest_names_no_host_path_and_changes_with_rules(tmp_path: Path) -> None:
    one = build({}, base=tmp_path, environment={})
    same = build({"storage": {"root": "elsewhere"}}, base=Path("/"), environment={})
    other = build({"selection": {"context_mm": 20}}, base=tmp_path, environment={})
    assert one.digest() == same.digest() != other.digest()
