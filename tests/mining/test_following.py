"""miner.mining.following: config.toml is read again while a run goes on, and waits are said."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from miner.config import Settings, load
from miner.mining import following as module
from miner.mining.following import ConfigFile, Waits, following, rate_words
from miner.pacs.care import Bounds, Hours, Pace


def write(path: Path, text: str) -> None:
    """As editors do that put a new file in the place of the old one."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.rename(path)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("[limits]\nassociations = 2\n")
    return path


def changed(file: ConfigFile) -> Settings | None:
    """What it has once the file stands still."""
    assert file.changed() is None, "somebody may be writing it"
    return file.changed()


def test_only_limits_hours_and_zone_follow(config: Path) -> None:
    file = ConfigFile(load(config, {}))
    assert file.changed() is None
    limits = "[limits]\nobjects_per_minute = 7\n[hours]\nmonday = ''\n"
    write(config, limits + "[schedule]\ntimezone = 'Europe/Berlin'\ncron = '1 1 * * *'\n[pacs]\nport = 1\n")
    new = changed(file)
    assert new is not None
    assert (new.limits.objects_per_minute, new.hours.monday, new.schedule.timezone) == (7, "", "Europe/Berlin")
    assert new.schedule.cron == Settings().schedule.cron
    assert new.pacs == Settings().pacs, "who the PACS is does not change in the middle of a run"
    assert file.changed() is None
    config.touch()
    assert changed(file) is None, "the same content is no change"


def test_a_file_that_is_being_written_is_not_read(config: Path) -> None:
    """An editor empties it first: for a moment it would set no bound and no pause."""
    file = ConfigFile(load(config, {}))
    write(config, "")
    assert [file.changed() for _ in range(4)] == [None] * 4
    write(config, "[limits]\nassociations = 1\n")
    assert file.changed() is None
    write(config, "[limits]\nassociations = 3\nobjects_per_minute = 9\n")
    assert file.changed() is None
    new = file.changed()
    assert new is not None and new.limits.associations == 3


def test_the_environment_lies_over_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINER_LIMITS__ASSOCIATIONS", "5")
    file = ConfigFile(load(config))
    write(config, "[limits]\nassociations = 1\nattempts = 2\n")
    new = changed(file)
    assert new is not None
    assert (new.limits.associations, new.limits.attempts) == (5, 2)


def test_a_run_follows_and_a_broken_file_is_warned_of_once(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    said: list[str] = []
    warned: list[str] = []
    rested: list[int] = []
    changed: list[Settings] = []
    settings = load(config, {})
    pace = Pace(Bounds.of(settings))
    with following(
        settings, pace, say=said.append, warn=warned.append, rest=lambda: rested.append(1), change=changed.append
    ):
        write(config, "[limits]\npaused = true\nassociations = 3\n")
        until(lambda: bool(rested))
        assert (pace.bounds.paused, pace.bounds.associations) == (True, 3)
        write(config, "[limits\n")
        until(lambda: bool(warned))
        time.sleep(0.2)
        assert (pace.bounds.paused, pace.bounds.associations) == (True, 3)
        config.unlink()
        until(lambda: len(warned) == 2)
        write(config, "[limits]\n")
        until(lambda: not pace.bounds.paused)
    assert len(warned) == 2
    assert "not valid TOML" in warned[0]
    assert [word.limits.paused for word in changed] == [True, False]
    assert [words.split(":")[0] for words in said] == [
        "[limits] and [hours] were read again.",
        "Paused",
        "[limits] and [hours] were read again.",
        "Going on.",
    ]


def test_what_goes_wrong_at_one_look_does_not_end_the_looking(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is paused would wait for ever."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    write(config, "[limits]\npaused = true\n")
    settings = load(config, {})
    pace = Pace(Bounds.of(settings))
    failing = [OSError("planted"), OSError("planted")]

    def once(path: Path) -> Settings:
        if failing:
            raise failing.pop()
        return load(path)

    monkeypatch.setattr(module, "load", once)
    rests = [ValueError("planted")]

    def rest() -> None:
        if rests:
            raise rests.pop()

    with following(settings, pace, rest=rest):
        until(lambda: not rests)
        write(config, "[limits]\n")
        until(lambda: not pace.bounds.paused)
    assert not failing


def test_settings_without_a_file_do_not_follow() -> None:
    assert ConfigFile(Settings()).changed() is None


def test_hours_are_said_with_their_end() -> None:
    said: list[str] = []
    instant = [datetime(2026, 3, 2, 8, 0, tzinfo=UTC)]
    pace = Pace(Bounds(hours=Hours(((19 * 60, 31 * 60),))), wall_clock=lambda: instant[0])
    waits = Waits(pace, said.append)
    waits.look()
    waits.look()
    instant[0] = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
    waits.look()
    assert said == [
        "Outside the [hours] of the PACS: nothing is asked of it until Monday 2026-03-02 19:00 (UTC).",
        "Going on.",
    ]


def test_a_rate_is_said_with_its_bounds() -> None:
    assert (
        rate_words(Bounds(objects_per_minute=60, octets_per_minute=1.5 * 2**20))
        == "Held back by [limits] to 60 objects and 1.5 MiB a minute."
    )
