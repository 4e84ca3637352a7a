"""Coarse_lesion_type from the finding site that a report's author coded.

DeepLesion's eight types (Yan et al. 2018): 1 bone, 2 abdomen (not liver or kidney), 3 mediastinum, 4 liver, 5 lung,
6 kidney, 7 soft tissue (body wall, muscle, skin, fat), 8 pelvis. A site counts only where it lies in one type whatever
the lesion is. So regions (abdomen, pelvis, chest, neck) say nothing, as liver, kidney and bone lie in them; nor do
organs of two regions (colon, ureter, lymph node), the hilum, the pleura, and soft tissue as such.
"""

from __future__ import annotations

from collections.abc import Mapping

from miner.dataset.dl_info import UNKNOWN_TYPE

BONE, ABDOMEN, MEDIASTINUM, LIVER, LUNG, KIDNEY, SOFT_TISSUE, PELVIS = range(1, 9)

SITES: Mapping[int, tuple[str, ...]] = {
    BONE: (
        "272673000",  # bone
        "3138006",  # bone tissue
        "51282000",  # vertebra
        "14806007", "39976000", "113205007", "5329002", "36978003", "36054005", "87391001",  # C1 to C7
        "64864005", "53733008", "1626008", "73071006", "56401006", "45296009", "62487009", "11068009", "82687006",
        "7610001", "12989004", "23215003",  # T1 to T12
        "66794005", "14293000", "36470004", "11994002", "49668003",  # L1 to L5
        "54735007",  # sacrum
        "113197003",  # rib
        "56873002",  # sternum
        "51299004",  # clavicle
        "79601000",  # scapula
        "85050009",  # humerus
        "118645006",  # bone of the pelvis
        "22356005",  # ilium
        "71341001",  # femur
        "272710004",  # bone of the thorax
        "371195002",  # bone of an upper limb
        "72001000",  # bone of a lower limb
        "312779009",  # bone of head or neck
    ),
    ABDOMEN: (
        "78961009",  # spleen
        "15776009",  # pancreas
        "23451007",  # adrenal gland
        "28231008",  # gallbladder
        "69695003",  # stomach
        "38848004",  # duodenum
    ),
    MEDIASTINUM: (
        "72410000",  # mediastinum
        "62683002",  # mediastinal lymph node
    ),
    LIVER: (
        "10200004",  # liver
        "71133005", "277956007", "277957003", "277958008", "277959000", "277960005", "277961009", "277962002",
        # … Couinaud's segments I to VIII
    ),
    LUNG: (
        "39607008",  # lung
        "3341006",  # right lung
        "44029006",  # left lung
        "31094006",  # lobe of lung
        "45653009",  # upper lobe
        "90572001",  # lower lobe
        "42400003",  # upper lobe of the right lung
        "72481006",  # middle lobe of the right lung
        "266005",  # lower lobe of the right lung
        "44714003",  # upper lobe of the left lung
        "41224006",  # lower lobe of the left lung
        "86598002",  # apex of lung
        "72674008",  # segment of lung
    ),
    KIDNEY: (
        "64033007",  # kidney
        "9846003",  # right kidney
        "18639004",  # left kidney
    ),
    SOFT_TISSUE: (
        "39937001",  # skin
        "71966008",  # subcutaneous tissue
        "71616004", "91727004",  # muscle
        "372074006",  # chest wall muscle
        "1142228004",  # abdominal wall muscle
    ),
    PELVIS: (
        "89837001",  # urinary bladder
        "41216001",  # prostate
        "64739004",  # seminal vesicle
        "35039007",  # uterus
        "71252005",  # cervix of the uterus
        "15497006",  # ovary
        "76784001",  # vagina
        "34402009",  # rectum
    ),
}  # fmt: skip
"""Type → SNOMED CT concepts of body structures. Reports in SNOMED's old form were mapped when they were read."""

_TYPES = {f"SCT:{code}": number for number, codes in SITES.items() for code in codes}


def coarse_type(finding_site: str) -> int:
    """The type of a public code such as ``SCT:39607008``; −1 where it says none, or there is no code.

    >>> coarse_type("SCT:10200004"), coarse_type("SCT:818981001"), coarse_type("")
    (4, -1, -1)
    """
    return _TYPES.get(finding_site, UNKNOWN_TYPE)


def rules() -> dict[str, list[str]]:
    """The table, for the digest of the rules."""
    return {str(number): sorted(codes) for number, codes in SITES.items()}
