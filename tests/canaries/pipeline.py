"""The whole pipeline as its users run it: real processes, with everything that they write inside one tree."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.canaries.corpus import Corpus

SECONDS = 300
CHECKOUT = Path(__file__).resolve().parents[2]

_PLACES = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": "home/cache",
    "XDG_CONFIG_HOME": "home/config",
    "XDG_DATA_HOME": "home/share",
    "XDG_STATE_HOME": "home/state",
    "XDG_RUNTIME_DIR": "home/run",
    "CANARY_LOGS": "logs",
}


@dataclass(frozen=True)
class Command:
    """One command of a session. ``said``: its standard input; ``environment``: what it has besides the others'."""

    name: str
    words: tuple[str, ...]
    secret_output: bool = False
    said: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Pipeline:
    """One project in ``tree/project``. What goes in from outside lies beside ``tree``, in ``outside``.

    Standard output and standard error of every command are files in the tree, but what the honest broker is shown.
    """

    folder: Path
    pacs: dict[str, str]
    count: int = 0
    statuses: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place in (*_PLACES.values(), "project", "output"):
            (self.tree / place).mkdir(parents=True, exist_ok=True)
        self.outside.mkdir(exist_ok=True)

    @property
    def tree(self) -> Path:
        """Everything that is scanned."""
        return self.folder / "tree"

    @property
    def outside(self) -> Path:
        """What is handed in: cohort files and the DICOM files themselves."""
        return self.folder / "outside"

    @property
    def project(self) -> Path:
        """The project's folder, and the working directory of every command."""
        return self.tree / "project"

    @property
    def spool(self) -> Path:
        """Where received objects lie while their study is mined."""
        return self.project / "data" / "spool"

    def environment(self, **more: str) -> dict[str, str]:
        """Of every command: nothing of this machine's, all logs on."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        places = {name: str(self.tree / place) for name, place in _PLACES.items()}
        search = {"PYTHONPATH": os.pathsep.join((str(CHECKOUT / "tests" / "canaries" / "spy"), str(CHECKOUT)))}
        prefect = {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG"}
        return {**kept, **places, **search, **prefect, **self.pacs, "PYTHONDONTWRITEBYTECODE": "1", **more}

    def run(self, name: str, *words: str, secret_output: bool = False, **environment: str) -> str:
        """Run ``miner`` with these words, keep what it printed, and return its standard output."""
        with self._files(name, secret_output) as (out, err):
            done = subprocess.run(
                [sys.executable, "-m", "miner", *words],
                cwd=self.project,
                env=self.environment(**environment),
                stdout=out,
                stderr=err,
                timeout=SECONDS,
                check=False,
            )
        self.statuses[name] = done.returncode
        return self._output(name, secret_output).read_text(encoding="utf-8", errors="replace")

    def session(self, *commands: Command, **environment: str) -> None:
        """Run several commands one after the other, in one process that imports everything once."""
        work = [
            {
                "words": command.words,
                "out": str(self._output(command.name, command.secret_output)),
                "err": str(self.tree / "output" / f"{command.name}.err"),
                "environment": command.environment,
                "said": command.said,
            }
            for command in commands
        ]
        done = subprocess.run(
            [sys.executable, "-m", "tests.canaries.session"],
            cwd=self.project,
            env=self.environment(**environment),
            input=json.dumps(work).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        self.statuses |= zip((command.name for command in commands), json.loads(done.stdout), strict=True)

    def killed(self, name: str, *words: str, **environment: str) -> None:
        """Run ``miner``, and SIGKILL it with all that it started once the spool holds an image."""
        with self._files(name, False) as (out, err):
            process = subprocess.Popen(
                [sys.executable, "-m", "miner", *words],
                cwd=self.project,
                env=self.environment(**environment),
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            end = time.monotonic() + SECONDS
            while process.poll() is None and time.monotonic() < end and not self.spooled():
                time.sleep(0.01)
            still_running = process.poll() is None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert still_running, f"{name} ended before anything was retrieved"
        self.statuses[name] = -signal.SIGKILL

    def interrupted(self, name: str, *words: str, mark: str, **environment: str) -> None:
        """Run ``miner`` until it has said ``mark``, then stop it as Ctrl-C does."""
        with self._files(name, False) as (out, err):
            process = subprocess.Popen(
                [sys.executable, "-m", "miner", *words],
                cwd=self.project,
                env=self.environment(**environment),
                stdout=out,
                stderr=err,
            )
            end = time.monotonic() + SECONDS
            while process.poll() is None and time.monotonic() < end and mark not in self.said(name):
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            self.statuses[name] = process.wait(SECONDS)

    def spooled(self) -> list[Path]:
        """What lies in the spool."""
        return [path for path in self.spool.rglob("*") if path.is_file()] if self.spool.is_dir() else []

    def said(self, name: str) -> str:
        """Standard error of a command that was run."""
        return (self.tree / "output" / f"{name}.err").read_text(encoding="utf-8", errors="replace")

    def _files(self, name: str, secret_output: bool) -> _Files:
        return _Files(self._output(name, secret_output), self.tree / "output" / f"{name}.err")

    def _output(self, name: str, secret: bool) -> Path:
        return (self.outside if secret else self.tree / "output") / f"{name}.out"


class _Files:
    """Two files that are open while a command runs."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths

    def __enter__(self) -> Sequence:  # type: ignore[type-arg]
        self._open = [path.open("wb") for path in self._paths]
        return self._open

    def __exit__(self, *_: object) -> None:
        for file in self._open:
            file.close()


def lay_out(corpus: Corpus, folder: Path) -> list[Path]:
    """The corpus as files whose names are canaries too, as a folder of exported studies has them."""
    paths = []
    for number, content in enumerate(corpus.files):
        person = corpus.aviary.word(f"folder name of file {number}")
        name = corpus.aviary.word(f"file name of file {number}")
        path = folder / person / f"{name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        paths.append(path)
    return paths
