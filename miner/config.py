"""The settings model of config.toml.

Every key has a default and stands in config.example.toml. Every key can be set by an environment variable
``MINER_<SECTION>__<KEY>`` (an empty variable means empty). An unknown key is an error that names the nearest known one.
Paths and SQLite URLs, from file or environment, are relative to the folder of config.toml.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from miner.cron import is_cron_line
from miner.errors import ConfigError

ENVIRONMENT_PREFIX = "MINER_"

_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")
_FRACTION = re.compile(r"[0-9]+(\.[0-9]+)?")
_RANGE = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
_DAY = 24 * 60


class Section(BaseModel):
    """A table of config.toml: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Site(Section):
    """Who we are; stays in the vault and the catalogue, never in a release."""

    name: str = "general-hospital"
    patient_index_range: tuple[int, int] = (1, 999_999)

    @field_validator("patient_index_range")
    @classmethod
    def _ascending(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= value[0] <= value[1] <= 999_999:
            raise ValueError("must be two numbers, first <= last, within 1..999999")
        return value


class Pacs(Section):
    """The archive, and who we are to it."""

    protocol: Literal["dimse", "dicomweb", "folder"] = "dimse"
    host: str = "127.0.0.1"
    port: int = Field(4242, ge=1, le=65535)
    ae_title: str = Field("ORTHANC", min_length=1, max_length=16)
    calling_ae_title: str = Field("MINER", min_length=1, max_length=16)
    retrieve: Literal["auto", "get", "move"] = "auto"
    move_port: int = Field(11112, ge=0, le=65535)
    url: str = ""
    path: str = ""
    connect_seconds: float = Field(10.0, gt=0)
    silence_seconds: float = Field(60.0, gt=0)
    request_seconds: float = Field(900.0, gt=0)
    query_root: Literal["auto", "study", "patient"] = "auto"
    move_from: tuple[str, ...] = ()
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_name: str = ""
    user: str = ""
    password_file: str = ""
    token_file: str = ""


class Selection(Section):
    """Which studies are looked at, and how much around a bookmark is kept."""

    modalities: tuple[str, ...] = ("CT",)
    annotations: tuple[Literal["PR", "SR"], ...] = ("PR", "SR")
    context_mm: float = Field(30.0, ge=0)
    head_context: bool = False
    opt_out: str = ""
    crosswalk: str = ""
    look_back_days: int = Field(14, ge=0)

    @field_validator("annotations", mode="before")
    @classmethod
    def _kinds(cls, value: Any) -> Any:
        listed = isinstance(value, list | tuple) and all(isinstance(code, str) for code in value)
        if not listed or not value or not set(value) <= {"PR", "SR"}:
            raise ValueError("must name PR (presentation states), SR (structured reports) or both")
        return tuple(sorted(set(value)))

    @field_validator("modalities")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(_MODALITY.fullmatch(code) for code in value):
            raise ValueError("must name DICOM modalities in capitals, such as CT")
        return value


class Pixels(Section):
    """The second net beneath the pixel gate: a search for text in the pixels of key slices and their neighbours."""

    text_search: Literal["off", "ocr"] = "off"
    neighbours: int = Field(1, ge=0, le=50)


class Storage(Section):
    """Where everything is kept."""

    root: str = "data"
    key: str = "project.key"
    catalogue: str = ""
    vault: str = ""
    images: str = ""
    spool: str = ""
    warn_free_gib: float = Field(5.0, ge=0)
    stop_free_gib: float = Field(0.5, ge=0)


class Limits(Section):
    """Care for the PACS."""

    associations: int = Field(1, ge=1, le=16)
    attempts: int = Field(3, ge=1, le=10)
    objects_per_minute: int = Field(0, ge=0)
    mebibytes_per_minute: float = Field(0.0, ge=0)
    paused: bool = False


class Release(Section):
    """Rules of a release."""

    noise_threshold: float = Field(0.5, ge=0, le=1)
    unknown_location_z: str = "NaN"

    @field_validator("unknown_location_z")
    @classmethod
    def _nan_or_fraction(cls, value: str) -> str:
        if value != "NaN" and not (_FRACTION.fullmatch(value) and float(value) <= 1):
            raise ValueError("must be NaN or a number from 0 to 1")
        return value


class Schedule(Section):
    """When the nightly run starts."""

    cron: str = "0 1 * * *"
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("is not a time zone of the IANA database, such as Europe/Berlin") from None
        return value

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        if not is_cron_line(value):
            raise ValueError("must be a cron line of five fields, such as 0 1 * * *")
        return value


class Hours(Section):
    """When the PACS may be asked, by weekday: ranges of local time, ``19:00-07:00``; empty: not on that day."""

    monday: str = "00:00-24:00"
    tuesday: str = "00:00-24:00"
    wednesday: str = "00:00-24:00"
    thursday: str = "00:00-24:00"
    friday: str = "00:00-24:00"
    saturday: str = "00:00-24:00"
    sunday: str = "00:00-24:00"

    @field_validator("*")
    @classmethod
    def _ranges(cls, value: str) -> str:
        minutes_of_day(value)
        return value

    @model_validator(mode="after")
    def _ever(self) -> Self:
        if not self.week():
            raise ValueError(
                "no day has any, so that the PACS could never be asked; to hold mining back, set limits.paused"
            )
        return self

    def week(self) -> tuple[tuple[int, int], ...]:
        """All ranges, [start, end) in minutes of local time since Monday 00:00; Sunday's may reach into the next."""
        days = [minutes_of_day(getattr(self, name)) for name in type(self).model_fields]
        return tuple(
            (number * _DAY + start, number * _DAY + end) for number, day in enumerate(days) for start, end in day
        )


def minutes_of_day(text: str) -> tuple[tuple[int, int], ...]:
    """Ranges ``19:00-24:00, 00:00-07:00`` as [start, end) in minutes; one past midnight ends after 24 hours.

    It belongs to the day that it begins on. Raises ValueError.
    """
    ranges = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _RANGE.fullmatch(part)
        hours, minutes, end_hours, end_minutes = map(int, match.groups()) if match else (99, 0, 0, 0)
        start, end = hours * 60 + minutes, end_hours * 60 + end_minutes
        if minutes > 59 or end_minutes > 59 or start >= _DAY or end > _DAY or start == end:
            raise ValueError("must be ranges of time, such as 19:00-24:00, 00:00-07:00, or empty for none on that day")
        ranges.append((start, end if end > start else end + _DAY))
    return tuple(ranges)


SECTIONS: dict[str, type[Section]] = {
    "site": Site,
    "pacs": Pacs,
    "selection": Selection,
    "pixels": Pixels,
    "storage": Storage,
    "limits": Limits,
    "hours": Hours,
    "release": Release,
    "schedule": Schedule,
}


class Settings(Section):
    """config.toml as a whole. ``base`` is its folder, ``file`` its path (None where no file was read)."""

    site: Site = Site()
    pacs: Pacs = Pacs()
    selection: Selection = Selection()
    pixels: Pixels = Pixels()
    storage: Storage = Storage()
    limits: Limits = Limits()
    hours: Hours = Hours()
    release: Release = Release()
    schedule: Schedule = Schedule()
    base: Path = Field(default=Path(), exclude=True)
    file: Path | None = Field(default=None, exclude=True)

    def path(self, value: str) -> Path:
        """A path of the configuration, absolute; relative ones start at the folder of config.toml."""
        return (self.base / value).absolute()

    @property
    def root(self) -> Path:
        """The storage root."""
        return self.path(self.storage.root)

    @property
    def key_file(self) -> Path:
        """The file that holds the project's key."""
        return self.path(self.storage.key)

    @property
    def images(self) -> Path:
        """The image store."""
        return self.path(self.storage.images) if self.storage.images else self.root / "images"

    @property
    def spool(self) -> Path:
        """Where received objects lie until their study commits."""
        return self.path(self.storage.spool) if self.storage.spool else self.root / "spool"

    @property
    def catalogue_url(self) -> str:
        """SQLAlchemy URL of the catalogue."""
        return self._database_url(self.storage.catalogue, "catalogue.sqlite")

    @property
    def vault_url(self) -> str:
        """SQLAlchemy URL of the vault."""
        return self._database_url(self.storage.vault, "vault.sqlite")

    def _database_url(self, url: str, default_name: str) -> str:
        if not url:
            return f"sqlite:///{self.root / default_name}"
        scheme, separator, rest = url.partition(":///")
        if scheme.startswith("sqlite") and separator and rest not in ("", ":memory:"):
            return f"{scheme}:///{self.path(rest)}"
        return url

    def digest(self) -> str:
        """SHA-256 over the settings as canonical JSON (64 hex digits), without anything that names this host."""
        plain = self.model_dump(mode="json")
        del plain["storage"]
        return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def section_names() -> list[str]:
    """The tables of config.toml, in the order of config.example.toml."""
    return list(SECTIONS)


def load(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read config.toml at ``path``, laid over by the environment. Raises ConfigError, naming file and key."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors put a byte order mark first
    except FileNotFoundError:
        raise ConfigError(f"No configuration at {path}: run `miner init`, or name one with --config FILE.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}).") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    return build(content, base=path.absolute().parent, environment=environment, source=str(path), file=path.absolute())


def build(
    content: dict[str, Any],
    *,
    base: Path,
    environment: Mapping[str, str] | None = None,
    source: str = "the settings",
    file: Path | None = None,
) -> Settings:
    """Settings from parsed TOML and the environment (default: the process's). Raises ConfigError."""
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in content.items()}
    _reject_unknown(merged, source)
    variables = _lay_over(merged, os.environ if environment is None else environment)
    try:
        return Settings(**merged, base=base, file=file)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        where = variables.get(".".join(str(part) for part in first["loc"][:2]), source)
        raise ConfigError(f"{where}: {key}: {first['msg'].removeprefix('Value error, ')}.") from None


def _reject_unknown(content: Mapping[str, Any], source: str) -> None:
    for section, table in content.items():
        if section not in section_names():
            raise ConfigError(f"{source}: unknown section [{section}]{_nearest(section, section_names())}")
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: {section} must be a table, [{section}].")
        known = keys_of(section)
        for key in table:
            if key not in known:
                raise ConfigError(f"{source}: unknown key {section}.{key}{_nearest(key, known)}")


def keys_of(section: str) -> list[str]:
    """The keys of one table of config.toml."""
    return list(SECTIONS[section].model_fields)


def _nearest(word: str, known: list[str]) -> str:
    match = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return f"; did you mean {match[0]}?" if match else "."


def _lay_over(content: dict[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Set keys from the environment; returns which variable each came from, for the words of an error."""
    variables = {}
    for variable, text in environment.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name == variable:
            continue
        if "__" not in name:
            _reject_single_underscore(variable, name.lower())
            continue
        section, key = name.lower().split("__", 1)
        source = f"environment variable {variable}"
        _reject_unknown({section: {key: text}}, source)
        content.setdefault(section, {})[key] = _parse(section, key, text)
        variables[f"{section}.{key}"] = source
    return variables


def _reject_single_underscore(variable: str, name: str) -> None:
    """A key with one underscore too few would be passed over in silence: MINER_PACS_HOST."""
    for section in section_names():
        key = name.removeprefix(f"{section}_")
        if key != name and key in keys_of(section):
            meant = f"{ENVIRONMENT_PREFIX}{section}__{key}".upper()
            raise ConfigError(f"environment variable {variable}: two underscores follow the section: {meant}.")


def _parse(section: str, key: str, text: str) -> Any:
    """A list key takes words between commas, or a list as in TOML; everything else pydantic reads from the text."""
    default = SECTIONS[section].model_fields[key].default
    if not isinstance(default, tuple):
        return text
    listed = text.strip()
    if listed.startswith("[") and listed.endswith("]"):
        listed = listed[1:-1]
    return [part.strip().strip("\"'") for part in listed.split(",") if part.strip()]
