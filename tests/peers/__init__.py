"""Real DICOM peers for tests: Orthanc and dcmtk, on loopback only, on free ports, stopped by their own process id."""
