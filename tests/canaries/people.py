"""Made-up patients and their studies: canaries in everything that names them, UIDs of an institution in every link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.canaries.canary import Aviary
from tests.hospital import ct_series

CHARACTER_SETS: dict[str, str | list[str]] = {
    "greek": "ISO_IR 126",
    "cyrillic": "ISO_IR 144",
    "kanji": ["", "ISO 2022 IR 87"],
    "hangul": ["", "ISO 2022 IR 149"],
    "hanzi": "GB18030",
}


@dataclass(frozen=True)
class Person:
    """One patient with one study."""

    label: str
    patient_id: str
    name: str
    birth: str
    study_uid: str
    study_date: str
    study_time: str
    study_id: str
    accession: str
    referrer: str
    description: str
    charset: str | list[str] = "ISO_IR 192"

    @classmethod
    def made_up(cls, label: str, aviary: Aviary, script: str = "") -> Person:
        """A patient; with ``script``, whose name is written in that script too."""
        place = f"patient {label}"
        name = aviary.name(f"{place}.PatientName")
        description = ""
        if script:
            name += f"={aviary.script(f'{place}.PatientName ideographic', script)}"
            name += f"^{aviary.script(f'{place}.PatientName ideographic given', script)}"
            if script not in ("kanji", "hangul"):  # their first character set is ASCII
                description = aviary.script(f"{place}.StudyDescription", script)
        return cls(
            label,
            aviary.record_number(f"{place}.PatientID"),
            name,
            aviary.day(f"{place}.PatientBirthDate"),
            aviary.uid(f"{place}.StudyInstanceUID"),
            aviary.day(f"{place}.StudyDate"),
            aviary.time(f"{place}.StudyTime"),
            aviary.word(f"{place}.StudyID"),
            aviary.record_number(f"{place}.AccessionNumber"),
            aviary.name(f"{place}.ReferringPhysicianName"),
            description or aviary.word(f"{place}.StudyDescription"),
            CHARACTER_SETS.get(script, "ISO_IR 192"),
        )

    def sign(self, target: Dataset, kind: str, aviary: Aviary, *, series: str = "") -> Dataset:
        """Make an object this patient's, with UIDs of its own; ``series``: its Series Instance UID, else a new one."""
        target.SpecificCharacterSet = self.charset
        target.PatientID, target.PatientName, target.PatientBirthDate = self.patient_id, self.name, self.birth
        target.PatientSex, target.PatientAge = "F", "061Y"
        target.StudyInstanceUID, target.StudyID, target.AccessionNumber = self.study_uid, self.study_id, self.accession
        target.StudyDate, target.StudyTime = self.study_date, self.study_time
        target.ReferringPhysicianName, target.StudyDescription = self.referrer, self.description
        place = f"{self.label} {kind}"
        target.SeriesInstanceUID = series or aviary.uid(f"{place}.SeriesInstanceUID")
        target.SOPInstanceUID = aviary.uid(f"{place}.SOPInstanceUID")
        if not hasattr(target, "file_meta"):
            target.file_meta = FileMetaDataset()
            target.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        target.file_meta.MediaStorageSOPClassUID = target.SOPClassUID
        target.file_meta.MediaStorageSOPInstanceUID = target.SOPInstanceUID
        return target

    def series(self, aviary: Aviary, *, slices: int = 9, name: str = "CT") -> list[Dataset]:
        """A CT series of this patient's; UIDs, times and numbers of every image are canaries."""
        images = ct_series(self.label, slices=slices, spacing_z=10.0)
        place = f"{self.label} {name}"
        uid, frame = aviary.uid(f"{place}.SeriesInstanceUID"), aviary.uid(f"{place}.FrameOfReferenceUID")
        for number, image in enumerate(images):
            kind = f"{name} {number}"
            self.sign(image, kind, aviary, series=uid)
            image.FrameOfReferenceUID = frame
            image.SeriesDescription = aviary.word(f"{self.label} {kind}.SeriesDescription")
            image.ContentDate = aviary.day(f"{self.label} {kind}.ContentDate")
            image.ContentTime = aviary.time(f"{self.label} {kind}.ContentTime")
            image.DeviceSerialNumber = aviary.number(f"{self.label} {kind}.DeviceSerialNumber")
            image.OperatorsName = aviary.name(f"{self.label} {kind}.OperatorsName")
        return images


def mark_file(target: Dataset, kind: str, aviary: Aviary) -> None:
    """Canaries in the File Meta Information (PS3.10 7.1) and behind the data set."""
    meta = target.file_meta
    meta.ImplementationClassUID = aviary.uid(f"{kind}.ImplementationClassUID")
    meta.ImplementationVersionName = aviary.word(f"{kind}.ImplementationVersionName")
    meta.SourceApplicationEntityTitle = aviary.word(f"{kind}.SourceApplicationEntityTitle")
    meta.SendingApplicationEntityTitle = aviary.word(f"{kind}.SendingApplicationEntityTitle")
    meta.ReceivingApplicationEntityTitle = aviary.word(f"{kind}.ReceivingApplicationEntityTitle")
    meta.PrivateInformationCreatorUID = aviary.uid(f"{kind}.PrivateInformationCreatorUID")
    meta.PrivateInformation = aviary.word(f"{kind}.PrivateInformation").encode("ascii")
    if "DataSetTrailingPadding" not in target:
        target.DataSetTrailingPadding = aviary.word(f"{kind}.DataSetTrailingPadding").encode("ascii")


def written(target: Dataset, kind: str, aviary: Aviary) -> bytes:
    """The Part 10 file, with canaries in its preamble."""
    words = [aviary.word(f"{kind} preamble {number}") for number in range(12)]
    target.preamble = "".join(words).encode("ascii").ljust(128, b"\0")
    file = BytesIO()
    target.save_as(file, enforce_file_format=True)
    return file.getvalue()


def written_all(objects: Sequence[Dataset], kind: str, aviary: Aviary) -> list[bytes]:
    """The Part 10 files of several objects."""
    return [written(entry, f"{kind} {number}", aviary) for number, entry in enumerate(objects)]
