"""An archive over DICOMweb (PS3.18): QIDO-RS and WADO-RS."""
