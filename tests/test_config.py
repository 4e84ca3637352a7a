"""miner.config: every key, the environment, and what is said of a wrong one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
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
        ({"schedule": {"cron": "99 1 * * *"}}, ["schedule.cron", "five fields"]),
        ({"schedule": {"cron": "0 1 * * MOON"}}, ["schedule.cron", "five fields"]),
        ({"schedule": {"cron": "0 5-1 * * *"}}, ["schedule.cron", "five fields"]),
        ({"schedule": {"cron": "*/0 1 * * *"}}, ["schedule.cron", "five fields"]),
        ({"release": {"unknown_location_z": "2"}}, ["release.unknown_location_z", "from 0 to 1"]),
        ({"release": {"unknown_location_z": "high"}}, ["release.unknown_location_z", "from 0 to 1"]),
        ({"selection": {"modalities": ["ct"]}}, ["selection.modalities", "capitals"]),
        ({"selection": {"modalities": []}}, ["selection.modalities", "such as CT"]),
        ({"selection": {"annotations": []}}, ["selection.annotations", "PR (presentation states)"]),
        ({"selection": {"annotations": ["PR", "KO"]}}, ["selection.annotations", "SR (structured reports)"]),
        ({"selection": {"annotations": "SR"}}, ["selection.annotations", "or both"]),
        ({"selection": {"context_mm": float("inf")}}, ["selection.context_mm", "finite"]),
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
        "MINER_SELECTION__ANNOTATIONS": "SR,PR,SR",
        "MINER_SELECTION__OPT_OUT": "",
        "MINER_CONFIG": "not a key",
        "OTHER__THING": "1",
    }
    settings = build({"selection": {"opt_out": "list.txt"}}, base=Path(), environment=environment)
    assert settings.pacs.port == 11113
    assert settings.selection.modalities == ("CT", "MR")
    assert settings.selection.annotations == ("PR", "SR")
    assert settings.selection.opt_out == ""


def test_unknown_environment_key_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"MINER_PACS__HOTS.*did you mean host"):
        build({}, base=Path(), environment={"MINER_PACS__HOTS": "x"})


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MINER_PACS__PORT", "abc", "pacs.port"),
        ("MINER_PACS__PORT", "", "pacs.port"),
        ("MINER_SELECTION__MODALITIES", "", "selection.modalities"),
        ("MINER_SITE__PATIENT_INDEX_RANGE", "1", "site.patient_index_range"),
        ("MINER_PACS_HOST", "pacs", "MINER_PACS__HOST"),
    ],
)
def test_a_wrong_variable_is_named_and_the_file_is_not(variable: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build({}, base=Path(), environment={variable: value}, source="config.toml")
    message = str(caught.value)
    assert variable in message
    assert words in message
    assert "config.toml" not in message


@pytest.mark.parametrize("text", ["CT,MR", "CT, MR", '["CT", "MR"]', "[ 'CT','MR' ]"])
def test_a_list_by_environment_is_written_with_commas_or_as_in_the_file(text: str) -> None:
    assert build({}, base=Path(), environment={"MINER_SELECTION__MODALITIES": text}).selection.modalities == (
        "CT",
        "MR",
    )
    block = {"MINER_SITE__PATIENT_INDEX_RANGE": "[1000, 1999]"}
    assert build({}, base=Path(), environment=block).site.patient_index_range == (1000, 1999)


def test_a_question_ends_with_one_mark() -> None:
    with pytest.raises(ConfigError, match=r"did you mean host\?$"):
        build({"pacs": {"hots": 1}}, base=Path(), environment={})


@pytest.mark.parametrize("change", [lambda data: b"\xef\xbb\xbf" + data, lambda data: data.replace(b"\n", b"\r\n")])
def test_a_file_from_another_editor(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    (tmp_path / "config.toml").write_bytes(change((ROOT / "config.example.toml").read_bytes()))
    assert load(tmp_path / "config.toml", {}).pacs == Settings().pacs


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


@pytest.mark.parametrize(
    "cron", ["0 1 * * *", "*/15 19-23,0-6 * * 1-5", "30 2 1,15 1-12/2 7", "0 1 * jan-mar MON,fri", "0 3 L * *"]
)
def test_lines_of_cron_that_can_be_served(cron: str) -> None:
    assert build({"schedule": {"cron": cron}}, base=Path(), environment={}).schedule.cron == cron
