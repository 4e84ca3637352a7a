"""A project made of a backup: whole, or nothing that looks like one.

While it is made, a file ``restore-unfinished`` beside config.toml
to be names the places that were empty before.
config.toml comes last, by one rename: only with it there is a project. The next call after a kill finds the file, no
config.toml, and takes back what the places hold.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from miner.broker import archive
from miner.broker.age import Encrypted
from miner.broker.archive import Contents
from miner.broker.files import sync_folder
from miner.catalogue import Catalogue
from miner.config import Settings, build
from miner.deid import KEY_VARIABLE, parse_key, read_key, shred, vault_key, write_key
from miner.errors import ConfigError, UsageError, storage_error
from miner.mining.alone import alone
from miner.mining.project import bound_surrogates
from miner.vault import Vault

CONFIG_NAME = "config.toml"
UNFINISHED = "restore-unfinished"


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored project. ``key_file`` is None where the key came from the environment; ``rows`` by ``store/table``."""

    config: Path
    key_file: Path | None
    software: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a project's parts are. ``key_file``: None where the key is in the environment."""

    config: Path
    key_file: Path | None
    vault: str
    catalogue: str

    def noted(self) -> str:
        """The places as text, without any password."""
        key_file = None if self.key_file is None else str(self.key_file)
        return json.dumps({"key": key_file, "vault": _shown(self.vault), "catalogue": _shown(self.catalogue)})


def restore(backup: Encrypted, folder: Path, environment: Mapping[str, str]) -> Restored:
    """Make the project of a backup in ``folder``; the environment counts as with `init`, and is never written down.

    Raises:
        UsageError: a key, a configuration, a vault or a catalogue is there already; or the backup does not open, is
            damaged or none.
        ConfigError: ``MINER_KEY`` is set, and is not the backup's key.
        SchemaError: the backup is a newer version's.
        ChainError: its rows do not agree with themselves.
    """
    with backup.reading() as stream:
        contents = archive.examine(stream)
    settings = _settings(contents, folder, environment)
    key = parse_key(contents.key.decode("ascii", errors="replace"), "the backup")
    places = _places(settings, folder, environment)
    _require_key(settings, key, environment)
    with _alone_in(folder):
        _take_back_unfinished(places)
        _refuse_occupied(places)
        folders = _absent(settings, places)
        try:
            _note(places)
            _make(backup, contents, settings, places, key)
            _give_config(places.config, contents.config)
        except BaseException:
            places.config.unlink(missing_ok=True)  # ours: there was none before
            _take_back(places)
            for made in folders:
                with suppress(OSError):
                    made.rmdir()  # fails, as it should, where anything is in it
            raise
    return Restored(places.config, places.key_file, contents.head.software, contents.manifest.rows)


