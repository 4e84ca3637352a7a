"""A folder of exported DICOM files, or a DICOMDIR, as an archive."""
