"""What is proposed to a PACS."""

from __future__ import annotations

from pydicom.uid import CTImageStorage, GrayscaleSoftcopyPresentationStateStorage

from miner.bookmarks import readable_classes
from miner.pacs.classes import READ_CLASSES
from miner.pacs.dimse.contexts import (
    GET,
    IMAGE_CLASSES,
    IMAGE_SYNTAXES,
    OBJECT_CLASSES,
    UNCOMPRESSED,
    get_contexts,
    listening_contexts,
    storage_roles,
)


def test_an_association_can_hold_them() -> None:
    """128 at most (PS3.8 9.3.2.2: odd numbers of one octet); a PACS is not asked for more than is read."""
    assert len(get_contexts()) < 80


def test_every_class_that_is_read_can_be_received() -> None:
    for contexts in (get_contexts(), listening_contexts()):
        proposed = {str(context.abstract_syntax) for context in contexts}
        assert readable_classes().keys() <= proposed
        assert proposed >= READ_CLASSES


def test_images_have_one_context_per_transfer_syntax() -> None:
    syntaxes = [context.transfer_syntax for context in get_contexts() if context.abstract_syntax == CTImageStorage]
    assert sorted(one for (one,) in syntaxes) == sorted(IMAGE_SYNTAXES)


def test_annotation_objects_are_uncompressed() -> None:
    for contexts in (get_contexts(), listening_contexts()):
        (state,) = [one for one in contexts if one.abstract_syntax == GrayscaleSoftcopyPresentationStateStorage]
        assert set(state.transfer_syntax) == set(UNCOMPRESSED)


def test_each_storage_class_has_its_role() -> None:
    assert {role.sop_class_uid for role in storage_roles()} == {*IMAGE_CLASSES, *OBJECT_CLASSES}
    assert all(role.scp_role for role in storage_roles())
    assert any(context.abstract_syntax == GET for context in get_contexts())
