"""How well bookmarks are read and recognised, per encoding and kind, as a Markdown table.

``python -m tests.benchmarks.bookmarks`` prints the README's table; ``--full`` one over more bookmarks, also by style.
Everything follows from the seed. Half of the axis pairs are official DeepLesion rows (the second, fourth …: the others
served to tune), where the folder of real test data is there; all else is made.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from miner.bookmarks import ACCEPTANCE
from miner.records import Bookmark, Encoding, Kind
from tests.annotations import (
    Angle,
    Cobb,
    CrossHair,
    Drawing,
    Line,
    Note,
    OpenPath,
    Pair,
    Perpendicular,
    Scale,
    ct_image,
)
from tests.annotations.scenes import Spacing, crowded_scene, official_pairs, random_pair
from tests.benchmarks.reading import outcome
from tests.benchmarks.scoring import Score, is_of_a_decoy_tool, kind_of, score
from tests.benchmarks.writers import Writer, writers
from tests.conftest import find_shared_data

SEED = 20240607
README_BOOKMARKS = 6_000
FULL_BOOKMARKS = 12_000
PER_ENCODING = 100
"""No encoding with fewer bookmarks than this is measured."""

CROSSING_RULERS = 200
"""One in this many pairs: two rulers that cross."""

SLICES = 2.5
"""Distance in mm of the made-up images."""

DECOYS: Mapping[type[Drawing], str] = {
    Angle: "angles",
    Cobb: "Cobb angles",
    Perpendicular: "perpendiculars",
    CrossHair: "cross-hairs",
    Scale: "rulers with ticks",
    OpenPath: "open paths",
    Note: "notes",
}
"""What is drawn between the bookmarks and is none."""

Key = tuple[Encoding, Kind]


@dataclass
class Measured:
    """Counts. ``styles``: the same by style and kind. ``misses``: what went wrong, for a reader who wants to know."""

    drawn: Counter[Key] = field(default_factory=Counter)
    found: Counter[Key] = field(default_factory=Counter)
    false: Counter[Key] = field(default_factory=Counter)
    styles: Counter[tuple[str, Kind, str]] = field(default_factory=Counter)
    decoys: Counter[type[Drawing]] = field(default_factory=Counter)
    rulers: int = 0
    rulers_as_pairs: int = 0
    decoys_accepted: int = 0
    other_encoding: int = 0
    unaccounted: int = 0
    misses: list[tuple[str, int, str, object]] = field(default_factory=list)

    def of_encoding(self, encoding: Encoding) -> int:
        """Bookmarks drawn in one encoding."""
        return sum(count for (of, _), count in self.drawn.items() if of is encoding)

    def recall(self, kind: Kind) -> float:
        """Found of drawn, over all encodings."""
        return _sum(self.found, kind) / max(1, _sum(self.drawn, kind))

    def precision(self, kind: Kind) -> float:
        """Right of all that was read as this kind."""
        found = _sum(self.found, kind)
        return found / max(1, found + _sum(self.false, kind))


@dataclass
class Scenes:
    """Where lesions come from: official rows or random ones, one in two."""

    random: np.random.Generator
    official: Sequence[tuple[Pair, Spacing]]

    def pairs(self) -> tuple[list[Pair], Spacing]:
        """One to three lesions on one slice, and its pixel spacing."""
        count = int(self.random.integers(1, 4))
        if self.official and self.random.random() < 0.5:
            rows = [self.official[int(self.random.integers(len(self.official)))] for _ in range(count)]
            return [pair for pair, _ in rows], rows[0][1]
        size = round(float(self.random.uniform(0.5, 0.95)), 4)
        return [random_pair(self.random) for _ in range(count)], (size, size)


def measure(*, seed: int = SEED, bookmarks: int = README_BOOKMARKS, official: Path | None = None) -> Measured:
    """Write, read and recognise until ``bookmarks`` were drawn, and 100 in each encoding; styles take turns."""
    scenes = Scenes(np.random.default_rng(seed), official_pairs(official)[1::2] if official else [])
    measured = Measured()
    all_writers = writers()
    encodings = {writer.name: _encodings(writer) for writer in all_writers}
    unwritten = set(Encoding).difference(*encodings.values())
    if unwritten:
        raise ValueError(f"no writer of tests/benchmarks/writers.py writes {', '.join(sorted(unwritten))}")
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        while True:
            short = {e for e in Encoding if measured.of_encoding(e) < PER_ENCODING}
            if not short and measured.drawn.total() >= bookmarks:
                return measured
            # once there are enough bookmarks, only the styles that are still needed go on
            enough = measured.drawn.total() >= bookmarks
            for writer in all_writers:
                if enough and not short & encodings[writer.name]:
                    continue
                number += 1
                _one_image(writer, scenes, number, Path(folder), measured)


def _encodings(writer: Writer) -> set[Encoding]:
    random = np.random.default_rng(0)
    scenes = (crowded_scene(random, [random_pair(random)], writer.can) for _ in range(40))
    return {writer.encoding(d) for drawn in scenes for d in drawn if kind_of(d) is not None}


def _one_image(writer: Writer, scenes: Scenes, number: int, folder: Path, measured: Measured) -> None:
    """Write one object about the middle one of three slices, read it, and count."""
    random = scenes.random
    chosen, spacing = scenes.pairs()
    images = [ct_image(number=slice_, spacing=spacing, series=f"measured {number}") for slice_ in (1, 2, 3)]
    rulers = bool(random.random() < len(chosen) / CROSSING_RULERS)
    chosen = [pair for pair in map(writer.as_drawn, chosen) if isinstance(pair, Pair)]
    drawn = [d for d in crowded_scene(random, chosen, writer.can, crossing_rulers=rulers) if writer.can(d)]
    if not drawn:
        return
    path = folder / "object.dcm"
    # one image in one object: a state without Referenced Image in its items would be ambiguous with several
    state = writer.write(images[1:2], {images[1].SOPInstanceUID: drawn}, str(number))
    state.save_as(path, enforce_file_format=True)
    read = outcome(path, images, SLICES)
    measured.decoys.update(type(drawing) for drawing in drawn)
    measured.unaccounted += not read.is_accounted_for()
    measured.rulers += rulers and writer.can(Line(((0.0, 0.0), (1.0, 1.0))))
    _count(measured, writer, drawn, score(drawn, read.bookmarks, writer.tolerance), number)


def _count(measured: Measured, writer: Writer, drawn: Sequence[Drawing], result: Score, number: int) -> None:
    for drawing, bookmark in result.found:
        key = (writer.encoding(drawing), bookmark.kind)
        measured.drawn[key] += 1
        measured.found[key] += 1
        measured.styles[writer.name, bookmark.kind, "drawn"] += 1
        measured.styles[writer.name, bookmark.kind, "found"] += 1
        if bookmark.encoding is not key[0]:
            measured.other_encoding += 1
            measured.misses.append((writer.name, number, f"not {key[0]}", bookmark))
    for drawing in result.missed:
        kind = kind_of(drawing)
        assert kind is not None
        measured.drawn[writer.encoding(drawing), kind] += 1
        measured.styles[writer.name, kind, "drawn"] += 1
        measured.misses.append((writer.name, number, "missed", drawing))
    for bookmark in result.false:
        measured.false[bookmark.encoding, bookmark.kind] += 1
        measured.styles[writer.name, bookmark.kind, "false"] += 1
        measured.misses.append((writer.name, number, "false", bookmark))
    measured.rulers_as_pairs += len(result.crossing)
    measured.decoys_accepted += sum(_is_accepted_decoy(b, drawn, writer.tolerance) for b in result.false)


def _is_accepted_decoy(bookmark: Bookmark, drawn: Sequence[Drawing], tolerance: float) -> bool:
    pair = bookmark.kind is Kind.RECIST and bookmark.confidence >= ACCEPTANCE
    return pair and is_of_a_decoy_tool(bookmark, drawn, tolerance)


# --------------------------------------------------------------------------------------------------------------- print


def table(measured: Measured) -> str:
    """The README's block."""
    lines = [
        "| encoding | kind | drawn | found | false | recall | precision |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for encoding in Encoding:
        lines += [
            _row(encoding.value, kind.value, measured.drawn[key], measured.found[key], measured.false[key])
            for kind in Kind
            if (key := (encoding, kind)) in measured.drawn or measured.false[key]
        ]
    lines += [
        _row("**all**", f"**{kind.value}**", *(_sum(c, kind) for c in (measured.drawn, measured.found, measured.false)))
        for kind in Kind
    ]
    decoys = ", ".join(f"{measured.decoys[kind]} {name}" for kind, name in DECOYS.items())
    lines += [
        "",
        f"Among them stood {decoys}, and the ticks of Agfa's rulers: {measured.decoys_accepted} were accepted as a "
        f"lesion. Two rulers that were drawn to cross, which nothing tells from a lesion, are not counted above: "
        f"{measured.rulers}, of which {measured.rulers_as_pairs} were read as a lesion.",
    ]
    return "\n".join(lines)


def by_style(measured: Measured) -> str:
    """The same counts by style."""
    lines = [
        "| style | kind | drawn | found | false | recall | precision |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(writer.name for writer in writers()):
        for kind in Kind:
            drawn, found, false = (measured.styles[name, kind, what] for what in ("drawn", "found", "false"))
            if drawn or false:
                lines.append(_row(name, kind.value, drawn, found, false))
    return "\n".join(lines)


def _row(name: str, kind: str, drawn: int, found: int, false: int) -> str:
    recall = f"{found / drawn:.3f}" if drawn else "–"
    precision = f"{found / (found + false):.3f}" if found + false else "–"
    return f"| {name} | {kind} | {drawn} | {found} | {false} | {recall} | {precision} |"


def _sum(counts: Counter[Key], kind: Kind) -> int:
    return sum(count for (_, of), count in counts.items() if of is kind)


def official_rows() -> Path | None:
    """The official rows, where the folder of real test data is there."""
    data = find_shared_data()
    path = data / "deeplesion" / "DL_info.first-1686-rows.csv" if data else None
    return path if path is not None and path.is_file() else None


def _described(measured: Measured) -> Iterator[str]:
    for style, number, what, thing in measured.misses:
        yield f"{style} #{number} {what}: {thing}"


def main() -> None:
    """Print the README's table, or the full one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="more bookmarks, and by style")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--misses", action="store_true", help="list what went wrong")
    chosen = parser.parse_args()
    count = FULL_BOOKMARKS if chosen.full else README_BOOKMARKS
    measured = measure(seed=chosen.seed, bookmarks=count, official=official_rows())
    print(table(measured))
    if chosen.full:
        print("\n" + by_style(measured))
    if chosen.misses:
        print("\n" + "\n".join(_described(measured)))


if __name__ == "__main__":
    main()
