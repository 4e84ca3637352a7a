"""The attributes to plant in: PS3.15 Table E.1-1 of each edition, or a list of our own where the table is absent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR, tag_for_keyword

from miner.deid.gate import OVERLAY, SECONDARY_CAPTURE

EDITIONS = ("table-E.1-1_2025b.json", "table-E.1-1_2026c.json")

_NAMES = """
AccessionNumber AcquisitionComments AcquisitionDate AcquisitionDateTime AcquisitionTime
ActualHumanPerformersSequence AdditionalPatientHistory AddressTrial AdmissionID AdmittingDate
AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence AdmittingTime AffectedSOPInstanceUID Allergies
Arbitrary AuthorObserverSequence BranchOfService CassetteID CommentsOnThePerformedProcedureStep ConcatenationUID
ConfidentialityConstraintOnPatientDataDescription ContentCreatorName ContentCreatorIdentificationCodeSequence
ContentDate ContentTime ContrastBolusAgent ContributionDescription CountryOfResidence CurrentPatientLocation
CustodialOrganizationSequence DataSetTrailingPadding DateOfSecondaryCapture DateTimeOfVerification
DerivationDescription DetectorID DeviceSerialNumber DeviceUID DigitalSignatureUID DimensionOrganizationUID
DischargeDiagnosisDescription DistributionAddress DistributionName DoseReferenceUID EthnicGroup
ExpectedCompletionDateTime FillerOrderNumberImagingServiceRequest FrameComments FrameOfReferenceUID GantryID
GeneratorID GraphicAnnotationSequence HumanPerformerName HumanPerformerOrganization IconImageSequence
IdentifyingComments ImageComments ImagePresentationComments ImagingServiceRequestComments Impressions
InstanceCreationDate InstanceCreationTime InstanceCreatorUID InstitutionAddress InstitutionalDepartmentName
InstitutionCodeSequence InstitutionName InsurancePlanIdentification
IntendedRecipientsOfResultsIdentificationSequence InterpretationApproverSequence InterpretationAuthor
InterpretationDiagnosisDescription InterpretationID InterpretationRecorder InterpretationText
InterpretationTranscriber IssuerOfAdmissionID IssuerOfPatientID IssuerOfServiceEpisodeID
LargePaletteColorLookupTableUID LensMake LensModel LongDeviceDescription MAC MakerNote MedicalAlerts
MedicalRecordLocator MilitaryRank ModifiedImageDescription ModifyingSystem NameOfPhysiciansReadingStudy
NamesOfIntendedRecipientsOfResults Occupation OperatorIdentificationSequence OperatorsName OrderCallbackPhoneNumber
OrderEnteredBy OrderEntererLocation OriginalAttributesSequence OtherPatientIDs OtherPatientIDsSequence
OtherPatientNames OverlayDate PatientAddress PatientBirthName PatientBirthTime PatientComments
PatientInstitutionResidence PatientInsurancePlanCodeSequence PatientMotherBirthName PatientReligiousPreference
PatientState PatientTelephoneNumbers PerformedLocation PerformedProcedureStepDescription
PerformedProcedureStepEndDate PerformedProcedureStepID PerformedProcedureStepStartDate PerformedStationAETitle
PerformedStationName PerformingPhysicianName PersonAddress PersonIdentificationCodeSequence PersonName
PersonTelephoneNumbers PhysiciansOfRecord PlacerOrderNumberImagingServiceRequest PlateID PreMedication ProtocolName
ReasonForTheImagingServiceRequest ReasonForStudy ReferencedFrameOfReferenceUID ReferencedPatientAliasSequence
ReferencedStudySequence ReferencedSOPInstanceUID ReferringPhysicianAddress ReferringPhysicianName
ReferringPhysicianTelephoneNumbers RegionOfResidence RequestAttributesSequence RequestedContrastAgent
RequestedProcedureComments RequestedProcedureDescription RequestedProcedureID RequestedProcedureLocation
RequestedSOPInstanceUID RequestingPhysician RequestingService ResponsibleOrganization ResponsiblePerson
ResultsComments ResultsDistributionListSequence ReviewerName ScheduledHumanPerformersSequence
ScheduledPatientInstitutionResidence ScheduledPerformingPhysicianName ScheduledProcedureStepDescription
ScheduledProcedureStepID ScheduledProcedureStepLocation ScheduledStationAETitle ScheduledStationName SeriesDate
SeriesDescription SeriesTime ServiceEpisodeDescription ServiceEpisodeID SourceImageSequence SpecialNeeds StationName
StorageMediaFileSetUID StudyComments StudyDescription StudyIDIssuer SynchronizationFrameOfReferenceUID
TemplateExtensionCreatorUID TextComments TextString TimezoneOffsetFromUTC TopicAuthor TopicKeywords TopicSubject
TopicTitle TransactionUID UID UniqueDeviceIdentifier VerifyingObserverName VerifyingOrganization VisitComments
""".split()  # noqa: SIM905
"""Where the tables are absent: enough that the suite is worth running. Words that are no keyword are passed over."""

NOT_IN_AN_ACCEPTED_IMAGE = frozenset((*SECONDARY_CAPTURE, *OVERLAY, 0x00080064, 0x00283000, 0x00282110))
"""With one of these the pixel gate refuses the image: they are planted in images that it is to refuse."""


@dataclass(frozen=True, order=True)
class Planted:
    """One attribute to plant in."""

    tag: int
    vr: str
    keyword: str


def attributes(data: Path | None) -> list[Planted]:
    """Every attribute of the table that the dictionary knows, by tag."""
    tags = _table(data) if data is not None else {tag_for_keyword(name) for name in _NAMES} - {None}
    return sorted(
        Planted(tag, dictionary_VR(tag), dictionary_keyword(tag))
        for tag in tags
        if tag is not None and tag >> 16 > 2 and dictionary_has_tag(tag)
    )


def _table(data: Path) -> set[int]:
    found = set()
    for name in EDITIONS:
        for row in json.loads((data / "ps3.15" / name).read_text(encoding="utf-8")):
            text = "".join(row["tag"]) if isinstance(row["tag"], list) else row["tag"].strip("()").replace(",", "")
            try:
                found.add(int(text, 16))
            except ValueError:
                found.add(0x60004000 if text == "60XX4000" else 0x60003000)  # of repeating and odd groups: one each
    return found
