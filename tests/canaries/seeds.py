"""Leaks, seeded on purpose: one function a channel, each writes what it is given into a folder as a leak would."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import pickle
import quopri
import sqlite3
import tarfile
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image, PngImagePlugin

from tests.canaries.canary import Aviary

Seed = Callable[[Path, str], None]

WORDS: dict[str, Seed] = {}
"""Channel → what leaks a word through it."""


def _seed(channel: str) -> Callable[[Seed], Seed]:
    def enter(seed: Seed) -> Seed:
        WORDS[channel] = seed
        return seed

    return enter


@_seed("log line at debug")
def _log(folder: Path, word: str) -> None:
    logger = logging.Logger("some.library", logging.DEBUG)
    handler = logging.FileHandler(folder / "log")
    logger.addHandler(handler)
    logger.debug("could not convert %r", word)
    handler.close()


@_seed("warning")
def _warning(folder: Path, word: str) -> None:
    (folder / "err").write_text(warnings.formatwarning(f"Invalid value for VR DS: '{word}'", UserWarning, "x.py", 1))


@_seed("traceback")
def _traceback(folder: Path, word: str) -> None:
    try:
        float(word)
    except ValueError:
        (folder / "err").write_text(traceback.format_exc())


def _table(folder: Path, word: str, column: str = "value") -> Path:
    path = folder / "prefect.db"
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE run (id INTEGER, {column} TEXT)")
        database.execute("INSERT INTO run VALUES (1, ?)", [word])
    database.close()
    return path


@_seed("exception in a Prefect state")
def _state(folder: Path, word: str) -> None:
    _table(folder, json.dumps({"type": "FAILED", "message": f"Task run encountered an exception: KeyError: '{word}'"}))


@_seed("persisted result: base64 of a pickle, in JSON")
def _result(folder: Path, word: str) -> None:
    octets = base64.b64encode(pickle.dumps({"study": word, "n": list(range(9))})).decode()
    (folder / "0f3a").write_text(json.dumps({"metadata": {"serializer": {"type": "pickle"}}, "result": octets}))


@_seed("compressed pickle, in base64 with line ends, in JSON")
def _compressed_result(folder: Path, word: str) -> None:
    octets = base64.encodebytes(zlib.compress(pickle.dumps([word] + ["abc"] * 60))).decode()
    (folder / "0f3b").write_text(json.dumps({"result": octets}))


@_seed("run name")
def _run_name(folder: Path, word: str) -> None:
    _table(folder, f"mine-{word.lower()}", "name")


@_seed("tag and parameter")
def _parameters(folder: Path, word: str) -> None:
    _table(folder, json.dumps({"patients": [word.title()], "since": None}), "parameters")


@_seed("artifact, in entities")
def _artifact(folder: Path, word: str) -> None:
    entities = "".join(f"&#{ord(letter)};" for letter in word)
    _table(folder, f"<table><tr><td>{entities}</td></tr></table>", "data")


@_seed("a cell longer than a page")
def _long_cell(folder: Path, word: str) -> None:
    for start in range(4000, 4080, 10):  # somewhere the word lies across two pages
        sub = folder / str(start)
        sub.mkdir()
        _table(sub, "x" * start + word[:4] + word[4:] + "y" * 9000)


@_seed("free page of a database, after DELETE")
def _free_page(folder: Path, word: str) -> None:
    path = _table(folder, word)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("DELETE FROM run WHERE id = 1")
    database.close()


@_seed("write-ahead log")
def _wal(folder: Path, word: str) -> None:
    (folder / "live").mkdir()
    database = sqlite3.connect(folder / "live" / "db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (v TEXT)")
    database.execute("INSERT INTO t VALUES (?)", [word])
    database.commit()
    (folder / "db-wal").write_bytes((folder / "live" / "db-wal").read_bytes())  # as a kill leaves it
    database.close()
    (folder / "live" / "db").unlink()


def _png(folder: Path, pixels: np.ndarray, text: PngImagePlugin.PngInfo | None = None) -> Path:  # type: ignore[type-arg]
    path = folder / "001.png"
    Image.fromarray(pixels).save(path, pnginfo=text)
    return path


def _grey() -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(1).integers(31744, 34000, (64, 64)).astype(np.uint16)


@_seed("PNG tEXt")
def _text_chunk(folder: Path, word: str) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", word)
    _png(folder, _grey(), text)


@_seed("PNG zTXt")
def _compressed_chunk(folder: Path, word: str) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", f"{word} " + "of " * 50, zip=True)
    _png(folder, _grey(), text)


@_seed("PNG iTXt")
def _international_chunk(folder: Path, word: str) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("Comment", f"{word} " + "of " * 50, zip=True)
    _png(folder, _grey(), text)


@_seed("octets after IEND")
def _after_the_end(folder: Path, word: str) -> None:
    with _png(folder, _grey()).open("ab") as file:
        file.write(word.encode())


@_seed("pixel values, a letter each")
def _pixels(folder: Path, word: str) -> None:
    pixels = _grey()
    pixels[5, 7 : 7 + len(word)] = np.frombuffer(word.encode(), dtype=np.uint8).astype(np.uint16) - 1024 + 32768
    _png(folder, pixels)


@_seed("pixel values, two letters each")
def _wide_pixels(folder: Path, word: str) -> None:
    pixels = _grey().astype(np.int64)
    pixels[5, 7 : 7 + len(word) // 2] = np.frombuffer(word.encode(), dtype="<u2").astype(np.int64) - 1024 + 32768
    _png(folder, (pixels & 0xFFFF).astype(np.uint16))


@_seed("pixel values, down a column")
def _column(folder: Path, word: str) -> None:
    pixels = _grey()
    pixels[3 : 3 + len(word), 9] = np.frombuffer(word.encode(), dtype=np.uint8)
    _png(folder, pixels)


@_seed("CSV cell")
def _cell(folder: Path, word: str) -> None:
    (folder / "bookmarks.csv").write_text(f"Bookmark_uid,Kind\n00,{word}\n")


@_seed("file name")
def _file_name(folder: Path, word: str) -> None:
    (folder / f"{word}.png").touch()


@_seed("folder name")
def _folder_name(folder: Path, word: str) -> None:
    (folder / f"{word}_01").mkdir()


@_seed("where a link points")
def _link(folder: Path, word: str) -> None:
    (folder / "latest").symlink_to(f"/nowhere/{word}")


@_seed("gzip member behind another")
def _gzip(folder: Path, word: str) -> None:
    (folder / "log.gz").write_bytes(gzip.compress(b"nothing here, nothing there") + gzip.compress(f"{word} x".encode()))


@_seed("zip member")
def _zip(folder: Path, word: str) -> None:
    with zipfile.ZipFile(folder / "backup.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", f"{word} and " * 20)


@_seed("name of a tar member")
def _tar(folder: Path, word: str) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo(f"spool/{word}"))
    (folder / "backup.tgz").write_bytes(file.getvalue())


@_seed("raw deflate stream")
def _deflate(folder: Path, word: str) -> None:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    (folder / "deflated").write_bytes(b"DICM\x02\0" + stream.compress(f"{word} {word} of it".encode()) + stream.flush())


@_seed("UTF-16, big end first")
def _wide(folder: Path, word: str) -> None:
    (folder / "wide").write_bytes(f"name {word}".encode("utf-16-be"))


@_seed("UTF-16, little end first, in a NUL-ridden file")
def _wide_little(folder: Path, word: str) -> None:
    (folder / "wide").write_bytes(b"\0\0\x01\x02\0" + word.lower().encode("utf-16-le") + b"\xff\0")


@_seed("UTF-32")
def _widest(folder: Path, word: str) -> None:
    (folder / "wide").write_bytes(word.encode("utf-32-le"))


@_seed("hexadecimal in JSON")
def _hex(folder: Path, word: str) -> None:
    (folder / "event.json").write_text(json.dumps({"digest": f"a{word.encode().hex()}".upper()}))


@_seed("hexadecimal with separators")
def _hex_dump(folder: Path, word: str) -> None:
    (folder / "dump").write_text("0000  " + word.encode().hex(" ") + "  ..........")


@_seed("list of octets")
def _octets(folder: Path, word: str) -> None:
    (folder / "repr").write_text(str(list(word.encode())))


@_seed("base64 in a URL")
def _url(folder: Path, word: str) -> None:
    octets = base64.urlsafe_b64encode(f"\xff\xfePatientName={word}&x".encode()).decode().rstrip("=")
    (folder / "access.log").write_text(f"GET /studies?q={octets} HTTP/1.1\n")


@_seed("percent-encoded query")
def _query(folder: Path, word: str) -> None:
    encoded = "".join(f"%{octet:02x}" for octet in word.encode())
    (folder / "access.log").write_text(f"GET /studies?PatientName={encoded}&limit=1 HTTP/1.1\n")


@_seed("escapes of JSON")
def _json_escapes(folder: Path, word: str) -> None:
    (folder / "a.json").write_text('{"name": "%s"}' % "".join(f"\\u{ord(letter):04x}" for letter in word))  # noqa: UP031


@_seed("escapes of Python")
def _python_escapes(folder: Path, word: str) -> None:
    (folder / "repr").write_text("b'%s'" % "".join(f"\\x{ord(letter):02x}" for letter in word))  # noqa: UP031


@_seed("quoted-printable")
def _mail(folder: Path, word: str) -> None:
    text = "".join(f"={octet:02X}" for octet in word.encode())
    (folder / "mail").write_bytes(b"Content: " + quopri.encodestring(b"x=y") + text.encode())


@_seed("file left in the spool")
def _spool(folder: Path, word: str) -> None:
    path = folder / "data" / "spool" / "miner-study-x" / "000001.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\x10\0\x10\0PN\x0a\0" + word.encode())


@_seed("core dump in the folder for temporary files")
def _core(folder: Path, word: str) -> None:
    noise = np.random.default_rng(2).bytes(300_000)
    (folder / "core.123").write_bytes(noise + word.encode() + noise)


@_seed("release.json")
def _release(folder: Path, word: str) -> None:
    (folder / "release.json").write_text(json.dumps({"counts": {word: 1}}))


@_seed("payload of an event")
def _event(folder: Path, word: str) -> None:
    _table(folder, json.dumps({"what": "vault resolve", "entity": f"patient:{word}"}), "payload")


@_seed("HTML page")
def _page(folder: Path, word: str) -> None:
    (folder / "report.html").write_text(f"<p title='{quote(word)}'>")


@_seed("digest without a key")
def _digest(folder: Path, word: str) -> None:
    import hashlib

    (folder / "ids.csv").write_text(hashlib.sha256(word.encode()).hexdigest())


def _as(day: str, form: str) -> str:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).strftime(form)


VALUES: dict[str, tuple[Callable[[Aviary], str], Callable[[str], str | bytes]]] = {
    "name the other way round": (lambda a: a.name("x"), lambda v: "{1} {0}".format(*v.title().split("^"))),
    "name with a comma": (lambda a: a.name("x"), lambda v: v.replace("^", ", ")),
    "day with strokes": (lambda a: a.day("x"), lambda v: f"born {_as(v, '%Y-%m-%d')}."),
    "day of a letter": (lambda a: a.day("x"), lambda v: f"on {_as(v, '%d.%m.%Y')}"),
    "day in words": (lambda a: a.day("x"), lambda v: _as(v, "%b %d %Y")),
    "day as Python prints it": (lambda a: a.day("x"), lambda v: repr(datetime.strptime(v, "%Y%m%d").date())),
    "day in seconds": (lambda a: a.day("x"), lambda v: f"t={int(datetime.strptime(v + 'Z', '%Y%m%d%z').timestamp())}"),
    "day before a time": (lambda a: a.day("x"), lambda v: f"{v}101112.000000"),
    "time with colons": (lambda a: a.time("x"), lambda v: f"{v[:2]}:{v[2:4]}:{v[4:]}"),
    "number": (lambda a: a.number("x"), lambda v: f"PAT{v}X"),
    "UID": (lambda a: a.uid("x"), lambda v: f"<{v}>"),
    "UID as a file name": (lambda a: a.uid("x"), lambda v: v.replace(".", "_")),
    "institution's root of a UID": (lambda a: a.uid("x"), lambda v: f"{v.rpartition('.')[0]}.1"),
    "kanji": (lambda a: a.script("x", "kanji"), lambda v: v.encode("iso2022_jp")),
    "hangul in UTF-16": (lambda a: a.script("x", "hangul"), lambda v: v.encode("utf-16-le")),
    "hanzi in GB18030": (lambda a: a.script("x", "hanzi"), lambda v: v.encode("gb18030")),
    "Greek in lower case, escaped": (lambda a: a.script("x", "greek"), lambda v: json.dumps([v.upper()])),
    "Cyrillic, percent-encoded": (lambda a: a.script("x", "cyrillic"), lambda v: f"q={quote(v)}"),
}
"""Channel → what kind of canary, and how it is written into a text file."""
