"""Encode classic single-frame MR images, and other files found beside them."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from lvvol.phantom.export.vendors import (
    SIEMENS,
    CineImage,
    SeriesHeader,
    StudyHeader,
    describe_image,
    describe_study,
)
from lvvol.typing import UInt16

IMPLEMENTATION_UID = "2.25.185317469312034877106021513927480415931"


def mr_file(image: CineImage, series: SeriesHeader, study: StudyHeader) -> bytes:
    """Encode an image as an explicit little endian file of 16 bits per pixel.

    Parameters
    ----------
    image : CineImage
        Pixels, position and time.
    series : SeriesHeader
        Its series.
    study : StudyHeader
        Its study.

    Raises
    ------
    ValueError
        If the pixels are not uint16 or do not fit in 15 bits.
    """
    if image.pixels.dtype != np.uint16 or image.pixels.max(initial=0) > 32767:
        raise ValueError(
            f"pixels: expected uint16 of at most 32767, got {image.pixels.dtype} up to "
            f"{image.pixels.max(initial=0)}"
        )
    dataset = Dataset()
    describe_study(dataset, study)
    describe_image(dataset, image, series, study)
    _describe_pixels(dataset, image.pixels, signed=study.manufacturer != SIEMENS)
    _anonymise(dataset, study.anonymised)
    return _encoded(dataset, image.uid)


def ct_file(study: StudyHeader, series_uid: str, uid: str) -> bytes:
    """Encode a small CT image of the same patient, which an MR reader must ignore."""
    dataset = Dataset()
    describe_study(dataset, study)
    dataset.Modality = "CT"
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = uid
    dataset.SeriesInstanceUID = series_uid
    dataset.SeriesNumber = 99
    dataset.InstanceNumber = 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient = [-100, -100, 0]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [3.125, 3.125]
    dataset.SliceThickness = 5
    dataset.KVP = 120
    _describe_pixels(dataset, np.full((64, 64), 1000, np.uint16), signed=False)
    _anonymise(dataset, study.anonymised)
    return _encoded(dataset, uid)


def directory_file(uid: str) -> bytes:
    """Encode an empty DICOMDIR."""
    dataset = Dataset()
    dataset.FileSetID = "LVVOL"
    dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    dataset.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    dataset.FileSetConsistencyFlag = 0
    dataset.DirectoryRecordSequence = Sequence([])
    return _encoded(dataset, uid, MediaStorageDirectoryStorage)


def _anonymise(dataset: Dataset, anonymised: Mapping[str, str | None]) -> None:
    """Replace or delete elements; the new values need not be valid."""
    for element in dataset:
        if element.keyword in anonymised:
            value = anonymised[element.keyword]
            if value is None:
                del dataset[element.tag]
            else:
                dataset[element.tag] = DataElement(
                    element.tag, element.VR, value, validation_mode=pydicom.config.IGNORE
                )
        elif element.VR == "SQ":
            for item in element.value:
                _anonymise(item, anonymised)


def _encoded(dataset: Dataset, uid: str, sop_class: UID | None = None) -> bytes:
    """Encode a dataset as a file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class or dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _describe_pixels(dataset: Dataset, pixels: UInt16, *, signed: bool) -> None:
    """Set the pixels and their display window."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(signed)
    dataset.SmallestImagePixelValue = int(pixels.min())
    dataset.LargestImagePixelValue = int(pixels.max())
    bright = float(np.percentile(pixels, 99.0))
    dataset.WindowCenter = round(bright / 2.0 + 1.0)
    dataset.WindowWidth = round(bright + 2.0)
    # Values are below 2^15, so signed and unsigned pixels have the same bytes.
    dataset.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
