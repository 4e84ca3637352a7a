"""Only the slices that are needed are fetched: octets received against octets of the slices kept."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from miner.console import Terminal
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.mining.project import open_catalogue
from miner.mining.spool import dataset_octets
from miner.show import Show
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.series import draw, state_of
from tests.mining.test_spatial import in_space
from tests.peers.orthanc import Orthanc

RATIO = 1.1


class Scale(Behaviour):
    """Weighs what leaves the PACS: octets of CT images, by SOP Instance UID."""

    def __init__(self) -> None:
        self.sent: dict[str, list[int]] = {}

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, dataset in answers:
            if dataset is not None and dataset.SOPClassUID == CTImageStorage:
                self.sent.setdefault(str(dataset.SOPInstanceUID), []).append(len(dataset.PixelData))
            yield status, dataset


def a_mix() -> tuple[list[Dataset], list[Dataset]]:
    """Objects of a mix of studies, and those images among them that are looked at and refused."""
    objects: list[Dataset] = []
    one = ct_series("P1", slices=60, spacing_z=2.5)  # several lesions, ranges that touch and one that does not
    objects += [*one, draw(ruler_pair(one[20]), one[24], (20, 20, 40, 30)), ruler_pair(one[55], x=40, name="far")]
    thin = ct_series("P2", slices=120, spacing_z=1.0)  # thin slices beside another series that nobody marked
    objects += [*thin, *ct_series("P2", series="2", slices=40), ruler_pair(thin[60])]
    spatial = ct_series("P3", slices=40, spacing_z=3.0)  # a report in space, which names the whole series
    objects += [*spatial, in_space(spatial, spatial[20])]
    prior, now = ct_series("P4", "S0", slices=40), ct_series("P4", "S1", slices=40)  # a state beside later images
    on_prior = ruler_pair(prior[10], name="on the prior")
    on_prior.StudyInstanceUID = now[0].StudyInstanceUID
    objects += [*prior, *now, on_prior, ruler_pair(now[30])]
    head = ct_series("P5", slices=30)  # of a head, key slices only
    for image in head:
        image.BodyPartExamined = "HEAD"
    objects += [*head, ruler_pair(head[15])]
    words = ct_series("P6", slices=30)  # marks that are no bookmark
    objects += [*words, draw(state_of(words), words[3], (20, 20, 40, 30, 50, 60))]
    burned = ct_series("P7", slices=30)  # refused by the gate
    for image in burned:
        image.BurnedInAnnotation = "YES"
    objects += [*burned, ruler_pair(burned[15]), ruler_pair(burned[5], x=40, name="second")]
    return objects, [words[3], burned[15], burned[5]]


def assert_only_what_is_needed(hospital: Hospital, looked_at: list[Dataset]) -> None:
    status = hospital.status()
    assert status.image_ratio is not None
    assert status.image_ratio <= RATIO
    pixels = sum(len(image.PixelData) for image in looked_at)
    assert pixels <= status.traffic["looked_octets"] <= pixels * 1.1, "what gave nothing is counted apart"
    assert status.traffic["extra_octets"] == 0
    assert status.missing == ()
    kept = status.slices * len(looked_at[0].PixelData)
    received = status.traffic["image_octets"] - status.traffic["looked_octets"]
    assert kept <= received <= kept * RATIO, "measured without our own count of what was used"


def test_only_the_slices_needed_leave_the_pacs(hospital: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    objects, looked_at = a_mix()
    hospital.add(objects)
    scale = hospital.pacs.behaviour = Scale()
    hospital.mine()
    assert_only_what_is_needed(hospital, looked_at)
    assert all(len(times) == 1 for times in scale.sent.values()), "nothing is sent twice"
    with open_catalogue(hospital.settings) as catalogue:
        slices = len(list(catalogue.known_slices()))
    apart = {str(image.SOPInstanceUID) for image in looked_at}
    sent = sum(times[0] for uid, times in scale.sent.items() if uid not in apart)
    assert sent <= slices * len(objects[0].PixelData) * RATIO, "as the PACS sees it"
    assert sum(map(sum, scale.sent.values())) <= hospital.status().traffic["image_octets"]
    Show(Terminal()).status(hospital.status())
    assert "ratio 1.0" in " ".join(capsys.readouterr().out.split())


@pytest.mark.peer
def test_only_the_slices_needed_leave_an_orthanc(tmp_path: Path, orthanc: Orthanc) -> None:
    objects, looked_at = a_mix()
    files = []
    for dataset in objects:
        content = BytesIO()
        pydicom.dcmwrite(content, dataset, enforce_file_format=True)
        files.append(content.getvalue())
    orthanc.store(files)
    address = {"host": orthanc.host, "port": orthanc.port, "ae_title": orthanc.ae_title}
    with Hospital(tmp_path, pacs=address) as hospital:
        hospital.mine()
        assert_only_what_is_needed(hospital, looked_at)


def test_a_second_look_for_one_late_state_fetches_its_slices_alone(hospital: Hospital) -> None:
    images = ct_series(slices=60, spacing_z=2.5)
    hospital.add(images, ruler_pair(images[20]))
    hospital.mine()
    scale = hospital.pacs.behaviour = Scale()
    hospital.add(ruler_pair(images[24], x=40, name="late"))
    hospital.mine()
    before, after = range(20 - 12, 20 + 13), range(24 - 12, 24 + 13)
    fresh = {images[index].SOPInstanceUID for index in after if index not in before}
    assert scale.sent.keys() - {images[20].SOPInstanceUID, images[24].SOPInstanceUID} == fresh


def test_the_file_meta_information_is_no_part_of_what_was_sent(tmp_path: Path) -> None:
    image = ct_series(slices=1)[0]
    whole = tmp_path / "image.dcm"
    pydicom.dcmwrite(whole, image, enforce_file_format=True)
    meta = 128 + 4 + 12 + int.from_bytes(whole.read_bytes()[140:144], "little")
    assert dataset_octets(whole) == whole.stat().st_size - meta
    with whole.open("rb") as file:
        file.seek(meta)
        assert file.read(4) == b"\x08\x00\x05\x00", "there the data set begins"
    other = tmp_path / "other"
    other.write_bytes(b"no DICOM file")
    assert dataset_octets(other) == 13
