"""The drawing model of the Weasis viewer as XML: what stands in it, not yet what it means.

Form, from Weasis's public source (classes XmlGraphicModel, ReferencedSeries, DefaultLayer, AbstractGraphic,
AbstractGraphicLabel, PointAdapter and their serialisation test)::

    <presentation uuid="…">
      <references><series uuid="series UID"><image frames="0 1" uuid="SOP instance UID"/></series></references>
      <layers><layer type="MEASURE" uuid="…" …/></layers>
      <graphics>
        <line …><layer>uuid of a layer</layer><pts><pt x="1665.5" y="987.0"/>…</pts>
          <graphicLabel><labels><label>Length : 23.45 mm</label></labels>…</graphicLabel></line>
        <annotation …><pts>…</pts><labels><label>…</label></labels></annotation>
      </graphics>
    </presentation>

The document comes from anywhere. It is read by the standard library's expat with a handler that refuses a document type
declaration: without one there is no entity to expand and nothing external to fetch, which is the whole of what a
hardened parser would add, so none is depended on. Inflation, size, depth and number of elements are bounded.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from miner.bookmarks.elements import MAX_TEXT, MalformedError
from miner.bookmarks.states.graphics import MAX_POINTS
from miner.bookmarks.text import measurements
from miner.records import Measurement

MAX_OCTETS = 8 * 1024 * 1024
"""Of the document. A model of a hundred contours takes some hundred kilobytes."""

MAX_ELEMENTS = 200_000
MAX_DEPTH = 16
"""Of elements within elements; Weasis writes six."""

MAX_FRAMES = 10_000

_GZIP = b"\x1f\x8b"
_ROOT = "presentation"


@dataclass(frozen=True, slots=True)
class ModelImage:
    """An image that the model lies on. ``frames`` count from 1 here; empty: the whole image."""

    series_uid: str
    sop_uid: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelGraphic:
    """One graphic as stored.

    ``tool``: its element's name. ``points``: handles in pixels from the outer corner of the first pixel, None where one
    is left open; coordinates may be infinite or NaN. ``layer``: index of its layer from 1, 0 for none.
    ``readable``: every handle is a pair of numbers or left open, and they are not too many.
    """

    tool: str
    points: tuple[tuple[float, float] | None, ...]
    layer: int
    texts: tuple[Measurement, ...] = ()
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Model:
    """The whole model, in its order."""

    images: tuple[ModelImage, ...]
    graphics: tuple[ModelGraphic, ...]


def read_model(data: bytes) -> Model:
    """The model of a private element's value: XML in gzip (RFC 1952) or, for short ones, as it is.

    Nothing that a person typed is kept: labels are reduced to their measurements. Raises MalformedError for anything
    but a whole, bounded document with Weasis's root element and without a document type declaration.
    """
    handler = _Handler()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = handler.refuse
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.characters
    try:
        parser.Parse(_inflated(data).rstrip(b"\0"), True)
    except (expat.ExpatError, ValueError, LookupError):
        # LookupError: an encoding that does not exist. MalformedError is a ValueError: without its context here too
        raise MalformedError("drawing model") from None
    return Model(tuple(handler.images), tuple(handler.graphics))


def _inflated(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        if len(data) > MAX_OCTETS:
            raise MalformedError("drawing model")
        return data
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        document = inflating.decompress(data, MAX_OCTETS + 1)
    except zlib.error:
        raise MalformedError("drawing model") from None
    if len(document) > MAX_OCTETS or not inflating.eof:
        raise MalformedError("drawing model")
    return document


@dataclass(slots=True)
class _Draft:
    """A graphic while its element is open."""

    tool: str
    points: list[tuple[float, float] | None] = field(default_factory=list)
    readable: bool = True
    layer: str = ""
    words: list[str] = field(default_factory=list)


class _Handler:
    """Follows expat through the document; ``images`` and ``graphics`` are what it has met."""

    def __init__(self) -> None:
        self.images: list[ModelImage] = []
        self.graphics: list[ModelGraphic] = []
        self._layers: dict[str, int] = {}
        self._path: list[str] = []
        self._elements = 0
        self._series = ""
        self._draft: _Draft | None = None
        self._text: list[str] = []
        self._room = MAX_TEXT

    def refuse(self, *_: object) -> None:
        """A document type declaration: the root of entity expansion and of external entities."""
        raise MalformedError("drawing model")

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element opens."""
        self._elements += 1
        if len(self._path) >= MAX_DEPTH or self._elements > MAX_ELEMENTS or (not self._path and name != _ROOT):
            raise MalformedError("drawing model")
        self._path.append(name)
        self._text, self._room = [], MAX_TEXT
        match self._path[1:]:
            case ["references", "series"]:
                self._series = attributes.get("uuid", "")
            case ["references", "series", "image"]:
                self._image(attributes)
            case ["layers", "layer"]:
                self._layers.setdefault(attributes.get("uuid", ""), len(self._layers) + 1)
            case ["graphics", tool]:
                self._draft = _Draft(tool)
            case ["graphics", _, "pts", "pt"] if self._draft is not None:
                self._point(self._draft, attributes)

    def end(self, name: str) -> None:
        """An element closes."""
        words = "".join(self._text)
        match self._path[1:]:
            case ["graphics", _, "layer"] if self._draft is not None:
                self._draft.layer = words.strip()
            case ["graphics", _, *_, "labels", "label"] if self._draft is not None:
                self._draft.words.append(words)
            case ["graphics", _]:
                self._close()
        self._path.pop()
        self._text, self._room = [], MAX_TEXT

    def characters(self, text: str) -> None:
        """Character data, in pieces."""
        if self._room > 0:
            self._text.append(text[: self._room])
            self._room -= len(text)

    def _image(self, attributes: Mapping[str, str]) -> None:
        frames = attributes.get("frames", "").split()
        if len(frames) > MAX_FRAMES or not all(frame.isascii() and frame.isdigit() for frame in frames):
            raise MalformedError("drawing model")
        # Weasis counts frames from 0, DICOM from 1
        numbers = tuple(int(frame[:9]) + 1 for frame in frames)
        self.images.append(ModelImage(self._series, attributes.get("uuid", ""), numbers))

    def _point(self, draft: _Draft, attributes: Mapping[str, str]) -> None:
        if "x" not in attributes and "y" not in attributes:
            draft.points.append(None)
            return
        try:
            point = (float(attributes["x"]), float(attributes["y"]))
        except (KeyError, ValueError):
            draft.readable = False
            return
        if len(draft.points) >= MAX_POINTS:
            draft.readable = False
        else:
            draft.points.append(point)

    def _close(self) -> None:
        draft, self._draft = self._draft, None
        if draft is None:
            return
        texts = measurements("\n".join(draft.words))
        layer = self._layers.get(draft.layer, 0)
        self.graphics.append(ModelGraphic(draft.tool, tuple(draft.points), layer, texts, draft.readable))


def is_finite(graphic: ModelGraphic) -> bool:
    """Whether every handle that is set has finite coordinates."""
    return all(math.isfinite(x) and math.isfinite(y) for x, y in filter(None, graphic.points))
