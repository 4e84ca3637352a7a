"""A PACS over DICOMweb (PS3.18): queries by QIDO-RS, objects by WADO-RS, over one kept-alive HTTP connection."""
