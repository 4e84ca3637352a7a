"""A real Orthanc (Debian package ``orthanc``) on loopback, with its own configuration and storage."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.peers.loopback import loopback_environment
from tests.peers.network import LOOPBACK, absent, free_port, stop, wait_until

BINARY = Path("/usr/sbin/Orthanc")
DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class Orthanc:
    """A running Orthanc; a context manager.

    ``ae_title``, ``port``: its DICOM side (the called AE title is checked). ``client_ae_title`` is the one calling AE
    title that may query and retrieve, ``move_port`` the loopback port that C-MOVE to that title is sent to.
    With ``offer_get=False`` the client may not C-GET.
    With ``dicomweb=True`` it answers DICOMweb at ``url``, by its own plug-in (Debian package ``orthanc-dicomweb``).
    ``users``: names and passwords that its HTTP side asks for (Basic); the first is the one that fills it.
    """

    def __init__(
        self,
        *,
        ae_title: str = "ORTHANC",
        client_ae_title: str = "MINER",
        offer_get: bool = True,
        dicomweb: bool = False,
        users: Mapping[str, str] | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.host = LOOPBACK
        self.ae_title = ae_title
        self.client_ae_title = client_ae_title
        self.port = free_port()
        self.http_port = free_port()
        self.move_port = free_port()
        self.url = f"http://{LOOPBACK}:{self.http_port}/dicom-web"
        self._offer_get = offer_get
        self._dicomweb = dicomweb
        self._users = dict(users or {})
        self._options = options or {}
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = httpx.Client(base_url=f"http://{LOOPBACK}:{self.http_port}", trust_env=False, timeout=60)
        if self._users:
            self._rest.auth = next(iter(self._users.items()))

    def __enter__(self) -> Orthanc:
        if not BINARY.is_file():
            absent("Orthanc (Debian package orthanc)")
        if self._dicomweb and not DICOMWEB_PLUGIN.is_file():
            absent("Orthanc's DICOMweb plug-in (Debian package orthanc-dicomweb)")
        self._folder = Path(tempfile.mkdtemp(prefix="orthanc-"))
        try:
            self._start(self._folder)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            stop(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, folder: Path) -> None:
        configuration = folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration(folder)), encoding="utf-8")
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(BINARY), str(configuration)],
                env=loopback_environment(folder),
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, self._process, "Orthanc")

    def _configuration(self, folder: Path) -> dict[str, Any]:
        client = {
            "AET": self.client_ae_title,
            "Host": LOOPBACK,
            "Port": self.move_port,
            "AllowGet": self._offer_get,
        }
        return {
            "Name": "test",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "DicomAet": self.ae_title,
            "DicomCheckCalledAet": True,
            "DicomPort": self.port,
            "DicomModalities": {"client": client},
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": bool(self._users),
            "RegisteredUsers": self._users,
            "Plugins": [str(DICOMWEB_PLUGIN)] if self._dicomweb else [],
            "DicomWeb": {"Enable": self._dicomweb, "Root": "/dicom-web/", "EnableWado": False},
            "OverwriteInstances": False,
            **self._options,
        }

    def _answers(self) -> bool:
        try:
            return self._rest.get("/system").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def store(self, objects: Iterable[Path | bytes]) -> int:
        """Hand Part 10 files (paths or content) to Orthanc over REST; the number of them."""
        count = 0
        for item in objects:
            content = item if isinstance(item, bytes) else item.read_bytes()
            self._rest.post("/instances", content=content).raise_for_status()
            count += 1
        return count

    def file_of(self, sop_uid: str) -> bytes:
        """The Part 10 file that Orthanc holds under this SOP Instance UID."""
        found = self._rest.post("/tools/lookup", content=sop_uid).json()
        instance = next(item["ID"] for item in found if item["Type"] == "Instance")
        return self._rest.get(f"/instances/{instance}/file").content

    def know(self, name: str, ae_title: str, port: int, **rights: bool) -> None:
        """Enter an AE title, on loopback, among the modalities that Orthanc knows."""
        entry = {"AET": ae_title, "Host": LOOPBACK, "Port": port, **rights}
        self._rest.put(f"/modalities/{name}", json=entry).raise_for_status()

    def forget(self, name: str) -> None:
        """Take a modality out again."""
        self._rest.delete(f"/modalities/{name}").raise_for_status()

    def clear(self) -> None:
        """Delete everything that was stored."""
        for patient in self._rest.get("/patients").json():
            self._rest.delete(f"/patients/{patient}").raise_for_status()

    @property
    def log(self) -> str:
        """What Orthanc has written so far."""
        return (self._folder / "log").read_text(errors="replace") if self._folder else ""
