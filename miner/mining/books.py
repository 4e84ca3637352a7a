"""The books of one study: every object and every mark ends accepted or with a reason, and the counts add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from miner.deid import UNDATED, Surrogates
from miner.errors import RETRIABLE_REASONS, MinerError, Reason
from miner.records import (
    IMAGE_KIND,
    AnnotationObject,
    Fetched,
    ImageReference,
    ImageStudy,
    InstanceRef,
    Level,
    MinedBookmark,
    MinedObject,
    MinedSeries,
    MinedStudy,
    MissingItem,
    Refused,
    SeriesRef,
    StudyRef,
    Traffic,
    WorkState,
)
from miner.vault import Identity

MarkKey = tuple[str, int]
"""SOP Instance UID of the annotation object, order of the mark in it."""


@dataclass
class StudyBooks:
    """What is known so far of the study being mined. Closed once, into the record that the catalogue stores."""

    study: StudyRef
    surrogates: Surrogates
    annotations_digest: str
    series: list[MinedSeries] = field(default_factory=list)
    bookmarks: list[MinedBookmark] = field(default_factory=list)
    identities: dict[tuple[str, str], Identity] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    _studies: dict[str, ImageStudy] = field(default_factory=dict)
    _objects: list[MinedObject] = field(default_factory=list)
    _open: dict[str, tuple[AnnotationObject, str]] = field(default_factory=dict)
    _fate: dict[MarkKey, Reason | None] = field(default_factory=dict)
    _refused: Counter[tuple[str, str, Reason]] = field(default_factory=Counter)
    _missing: dict[tuple[Level, str], MissingItem] = field(default_factory=dict)

    @property
    def patient_key(self) -> str:
        """Surrogate of the study's patient."""
        return self.surrogates.patient(self.study.patient, self.study.study_uid)

    @property
    def study_key(self) -> str:
        """Surrogate of the study."""
        return self.surrogates.study(self.study.study_uid)

    @property
    def objects_read(self) -> tuple[AnnotationObject, ...]:
        """Every annotation object of the study that was read, with or without marks."""
        return tuple(read for read, _ in self._open.values())

    def state_order(self, object_uid: str, images: StudyRef) -> int:
        """A number that sorts the states on one image by when they were made, without a date; 0 where it is not known.

        As :meth:`Surrogates.order` sorts studies, so it is to the second and shifted by the keyed offset of the patient
        that the study of the images names: the PACS may name another issuer, or none, in each annotation study.
        """
        read, _ = self._open[object_uid]
        patient_key = self.surrogates.patient(images.patient, images.study_uid)
        order = self.surrogates.order(patient_key, read.created[:8], read.created[8:14])
        return 0 if order == UNDATED else order

    def remember(self, kind: str, key: str, **value: str) -> None:
        """Note who a surrogate stands for; the vault gets it before the catalogue commits."""
        self.identities[kind, key] = Identity(kind, key, value)

    def count_fetch(self, asked: int, fetched: Fetched, *, images: bool) -> None:
        """Add a retrieve to the traffic. What was refused before it was asked for was not asked for."""
        refused = sum(reason not in RETRIABLE_REASONS for reason in fetched.missing.values())
        octets = fetched.octets + fetched.extra_octets
        self.traffic = replace(
            self.traffic,
            objects_asked=self.traffic.objects_asked + asked - refused,
            objects_arrived=self.traffic.objects_arrived + len(fetched.arrived),
            octets=self.traffic.octets + octets,
            image_octets=self.traffic.image_octets + (octets if images else 0),
            extra_octets=self.traffic.extra_octets + fetched.extra_octets,
        )

    def count_used(self, octets: int) -> None:
        """Add the encoded size of images whose slices are kept."""
        self.traffic = replace(self.traffic, image_octets_used=self.traffic.image_octets_used + octets)

    def count_looked(self, octets: int) -> None:
        """Add the encoded size of images that were looked at and gave nothing."""
        self.traffic = replace(self.traffic, looked_octets=self.traffic.looked_octets + octets)

    # ------------------------------------------------------------------------------------------- what is missing

    def miss_image(self, image: ImageReference | InstanceRef, study_uid: str, reason: Reason) -> None:
        """An image that did not come, or that no query shows; ``study_uid``: where it is thought to be."""
        if not image.sop_uid:
            return
        key = self.surrogates.instance(image.sop_uid)
        self.remember("instance", key, sop_uid=image.sop_uid, series_uid=image.series_uid, study_uid=study_uid)
        self._miss(Level.OBJECT, key, IMAGE_KIND, reason)

    def miss_series(self, series_uid: str, study_uid: str, kind: str, reason: Reason) -> None:
        """A series whose objects could not be listed, or that no query shows. ``kind`` as in :class:`MissingItem`."""
        key = self.surrogates.series(series_uid)
        self.remember("series", key, series_uid=series_uid, study_uid=study_uid)
        self._miss(Level.SERIES, key, kind, reason)

    def miss_listing(self, series: SeriesRef, kind: str, reason: Reason) -> None:
        """A series that the PACS has and whose objects it does not list."""
        self.miss_series(series.series_uid, series.study.study_uid, kind, reason)

    def _miss(self, level: Level, key: str, kind: str, reason: Reason) -> None:
        self._missing.setdefault((level, key), MissingItem(level, key, kind, reason))

    # ------------------------------------------------------------------------------------- annotations and marks

    def lost_object(self, sop_uid: str, series_uid: str, kind: str, reason: Reason) -> None:
        """An annotation object that could not be fetched or read, or is of a kind that is not read."""
        key = self._remember_object(sop_uid, series_uid)
        self._objects.append(MinedObject(key, kind, reason, 0, 0, 0, ""))
        if reason in RETRIABLE_REASONS:
            self._miss(Level.OBJECT, key, kind, reason)

    def open_object(self, read: AnnotationObject, content_digest: str) -> None:
        """An annotation object that was read; its marks must each meet :meth:`use` or :meth:`refuse`."""
        self._remember_object(read.sop_uid, read.series_uid)
        self._open[read.sop_uid] = (read, content_digest)

    def use(self, object_uid: str, orders: Iterable[int]) -> None:
        """These marks became part of an accepted bookmark."""
        for order in orders:
            self._fate[object_uid, order] = None

    def refuse(self, object_uid: str, orders: Iterable[int], reason: Reason) -> None:
        """These marks were not accepted; a reason already given stays."""
        for order in orders:
            if self._fate.get((object_uid, order)) is None:
                self._fate[object_uid, order] = reason

    def refuse_series(self, series_key: str, reason: Reason) -> None:
        """A volume that gave nothing."""
        self._refused["series", series_key, reason] = 1

    def note_conflicts(self, conflicts: Iterable[str]) -> None:
        """Objects that came again with other content under the same UID; the first one was kept."""
        for uid in conflicts:
            self._refused["object", self.surrogates.instance(uid), Reason.CONTENT_CONFLICT] = 1

    def refuse_slice(self, series_key: str, reason: Reason) -> None:
        """One image that was needed and is not usable."""
        self._refused["slice", series_key, reason] += 1

    def image_study(self, study: StudyRef, sex: str, age: int | None) -> str:
        """Enter the study that holds the images; its key is returned."""
        key = self.surrogates.study(study.study_uid)
        # Its own patient, not that of the annotations: the PACS may name the issuer of one of the two studies only.
        patient_key = self.surrogates.patient(study.patient, study.study_uid)
        order = self.surrogates.order(patient_key, study.study_date, study.study_time)
        self._studies.setdefault(key, ImageStudy(key, patient_key, order, sex, age))
        self.remember_study(study)
        return key

    def remember_study(self, study: StudyRef) -> None:
        """Note a study and its patient for the vault."""
        for identity in study_identities(study, self.surrogates):
            self.identities[identity.kind, identity.key] = identity

    def close(self) -> MinedStudy:
        """The finished record. Raises MinerError if a mark has no fate: that would be a silent loss."""
        objects = self._objects + [self._close_object(read, digest) for read, digest in self._open.values()]
        refused = [Refused(subject, key, reason, n) for (subject, key, reason), n in sorted(self._refused.items())]
        reasons = {entry.reason for entry in refused} | {entry.reason for entry in objects if entry.reason}
        reasons |= {entry.reason for entry in self._missing.values()}
        # What the PACS says it has not is named only where nothing else is lacking: it is no failed retrieval.
        retriable = sorted(reasons & RETRIABLE_REASONS, key=lambda reason: (reason is Reason.IMAGE_NOT_FOUND, reason))
        if retriable:
            state, reason = WorkState.PARTIAL, retriable[0]
            if not self._missing:  # a mark that names no image, of which none is found
                self._miss(Level.STUDY, self.study_key, "", retriable[0])
        elif self.bookmarks:
            state, reason = WorkState.MINED, None
        else:
            state, reason = WorkState.REFUSED, self._main_reason(refused, objects)
        return MinedStudy(
            self.study_key,
            self.patient_key,
            state,
            reason,
            self.annotations_digest,
            sorted(objects, key=lambda entry: entry.object_key),
            sorted(self._studies.values(), key=lambda entry: entry.study_key),
            sorted(self.series, key=lambda entry: entry.series_key),
            sorted(self.bookmarks, key=lambda entry: entry.uid),
            refused,
            self.traffic,
            [self._missing[place] for place in sorted(self._missing)],
        )

    def _close_object(self, read: AnnotationObject, content_digest: str) -> MinedObject:
        key = self.surrogates.instance(read.sop_uid)
        used = 0
        marks = [*read.marks, *(spatial.mark for spatial in read.spatial)]
        for mark in marks:
            if (read.sop_uid, mark.order) not in self._fate:
                raise MinerError("A mark of an annotation object has neither been used nor refused.", Reason.INTERNAL)
            reason = self._fate[read.sop_uid, mark.order]
            used += reason is None
            if reason is not None:
                self._refused["mark", key, reason] += 1
        for refusal in read.refused:
            self._refused["mark", key, refusal.reason] += 1
        total = len(marks) + len(read.refused)
        empty = Reason.NO_GRAPHICS if total == 0 else None
        return MinedObject(key, read.modality, empty, total, used, total - used, content_digest)

    def _remember_object(self, sop_uid: str, series_uid: str) -> str:
        key = self.surrogates.instance(sop_uid)
        self.remember("object", key, sop_uid=sop_uid, series_uid=series_uid, study_uid=self.study.study_uid)
        return key

    @staticmethod
    def _main_reason(refused: Iterable[Refused], objects: Iterable[MinedObject]) -> Reason:
        counts = Counter[Reason]()
        for entry in refused:
            counts[entry.reason] += entry.count
        counts.update(read.reason for read in objects if read.reason is not None)
        return min(counts, key=lambda reason: (-counts[reason], reason)) if counts else Reason.NO_ANNOTATIONS


def study_identities(study: StudyRef, surrogates: Surrogates) -> tuple[Identity, Identity]:
    """What the vault must know to find a patient and a study again.

    The study is as the archive has it; the patient is who it stands for, which the crosswalk may say otherwise.
    """
    person = surrogates.person(study.patient, study.study_uid)
    return (
        Identity(
            "patient",
            surrogates.patient(study.patient, study.study_uid),
            {"patient_id": person.patient_id, "issuer": person.issuer},
        ),
        Identity(
            "study",
            surrogates.study(study.study_uid),
            {
                "study_uid": study.study_uid,
                "patient_id": study.patient.patient_id,
                "issuer": study.patient.issuer,
                "study_date": study.study_date,
                "study_time": study.study_time,
                "accession": study.accession,
            },
        ),
    )
