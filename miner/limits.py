"""How large and how crowded a DICOM object may be that is read at all. Beyond these it is refused, ``over-limits``.

A hostile sender can make a megabyte into ten gigabytes (deflation), or each octet cost its reader a thousand (sequence
items), and neither shows before it is parsed. Each bound stands far above anything that a scanner or a viewer was seen
to write, and low enough that one object takes less than a gibibyte of memory and some seconds.

Bounds of single features stand where these are read: the drawing model of a viewer
(:mod:`miner.bookmarks.states.weasis_xml`), content trees (:mod:`miner.bookmarks.reports.content`), points of a graphic
(:mod:`miner.bookmarks.states.graphics`), messages from the wire (:mod:`miner.pacs.dimse.bounds`,
:mod:`miner.pacs.dicomweb.wado`), heads of files and DICOMDIRs (:mod:`miner.pacs.folder`).
"""

from __future__ import annotations

LARGEST_IMAGE = 64 << 20
"""Octets of the file of one single-frame image, as it is and inflated. A CT slice of 512 x 512 takes half a megabyte,
of 2048 x 2048, the largest that scanners make, 8."""

LARGEST_HEADER = 16 << 20
"""Octets of the beginning of a larger file, from which the class is told that it is refused for; the pixels of an
enhanced CT stand behind some MB."""

LARGEST_ANNOTATION = 16 << 20
"""Octets of the file of one annotation object, as it is and inflated. Real states take 2 kB to some hundred kB, reports
up to some MB."""

MOST_PIXELS = 4096 * 4096
"""Rows times columns that are decoded: four times the largest slice."""

MOST_ITEMS = 50_000
"""Sequence items of one file, counted by their tag before it is parsed: each costs some kilobytes. CT slices have up to
some hundred, the largest reports some ten thousand."""

MOST_READS = 1_000_000
"""Steps of the parser, two to five for each element. CT slices take a thousand, an object of MOST_ITEMS some hundred
thousand."""

MOST_MARKS = 5_000
"""Graphics, texts and measurements of one annotation object. Each is held against the others of its image, so that ten
times as many cost a hundred times as much; real objects hold up to some hundred."""

MOST_POINTS = 200_000
"""Points of all graphics of one annotation object: curves are drawn out and contours compared. Contours have some
hundred."""

LONGEST_VALUE = 64 * 1024
"""Octets of one text or list of numbers that is looked at: what Explicit VR can say in its 16 bits of length (PS3.5
7.1.2). Image Type or a decimal string of real objects take some dozen."""
