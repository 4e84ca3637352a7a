"""A DICOMweb service on loopback for the faults that no real one shows on demand: QIDO-RS and WADO-RS over objects in
memory, each answer changeable before it is sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydicom import Dataset, dcmwrite

from tests.peers.network import LOOPBACK

LEVELS = {
    "studies": ("StudyInstanceUID", ["StudyDate", "StudyTime", "AccessionNumber", "PatientID"]),
    "series": ("SeriesInstanceUID", ["Modality"]),
    "instances": ("SOPInstanceUID", ["SOPClassUID", "InstanceNumber", "Rows", "Columns", "NumberOfFrames"]),
}
POSITIONS = ["ImagePositionPatient", "ImageOrientationPatient"]
BOUNDARY = "a-boundary"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @property
    def parts(self) -> list[str]:
        """Of the path, below the service's root."""
        return [unquote(part) for part in self.path.split("/")[2:]]

    @property
    def kind(self) -> str:
        """``query``, ``headers`` or ``objects``."""
        if self.parts[-1] == "metadata":
            return "headers"
        return "query" if self.parts[-1] in LEVELS else "objects"

    def number(self, name: str, default: int) -> int:
        """A number of the query."""
        return int(self.query.get(name, [str(default)])[0])


@dataclass(frozen=True)
class Answer:
    """What is sent. ``pause``: seconds between two pieces of the body; ``length``: announced, None for the true one, -1
    for none at all; ``drop``: the connection is closed after so many octets of the body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    length: int | None = None
    pause: float = 0.0
    drop: int | None = None

    def with_headers(self, **headers: str) -> Answer:
        """The same with more headers; underscores stand for hyphens."""
        return replace(self, headers={**self.headers, **{key.replace("_", "-"): v for key, v in headers.items()}})


Change = Callable[[Asked, Answer], Answer]


def rows(entries: Sequence[dict[str, Any]]) -> Answer:
    """An answer to a query."""
    return Answer(headers={"Content-Type": "application/dicom+json"}, body=json.dumps(entries).encode())


def multipart(files: Iterable[bytes], boundary: str = BOUNDARY) -> Answer:
    """An answer with objects."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"\r\n".join(head + content for content in files) + f"\r\n--{boundary}--\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return Answer(headers={"Content-Type": kind}, body=body)


def file_of(item: Dataset) -> bytes:
    """A Part 10 file of the object."""
    stream = BytesIO()
    dcmwrite(stream, item, enforce_file_format=True)
    return stream.getvalue()


class DicomwebService:
    """Starts with its objects, stops at the end of the ``with``; ``url`` is its root.

    ``change`` is called with each request and the answer that a good service gives, and returns the one to send.
    """

    def __init__(
        self,
        objects: Iterable[Dataset] = (),
        *,
        change: Change = lambda asked, answer: answer,
        positions: bool = True,
        context: Any = None,
    ) -> None:
        self.objects = list(objects)
        self.change = change
        self.asked: list[Asked] = []
        self.connections = 0
        self.open = 0
        self._positions = positions
        self._context = context

    def __enter__(self) -> DicomwebService:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                service.connections += 1
                service.open += 1

            def finish(self) -> None:
                service.open -= 1
                super().finish()

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                asked = Asked(address.path, parse_qs(address.query), dict(self.headers))
                service.asked.append(asked)
                service.send(self, service.change(asked, service.answer(asked)))

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server((LOOPBACK, 0), Handler)
        if self._context is not None:
            self._server.socket = self._context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.host, self.port = LOOPBACK, int(self._server.server_address[1])
        scheme = "http" if self._context is None else "https"
        self.url = f"{scheme}://{'localhost' if self._context else LOOPBACK}:{self.port}/dicom-web"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, kind: str) -> int:
        """How many requests of one kind have come."""
        return sum(asked.kind == kind for asked in self.asked)

    # ---------------------------------------------------------------------------------------------------- good answers

    def answer(self, asked: Asked) -> Answer:
        """What a service without faults answers."""
        if not asked.path.startswith("/dicom-web/"):
            return Answer(404)
        match asked.kind:
            case "query":
                return self._rows(asked)
            case "headers":
                return rows([self._entry(item, [*LEVELS["instances"][1], *POSITIONS]) for item in self._below(asked)])
            case _:
                found = self._below(asked)
                return multipart([file_of(item) for item in found]) if found else Answer(404)

    def _below(self, asked: Asked) -> list[Dataset]:
        named = dict(zip(asked.parts[::2], asked.parts[1::2], strict=False))
        return [
            item
            for item in self.objects
            if all(item.get(LEVELS[level][0]) == uid for level, uid in named.items() if level in LEVELS)
        ]

    def _rows(self, asked: Asked) -> Answer:
        level = asked.parts[-1]
        unique, keys = LEVELS[level]
        found: dict[str, list[Dataset]] = {}
        for item in self._below(asked):
            found.setdefault(item[unique].value, []).append(item)
        groups = [group for group in found.values() if self._matches(group, asked)]
        offset, limit = asked.number("offset", 0), asked.number("limit", len(groups))
        keys = [*keys, *(POSITIONS if self._positions and level == "instances" else [])]
        entries = []
        for group in groups[offset : offset + limit]:
            entry = self._entry(group[0], keys)
            if level == "studies":
                entry["00080061"] = {"vr": "CS", "Value": sorted({item.Modality for item in group})}
                series = {item.SeriesInstanceUID for item in group}
                entry["00201206"] = {"vr": "IS", "Value": [len(series)]}
            if level == "series":
                entry["00201209"] = {"vr": "IS", "Value": [len(group)]}
            entries.append(entry)
        return rows(entries)

    @staticmethod
    def _matches(group: list[Dataset], asked: Asked) -> bool:
        for key, (value, *_) in asked.query.items():
            if key == "ModalitiesInStudy":
                if value not in {item.Modality for item in group}:
                    return False
            elif key == "StudyDate":
                first, _, last = value.partition("-")
                last = last if "-" in value else first
                if not (first or "0") <= (group[0].StudyDate or "") <= (last or "9"):
                    return False
            elif key not in ("includefield", "limit", "offset", "StudyTime") and not fnmatchcase(
                str(group[0].get(key)), value
            ):
                return False
        return True

    @staticmethod
    def _entry(item: Dataset, keys: Sequence[str]) -> dict[str, Any]:
        unique = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
        chosen = Dataset()
        for keyword in [*unique, *keys]:
            if keyword in item:
                chosen.add(item[keyword])
        return dict(chosen.to_json_dict())

    # ---------------------------------------------------------------------------------------------------------- sending

    def send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        """Send one answer, whatever is wrong with it."""
        body = answer.body if isinstance(answer.body, bytes) else b""
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.length != -1 and "Transfer-Encoding" not in answer.headers and answer.status != 204:
            handler.send_header("Content-Length", str(len(body) if answer.length is None else answer.length))
        if answer.length == -1 or answer.drop is not None:
            handler.close_connection = True
            handler.send_header("Connection", "close")
        handler.end_headers()
        if answer.drop is not None:
            body = body[: answer.drop]
        pieces = answer.body if not isinstance(answer.body, bytes) else [body]
        if answer.pause:
            pieces = (bytes([octet]) for piece in pieces for octet in piece)
        for piece in pieces:
            handler.wfile.write(piece)
            if answer.pause:
                handler.wfile.flush()
                time.sleep(answer.pause)
