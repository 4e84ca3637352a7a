"""A mining project in a temporary folder, beside the demo's loopback PACS or any other peer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pydicom.dataset import Dataset

from miner.catalogue import Status
from miner.config import Settings, load
from miner.dataset import CheckReport, ReleaseReport, ReleaseRules, check, write_release
from miner.demo.pacs import LoopbackPacs
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import RunReport, open_run, run_in_process
from miner.setup import init_project

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "5a" * 32

RunResult = RunReport


def new_project(folder: Path, **sections: dict[str, Any]) -> Settings:
    """`miner init` in ``folder`` with a fixed key (so that two projects' releases can be equal), then the sections."""
    storage = {f"MINER_STORAGE__{name.upper()}": str(value) for name, value in sections.get("storage", {}).items()}
    init_project(folder, {"MINER_KEY": KEY, **storage})
    key = folder / "project.key"
    key.write_text(KEY + "\n", encoding="ascii")
    key.chmod(0o600)
    config = folder / "config.toml"
    lines = []
    for section, content in sections.items():
        lines += [f"[{section}]", *(f"{name} = {_toml(value)}" for name, value in content.items())]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load(config, {})


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@dataclass
class Hospital:
    """A loopback PACS with objects, and a project that mines it. A context manager."""

    folder: Path
    sections: dict[str, dict[str, Any]]

    def __init__(self, folder: Path, **sections: dict[str, Any]) -> None:
        self.folder = folder
        self.sections = sections
        self.pacs = LoopbackPacs(folder / "pacs")

    def __enter__(self) -> Hospital:
        self.pacs.start()
        address = {"host": self.pacs.host, "port": self.pacs.port, "ae_title": self.pacs.ae_title}
        sections = {**self.sections, "pacs": {**address, **self.sections.get("pacs", {})}}
        storage = {"warn_free_gib": 0.0, "stop_free_gib": 0.0, **sections.pop("storage", {})}
        self.settings = new_project(self.folder / "project", storage=storage, **sections)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pacs.stop()

    def add(self, *objects: Dataset | Iterable[Dataset]) -> None:
        """Put objects into the PACS."""
        for entry in objects:
            for dataset in [entry] if isinstance(entry, Dataset) else entry:
                self.pacs.add(dataset)

    def remove(self, *objects: Dataset) -> None:
        """Take objects out of the PACS, as if they had never been stored."""
        for entry in objects:
            self.pacs._index._objects.pop(str(entry.SOPInstanceUID)).path.unlink()

    def mine(self, **request: Any) -> RunReport:
        """One run; the whole archive unless a window is named."""
        with open_run(self.settings, Request(**{"since": "all", **request})) as run:
            return run_in_process(run)

    def status(self) -> Status:
        """The catalogue's books."""
        with open_catalogue(self.settings) as catalogue:
            return catalogue.status()

    def release(self, name: str = "release") -> ReleaseReport:
        """Write a release into the hospital's folder."""
        with open_catalogue(self.settings) as catalogue:
            return write_release(
                catalogue,
                images=self.settings.images,
                out=self.folder / name,
                settings=ReleaseRules.of(self.settings),
                now=NOW,
            )

    def check(self, name: str = "release") -> CheckReport:
        """Hold a release against the format."""
        return check(self.folder / name)


def release_files(folder: Path) -> dict[str, bytes]:
    """Everything that equal releases share: all files but release.json and its line in the manifest (contract)."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    del files["release.json"]
    lines = files["MANIFEST.sha256"].splitlines(keepends=True)
    files["MANIFEST.sha256"] = b"".join(line for line in lines if not line.rstrip().endswith(b"release.json"))
    return files