def _settings(contents: Contents, folder: Path, environment: Mapping[str, str]) -> Settings:
    try:
        content = tomllib.loads(contents.config.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise UsageError("The backup's configuration is not valid TOML: it cannot be restored.") from None
    file = folder.absolute() / CONFIG_NAME
    return build(content, base=folder.absolute(), environment=environment, source="the backup's config.toml", file=file)


def _places(settings: Settings, folder: Path, environment: Mapping[str, str]) -> Places:
    key_file = None if KEY_VARIABLE in environment else settings.key_file
    return Places(folder.absolute() / CONFIG_NAME, key_file, settings.vault_url, settings.catalogue_url)


def _require_key(settings: Settings, key: bytes, environment: Mapping[str, str]) -> None:
    if KEY_VARIABLE in environment and read_key(settings.key_file, environment) != key:
        raise ConfigError(f"{KEY_VARIABLE} is not the backup's key: leave it out, or give the one that belongs to it.")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the note that a restore is under way. It goes at the end, unless it names something still to take back."""
    note = folder / UNFINISHED
    made = [parent for parent in (folder.absolute(), *folder.absolute().parents) if not parent.exists()]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from None
    try:
        with alone(note, f"Another restore into {folder} is under way."):
            try:
                yield
            finally:
                if (folder / CONFIG_NAME).exists() or not note.read_bytes():
                    note.unlink()
    except BaseException:
        for parent in made:
            with suppress(OSError):
                parent.rmdir()  # fails, as it should, where anything is in it
        raise


def _take_back_unfinished(places: Places) -> None:
    """Remove what a restore that was killed had made. Raises UsageError where it was making it somewhere else."""
    note = places.config.with_name(UNFINISHED)
    text = note.read_text(encoding="utf-8")
    if not text or places.config.exists():
        return
    if text != places.noted():
        raise UsageError(
            f"A restore into {places.config.parent} was cut off, and what it had made is elsewhere: call it again with "
            f"the same backup and environment, or remove the places that {note} names, and then that file."
        )
    _take_back(places)


def _note(places: Places) -> None:
    """Say in one rename what is going to be made; from now on these places are this restore's."""
    note = places.config.with_name(UNFINISHED)
    with note.open("r+", encoding="utf-8") as file:  # in place: the lock is on this very file
        file.write(places.noted())
        file.flush()
        os.fsync(file.fileno())
    sync_folder(note.parent)


def _take_back(places: Places) -> None:
    """Remove everything that a restore makes, then the word of it. Raises where something cannot go."""
    Catalogue.take_back(places.catalogue)
    Vault.take_back(places.vault)
    if places.key_file is not None:
        shred(places.key_file)
    staged(places.config).unlink(missing_ok=True)
    with places.config.with_name(UNFINISHED).open("r+b") as file:
        file.truncate()


def _absent(settings: Settings, places: Places) -> list[Path]:
    """Folders that a restore is about to make, the innermost first."""
    stores = (Path(url.partition(":///")[2]) for url in (places.vault, places.catalogue) if url.startswith("sqlite"))
    files = [file for file in (places.key_file, *stores) if file is not None]
    wanted = {settings.images, settings.root, *(file.parent for file in files)}
    absent = {folder for inner in wanted for folder in (inner, *inner.parents) if not folder.exists()}
    return sorted(absent, key=lambda folder: len(folder.parts), reverse=True)


def _refuse_occupied(places: Places) -> None:
    for path in (places.config, places.key_file):
        if path is not None and (path.exists() or path.is_symlink()):
            raise UsageError(f"{path} exists already; restore overwrites nothing. Name another folder by --into.")
    stores = (("vault", places.vault, Vault.is_there), ("catalogue", places.catalogue, Catalogue.is_there))
    for store, url, is_there in stores:
        if is_there(url):
            raise UsageError(
                f"There is a {store} at {_shown(url)} already; restore overwrites nothing. Name another folder by "
                f"--into, or another place by MINER_STORAGE__{store.upper()}."
            )


def _make(backup: Encrypted, contents: Contents, settings: Settings, places: Places, key: bytes) -> None:
    head, manifest = contents.head, contents.manifest
    try:
        settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.images.mkdir(parents=True, exist_ok=True)
        if places.key_file is not None:
            places.key_file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, settings.root) from None
    with backup.reading() as stream:
        Vault.restore(places.vault, head.vault_schema, archive.pieces(stream, "vault", manifest))
    with backup.reading() as stream:
        rows = archive.pieces(stream, "catalogue", manifest)
        Catalogue.restore(places.catalogue, head.catalogue_schema, rows, (manifest.events, manifest.chain_head))
    with (
        Vault.open(places.vault, vault_key(key)) as vault,
        closing(Catalogue.open(places.catalogue)) as catalogue,
    ):
        bound_surrogates(catalogue, vault, key)
        catalogue.record_event("generation", "catalogue", {"what": "restored from a backup"})
    if places.key_file is not None:
        write_key(places.key_file, key)


def _give_config(path: Path, content: bytes) -> None:
    try:
        with staged(path).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged(path).rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from None


def staged(config: Path) -> Path:
    """Where the configuration is until everything else is there."""
    return config.with_name(f"{config.name}.restoring")


def _shown(url: str) -> str:
    """A database URL without its password, nor its query, which may hold one."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
