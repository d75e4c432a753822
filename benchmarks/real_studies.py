"""The five whole DICOM studies, none of which is trained on; tests and benchmarks read them."""

DSB2 = ("1", "501")
# Folder of the images, and name of the contours.
SUNNYBROOK = {"SCD0000101": "SC-HF-I-01", "SCD0000201": "SC-HF-I-02", "SCD0000301": "SC-HF-I-04"}

STUDIES = (
    *(f"dsb2_dicom/{study}" for study in DSB2),
    *(f"sunnybrook/SCD_IMAGES_01/{study}" for study in SUNNYBROOK),
)
"""Their folders below the one that holds all data."""
