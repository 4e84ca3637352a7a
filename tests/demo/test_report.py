"""The report: whole in itself, right in its geometry, safe with any text."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from miner.demo.report import LesionPicture, RefusalCount, ReportContent, Stage, windowed, write_report
from miner.errors import Reason
from miner.explanations import EXPLANATIONS
from miner.records import Kind

_VOID = {"meta", "br", "img", "line", "rect", "image", "use"}


class Page(HTMLParser):
    """Checks that elements nest, and collects what a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def content(**changes: object) -> ReportContent:
    rng = np.random.default_rng(1)
    lesion = LesionPicture(
        title="Liver <script>alert(1)</script>",
        grey=rng.integers(0, 255, (96, 128), dtype=np.uint8),
        long_axis=((40.0, 50.0), (60.0, 50.0)),
        short_axis=((50.0, 44.0), (50.0, 56.0)),
        long_mm=16.0,
        short_mm=9.6,
        caption=(("Window", "-160 to 240 HU"),),
        provenance="000001_01_01_005.png",
    )
    values: dict[str, object] = {
        "title": "A & B",
        "stages": (Stage("studies", 3), Stage("lesions", 1, "in DL_info.csv")),
        "kinds": ((Kind.RECIST, 1), (Kind.ARROW, 0)),
        "refused": (RefusalCount(Reason.TEXT_ONLY, "marks", 2),),
        "timing": (("Mined", 1.26),),
        "lesions": (lesion,),
        "places": (("out/DL_info.csv", "rows"),),
        "note": 'said "so"',
    }
    return ReportContent(**{**values, **changes})  # type: ignore[arg-type]


def parsed(path: Path, report: ReportContent) -> tuple[str, Page]:
    write_report(path, report)
    text = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return text, page


def test_nothing_is_fetched_from_anywhere(tmp_path: Path) -> None:
    text, page = parsed(tmp_path / "report.html", content())
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert "url(" not in text
    tags = {tag for tag, _ in page.seen}
    assert not tags & {"script", "link", "iframe", "object", "embed"}
    for _, attributes in page.seen:
        for name in ("href", "src"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/png;base64,"))


def test_text_is_escaped(tmp_path: Path) -> None:
    text, page = parsed(tmp_path / "report.html", content())
    assert "<script" not in text
    assert any("Liver <script>alert(1)</script>" in words for words in page.words)


def test_lines_lie_half_a_pixel_further_than_pixel_centres(tmp_path: Path) -> None:
    _, page = parsed(tmp_path / "report.html", content())
    lines = [attributes for tag, attributes in page.seen if tag == "line" and attributes["class"] == "long"]
    assert [lines[0][name] for name in ("x1", "y1", "x2", "y2")] == ["40.5", "50.5", "60.5", "50.5"]


def test_the_enlarged_view_holds_the_lesion_and_stays_in_the_slice(tmp_path: Path) -> None:
    _, page = parsed(tmp_path / "report.html", content())
    view = [float(v) for v in str(next(a["viewbox"] for t, a in page.seen if t == "svg")).split()]
    assert view[0] <= 40 and view[0] + view[2] >= 61
    assert view[0] >= 0 and view[1] >= 0 and view[0] + view[2] <= 128 and view[1] + view[3] <= 96


def test_the_picture_is_the_slice(tmp_path: Path) -> None:
    report = content()
    text, _ = parsed(tmp_path / "report.html", report)
    match = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)
    assert match is not None
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(match[1])))) == report.lesions[0].grey).all()


def test_every_picture_has_words(tmp_path: Path) -> None:
    _, page = parsed(tmp_path / "report.html", content())
    assert all(attributes.get("aria-label") for tag, attributes in page.seen if tag == "svg")


def test_an_empty_run_gives_a_report_too(tmp_path: Path) -> None:
    text, _ = parsed(tmp_path / "report.html", content(lesions=(), refused=(), kinds=(), timing=(), places=(), note=""))
    assert "Nothing was refused" in text


def test_reasons_are_explained(tmp_path: Path) -> None:
    text, _ = parsed(tmp_path / "report.html", content())
    assert EXPLANATIONS[Reason.TEXT_ONLY][1:] in text


def test_windowing() -> None:
    assert windowed([-500, -160, 40, 240, 900], -160, 240).tolist() == [0, 0, 128, 255, 255]
