"""dcmtk's tools (Debian package ``dcmtk``) as peers: its clients as functions, its archive as a context manager."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from tests.peers.loopback import client_environment, loopback_environment
from tests.peers.network import LOOPBACK, absent, free_port, listens, wait_until


def tool_path(tool: str) -> str:
    """dcmtk's own tool; the test skips (fails where CI is true) when it is not installed.

    pynetdicom installs commands of the same names into a virtual environment: those would test us against ourselves.
    """
    scripts = Path(sysconfig.get_path("scripts")).resolve()
    folders = [folder for folder in os.get_exec_path() if Path(folder).resolve() != scripts]
    path = shutil.which(tool, path=os.pathsep.join(folders))
    return path or absent(f"{tool} (Debian package dcmtk)")


def run(tool: str, arguments: Sequence[str | Path], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of dcmtk's tools to its end."""
    command = [tool_path(tool), *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=client_environment(), capture_output=True, text=True, check=check, timeout=300)


def echoscu(port: int, *, called: str, calling: str = "MINER") -> bool:
    """C-ECHO; True on success."""
    return run("echoscu", ["-aec", called, "-aet", calling, LOOPBACK, str(port)], check=False).returncode == 0


def storescu(port: int, files: Iterable[Path], *, called: str, calling: str = "MINER") -> None:
    """C-STORE of uncompressed objects; only what the files need is proposed."""
    run("storescu", ["-R", "-aec", called, "-aet", calling, LOOPBACK, str(port), *files])


def findscu(port: int, keys: Sequence[str], *, called: str, calling: str = "MINER", folder: Path) -> list[Path]:
    """C-FIND in the study root; each row as a file in ``folder``."""
    options = [part for key in keys for part in ("-k", key)]
    run("findscu", ["-S", "-X", "-od", folder, "-aec", called, "-aet", calling, *options, LOOPBACK, str(port)])
    return sorted(folder.glob("rsp*.dcm"))


def getscu(
    port: int, keys: Sequence[str], *, called: str, calling: str = "MINER", folder: Path, options: Sequence[str] = ()
) -> list[Path]:
    """C-GET in the study root; the objects as files in ``folder``."""
    named = [part for key in keys for part in ("-k", key)]
    run("getscu", ["-S", *options, "-od", folder, "-aec", called, "-aet", calling, *named, LOOPBACK, str(port)])
    return sorted(path for path in folder.iterdir() if path.is_file())


class DcmQrScp:
    """A running ``dcmqrscp``: dcmtk's archive, with one storage area; a context manager.

    ``move_port`` is the loopback port that C-MOVE to ``client_ae_title`` is sent to. It forks per association.
    """

    def __init__(
        self, *, ae_title: str = "DCMQRSCP", client_ae_title: str = "MINER", options: Sequence[str] = ()
    ) -> None:
        self.host = LOOPBACK
        self.ae_title = ae_title
        self.client_ae_title = client_ae_title
        self.port = free_port()
        self.move_port = free_port()
        self._options = options
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DcmQrScp:
        binary = tool_path("dcmqrscp")
        self._folder = Path(tempfile.mkdtemp(prefix="dcmqrscp-"))
        (self._folder / "area").mkdir()
        configuration = self._folder / "dcmqrscp.cfg"
        configuration.write_text(self._configuration(self._folder / "area"), encoding="ascii")
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [binary, *self._options, "-c", str(configuration)],
                env=loopback_environment(self._folder),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(lambda: listens(self.port), self._process, "dcmqrscp")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _configuration(self, area: Path) -> str:
        return "\n".join(
            (
                f"NetworkTCPPort = {self.port}",
                "MaxPDUSize = 131072",
                "MaxAssociations = 16",
                "HostTable BEGIN",
                f"client = ({self.client_ae_title}, {LOOPBACK}, {self.move_port})",
                "HostTable END",
                "VendorTable BEGIN",
                "VendorTable END",
                "AETable BEGIN",
                f"{self.ae_title} {area} RW (200, 1024mb) ANY",
                "AETable END",
                "",
            )
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            # Its own session: the group is this archive and the children it forked, nobody else.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def store(self, files: Iterable[Path]) -> None:
        """C-STORE files into the archive."""
        storescu(self.port, files, called=self.ae_title, calling=self.client_ae_title)

    @property
    def log(self) -> str:
        """What dcmqrscp has written so far."""
        return (self._folder / "log").read_text(errors="replace") if self._folder else ""
