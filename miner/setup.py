"""`miner init` and `miner db upgrade`: a project's files, made once and never overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from miner.catalogue import Catalogue
from miner.config import Settings, build
from miner.deid import KEY_VARIABLE, Surrogates, new_key, read_key, vault_key, write_key
from miner.errors import ConfigError, MinerError, SchemaError, UsageError, WrongKey, storage_error
from miner.mining.project import create_stores, is_bound, open_catalogue, refuse_destroyed
from miner.vault import Vault

CONFIG_NAME = "config.toml"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What `init` made. ``key_file`` is None where the key came from the environment."""

    config: Path
    key_file: Path | None
    catalogue: str
    vault: str


@dataclass(frozen=True, slots=True)
class Upgraded:
    """One database: its schema before and after."""

    database: str
    before: str
    after: str


def init_project(folder: Path, environment: Mapping[str, str]) -> Initialised:
    """Write config.toml and the key, create vault and catalogue; the environment counts, but is never written down.

    A failure takes back what was made until then: the same call can be given again when its cause is gone.

    Raises:
        UsageError: ``folder`` is a file, or a configuration or a key is there already.
        StorageError: the folder cannot be written.
        DatabaseError: a database cannot be used.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name a new or an empty one.")
    config = folder / CONFIG_NAME
    settings = build({}, base=folder.absolute(), environment=environment, source="the environment")
    from_environment = KEY_VARIABLE in environment
    for path in (config, *(() if from_environment else (settings.key_file,))):
        if path.exists():
            raise UsageError(
                f"{path} exists already; init overwrites nothing. Name another folder, or use what is there."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with nullcontext(read_key(settings.key_file, environment)) if from_environment else _new_key(settings) as key:
            create_stores(settings, key)
            _write_new(config, example_config())
    except OSError as error:
        raise storage_error(error, folder) from None
    return Initialised(
        config,
        None if from_environment else settings.key_file,
        _shown(settings.catalogue_url),
        _shown(settings.vault_url),
    )


@contextmanager
def _new_key(settings: Settings) -> Iterator[bytes]:
    """Write a new key. Where what follows fails, take it back, and what was made with it.

    Else a key without a configuration would stop every later `init`, and so would a store of a key that is gone.
    """
    stores = ((Vault, settings.vault_url, _is_our_vault), (Catalogue, settings.catalogue_url, _is_our_catalogue))
    absent = [entry for entry in stores if not entry[0].is_there(entry[1])]
    key = new_key()
    settings.key_file.parent.mkdir(parents=True, exist_ok=True)
    write_key(settings.key_file, key)
    try:
        yield key
    except BaseException:
        for store, url, is_ours in absent:
            with suppress(MinerError, OSError):
                if is_ours(url, key):
                    store.take_back(url)
        with suppress(OSError):
            settings.key_file.unlink()
        raise


def _is_our_vault(url: str, key: bytes) -> bool:
    """Whether a vault was made with a key, or was not finished: under another key it is somebody else's by now."""
    try:
        Vault.open(url, vault_key(key)).close()
    except WrongKey:
        return False
    except SchemaError:
        pass
    return True


def _is_our_catalogue(url: str, key: bytes) -> bool:
    """As :func:`_is_our_vault`."""
    try:
        with closing(Catalogue.open(url)) as catalogue:
            return is_bound(catalogue, Surrogates(key)) is not False
    except SchemaError:
        return True


def example_config() -> str:
    """The commented configuration with every key at its default."""
    packaged = resources.files("miner") / "config.example.toml"
    beside = Path(__file__).resolve().parent.parent / "config.example.toml"
    return (packaged if packaged.is_file() else beside).read_text(encoding="utf-8")


def _write_new(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _shown(url: str) -> str:
    """A database URL without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def upgrade_databases(settings: Settings) -> list[Upgraded]:
    """Bring vault and catalogue to this version's schema; of a project whose vault was destroyed, the catalogue alone.

    Raises SchemaError for a newer schema, and where a database is missing.
    """
    if not Vault.is_there(settings.vault_url):
        done = Upgraded("catalogue", *Catalogue.upgrade(settings.catalogue_url))
        if _is_destroyed(settings):
            return [done]
    return [
        Upgraded("vault", *Vault.upgrade(settings.vault_url)),
        Upgraded("catalogue", *Catalogue.upgrade(settings.catalogue_url)),
    ]


def _is_destroyed(settings: Settings) -> bool:
    with open_catalogue(settings) as catalogue:
        try:
            refuse_destroyed(catalogue)
        except ConfigError:
            return True
    return False
