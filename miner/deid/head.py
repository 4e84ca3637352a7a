"""Body Part Examined, reduced to a closed vocabulary; and whether it names the head.

The attribute is a code string, but people type into it, so only words of a list of ours leave the object. What names
the head in whatever words becomes ``HEAD``: lost as unknown, it would let a face be exported (neighbouring slices of a
face are a comparable image, PS3.15 E.3.2).
"""

from __future__ import annotations

import re
import unicodedata

HEAD = "HEAD"

_BODY_PARTS = frozenset(
    {
        *("ABDOMEN", "ABDOMENPELVIS", "ADRENAL", "ANKLE", "AORTA", "ARM", "AXILLA", "BACK", "BLADDER", "BREAST"),
        *("BRONCHUS", "BUTTOCK", "CALCANEUS", "CALF", "CERVIX", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "CLAVICLE"),
        *("COCCYX", "COLON", "CORONARYARTERY", "DUODENUM", "ELBOW", "ESOPHAGUS", "EXTREMITY", "FEMUR", "FINGER"),
        *("FOOT", "GALLBLADDER", "HAND", "HEART", "HIP", "HUMERUS", "ILEUM", "ILIUM", "JEJUNUM", "KIDNEY", "KNEE"),
        *("LEG", "LIVER", "LSPINE", "LSSPINE", "LUNG", "MEDIASTINUM", "OVARY", "PANCREAS", "PATELLA", "PELVIS"),
        *("PENIS", "PROSTATE", "RECTUM", "RIB", "SCAPULA", "SCROTUM", "SHOULDER", "SPINE", "SPLEEN", "SSPINE"),
        *("STERNUM", "STOMACH", "TESTIS", "THIGH", "THORAX", "THUMB", "THYMUS", "TLSPINE", "TOE", "TRACHEA"),
        *("TSPINE", "URETER", "URETHRA", "UTERUS", "VAGINA", "VULVA", "WHOLEBODY", "WRIST"),
    }
)
"""Defined terms of PS3.16 Annex L without those of head and neck, and THORAX. Spaces and underscores do not count."""

_HEAD_STEMS = (
    # English, and what Latin and Greek gave to all; the terms of PS3.16 Annex L are among them (HEADNECK, NECKCHEST)
    *("HEAD", "NECK", "BRAIN", "SKULL", "FACE", "FACIAL", "ORBIT", "CRAN", "CEREB", "CEPHAL", "SINUS", "MAXILL"),
    *("MANDIB", "DENTA", "TEETH", "TOOTH", "NASAL", "NASO", "NOSE", "MOUTH", "TONGUE", "LARYN", "PHARYN", "GLOTT"),
    *("TONSIL", "PAROTI", "SALIVA", "THYROID", "CAROTI", "PITUIT", "HYPOPHYS", "SELLA", "ZYGOM", "CHEEK", "TEMPORAL"),
    *("PETROUS", "MASTOID", "SCALP", "OCULAR", "OCCIPIT", "CERVICAL", "CERVICO", "CORNEA", "SCLERA", "EYELID"),
    "WILLIS",
    # German, French, Spanish, Portuguese, Italian, Dutch
    *("KOPF", "SCHADEL", "SCHAEDEL", "HIRN", "GESICHT", "KIEFER", "FELSENBEIN", "SCHILDDR", "AUGE", "ZAHN"),
    *("TETE", "VISAGE", "CERVEAU", "MACHOIRE", "ROCHER", "CABEZA", "CUELLO", "CABECA", "PESCOCO"),
    *("TESTA", "COLLO", "CERVELLO", "VOLTO", "HOOFD", "SCHEDEL", "HERSEN", "GEZICHT"),
)
"""Stems that name head or neck wherever they stand in a word."""

_HEAD_WORDS = frozenset(
    {
        *("EAR", "EARS", "EYE", "EYES", "IAC", "IAM", "JAW", "TMJ", "TMJOINT", "LIP", "LIPS", "CHIN", "ENT", "HN"),
        *("HNO", "ORL", "PNS", "NNH", "HALS", "HWS", "COU", "NEZ", "OEIL", "YEUX", "OJO", "OJOS", "CSPINE", "CTSPINE"),
    }
)
"""Words too short to be looked for inside others (``EAR`` stands in ``NUCLEAR``)."""

_SPLIT_C_SPINE = re.compile(r"\bC[\W_]?SPINE\b")


def body_part(text: str) -> str:
    """The word of the vocabulary that ``text`` is; ``HEAD`` where it names head or neck; else the empty string."""
    if is_head(text):
        return HEAD
    word = "".join(_words(text))
    return word if word in _BODY_PARTS else ""


def is_head(body_part: str) -> bool:
    """Whether a Body Part Examined names head, neck or a part of them, in any words. Absent or unknown is not head.

    Errs on the side of head: ``NECKCHESTABDPELVIS`` and ``FEMORAL HEAD`` count.
    """
    words = _words(body_part)
    if any(word in _HEAD_WORDS or any(stem in word for stem in _HEAD_STEMS) for word in words):
        return True
    return _SPLIT_C_SPINE.search(" ".join(words)) is not None


def _words(text: str) -> list[str]:
    """Upper case, accents taken off, cut at everything that is neither letter nor digit."""
    decomposed = unicodedata.normalize("NFKD", text.upper())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return re.findall(r"[A-Z0-9]+", plain)
