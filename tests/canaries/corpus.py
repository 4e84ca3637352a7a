"""The corpus: whole studies full of canaries, as a PACS would hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset

from miner.deid.projection import ATTRIBUTES
from tests.canaries import annotated, failing
from tests.canaries.attributes import NOT_IN_AN_ACCEPTED_IMAGE, Planted, attributes
from tests.canaries.canary import Aviary
from tests.canaries.people import CHARACTER_SETS, Person, mark_file, written
from tests.canaries.planting import plant, private_elements

SEED = 20261123

KNOWN_CREATORS = ("GEMS_PARM_01", "SIEMENS CT VA0 COAD", "Philips Imaging DD 129", "weasis/model/xml/2.5")


@dataclass
class Corpus:
    """Files, and the canaries in them. ``valid``: patients whose bookmark is to come out at the end.

    ``later``: a study that the PACS gets when the others were released: letters are drawn into its slices.
    """

    aviary: Aviary
    files: list[bytes] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    later: list[bytes] = field(default_factory=list)

    def add(self, person: Person, *objects: Dataset, valid: bool = False) -> None:
        """Write a patient's objects."""
        if person not in self.people:
            self.people.append(person)
        if valid:
            self.valid.add(person.label)
        for number, target in enumerate(objects):
            kind = f"{person.label} file {number}"
            mark_file(target, kind, self.aviary)
            self.files.append(written(target, kind, self.aviary))


def build(data: Path | None, seed: int = SEED) -> Corpus:
    """The whole corpus, the same for one seed. ``data``: the folder that holds ``ps3.15``; None: a list of our own."""
    corpus = Corpus(Aviary(seed))
    table = attributes(data)
    _table_in_image_and_state(corpus, table)
    _table_in_a_report(corpus, table)
    _table_in_a_key_object(corpus, table)
    _scripts(corpus)
    _private(corpus)
    _failing(corpus, table)
    _burned_in(corpus)
    return corpus


def _new(corpus: Corpus, label: str) -> tuple[Person, list[Dataset]]:
    person = Person.made_up(label, corpus.aviary)
    return person, person.series(corpus.aviary)


def _table_in_image_and_state(corpus: Corpus, table: list[Planted]) -> None:
    """Every attribute of the table in a key image that is accepted, and in the state that lies on it."""
    person, images = _new(corpus, "table")
    read = {entry.tag for entry in ATTRIBUTES} | NOT_IN_AN_ACCEPTED_IMAGE
    plant(images[4], [e for e in table if e.tag not in read and e.tag >> 16 < 0x5000], "CT", corpus.aviary)
    state = annotated.state(person, images[4], corpus.aviary)
    plant(state, [entry for entry in table if entry.tag >> 16 < 0x5000], "PR", corpus.aviary)
    for target, kind in ((images[4], "CT"), (state, "PR")):
        private_elements(target, corpus.aviary.word(f"{kind} private creator"), 0x0041, kind, corpus.aviary)
        for number, creator in enumerate(KNOWN_CREATORS[:3]):
            private_elements(target, creator, 0x0043 + 2 * number, kind, corpus.aviary)
    corpus.add(person, *images, state, valid=True)


def _table_in_a_report(corpus: Corpus, table: list[Planted]) -> None:
    person, images = _new(corpus, "report")
    reports = [annotated.structured(person, images[4:], style, corpus.aviary) for style in ("highdicom", "ohif")]
    plant(reports[0], table, "SR", corpus.aviary)
    private_elements(reports[0], corpus.aviary.word("SR private creator"), 0x0041, "SR", corpus.aviary)
    corpus.add(person, *images, *reports, valid=True)


def _table_in_a_key_object(corpus: Corpus, table: list[Planted]) -> None:
    person, images = _new(corpus, "selection")
    selection = annotated.key_object(person, images[4], corpus.aviary)
    plant(selection, table, "KO", corpus.aviary)
    corpus.add(person, *images, selection, annotated.state(person, images[4], corpus.aviary), valid=True)


def _scripts(corpus: Corpus) -> None:
    for script in CHARACTER_SETS:
        person = Person.made_up(script, corpus.aviary, script)
        images = person.series(corpus.aviary, slices=3)
        corpus.add(person, *images, annotated.state(person, images[1], corpus.aviary), valid=True)


def _private(corpus: Corpus) -> None:
    person, images = _new(corpus, "private")
    corpus.add(person, *images, *annotated.private_states(person, images, corpus.aviary), valid=True)
    person, images = _new(corpus, "styles")
    corpus.add(person, *images, *annotated.odd_states(person, images, corpus.aviary), valid=True)


def _burned_in(corpus: Corpus) -> None:
    person, images = _new(corpus, "burned")
    state = annotated.state(person, images[4], corpus.aviary)
    failing.burn_in(images, "NABUQOXI 1937")
    first = len(corpus.files)
    corpus.add(person, *images, state)
    corpus.later = corpus.files[first:]
    del corpus.files[first:]


def _failing(corpus: Corpus, table: list[Planted]) -> None:
    person, images = _new(corpus, "refused")
    failing.refused_images(person, images, table, corpus.aviary)
    states = [annotated.state(person, image, corpus.aviary, f"PR {k}") for k, image in enumerate(images[:8])]
    corpus.add(person, *images, *states)
    person, images = _new(corpus, "broken")
    broken = failing.broken_annotations(person, images, corpus.aviary)
    corpus.add(person, *images, *broken, failing.unreadable_state(person, images[5], corpus.aviary))
