"""The files of a phantom: DICOM headers by vendor, folder layouts and contours."""
