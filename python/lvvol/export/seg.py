"""DICOM SEG: the cavity as a cine, and at ED and ES alone.

A cine segmentation has a frame for each slice and phase, and the dimensions segment, Temporal
Position Index and position, so that a viewer moves it with its images. Several readers, dcmqi among
them, show only the first phase of such a file without a word; for them there is one file each for
ED and ES.

Written by pydicom: highdicom takes no second phase at the same place ("Plane positions must not
contain duplicates"), and refuses sources of several series or without dates, both of which occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import SegmentationStorage, generate_uid

from lvvol.cine import CineStack
from lvvol.dicom.files.by_pydicom import QUIET
from lvvol.errors import MaskError
from lvvol.export.instance import (
    RESEARCH,
    Origin,
    SourceImage,
    code,
    encode,
    new_instance,
    read_origin,
    run_uid,
)
from lvvol.export.masks import masks_of
from lvvol.prediction import Prediction
from lvvol.provenance import Provenance
from lvvol.slice_choice import name_slices
from lvvol.typing import Float64

CINE, ED, ES = "seg_cine.dcm", "seg_ed.dcm", "seg_es.dcm"
SERIES, SERIES_NUMBER = "seg series", 9100


def make_segs(prediction: Prediction, provenance: Provenance) -> dict[str, bytes]:
    """Return the segmentations.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    provenance : Provenance
        With the study, whose headers are read again.

    Returns
    -------
    dict of str to bytes
        `CINE`, `ED` and `ES`, in one series.

    Raises
    ------
    OutputError
        If the measurement does not come from files.
    """
    origin, masks = read_origin(prediction, provenance), masks_of(prediction)
    series = _items(
        Modality="SEG",
        SeriesInstanceUID=run_uid(provenance, SERIES),
        SeriesNumber=SERIES_NUMBER,
        SeriesDescription="lvvol LV cavity, research use only",
    )
    contents = {}
    for number, (name, what, phases) in enumerate(
        (
            (CINE, "all phases", range(prediction.stack.n_phases)),
            (ED, f"ED, phase {prediction.ed_phase + 1}", [prediction.ed_phase]),
            (ES, f"ES, phase {prediction.es_phase + 1}", [prediction.es_phase]),
        ),
        start=1,
    ):
        with QUIET:  # the source's own UIDs may be invalid, and are named all the same
            seg = new_instance(origin, SegmentationStorage, run_uid(provenance, name), series)
            seg.InstanceNumber = number
            seg.ContentDescription = f"LV cavity, {what}. {RESEARCH}"[:64]
            _describe(seg, prediction)
            _add_frames(seg, prediction.stack, origin, phases)
            bits = np.packbits(masks[:, list(phases)].swapaxes(0, 1).ravel(), bitorder="little")
            seg.PixelData = bits.tobytes() + b"\0" * (bits.size % 2)
            contents[name] = encode(seg)
    return contents


def _describe(seg: FileDataset, prediction: Prediction) -> None:
    """Add what holds for every frame: the segment and the form of the pixels."""
    stack = prediction.stack
    seg.ImageType = ["DERIVED", "PRIMARY"]
    seg.ContentLabel = "LV_CAVITY"
    seg.ContentCreatorName = ""
    seg.SegmentationType = "BINARY"
    seg.SegmentsOverlap = "NO"
    seg.Rows, seg.Columns = stack.images.shape[2:]
    seg.SamplesPerPixel = 1
    seg.PhotometricInterpretation = "MONOCHROME2"
    seg.BitsAllocated = seg.BitsStored = 1
    seg.HighBit = seg.PixelRepresentation = 0
    seg.LossyImageCompression = "00"
    segment = Dataset()
    segment.SegmentNumber = 1
    segment.SegmentLabel = "LV cavity"
    left_out = f" Left out by the reader: {name_slices(prediction.excluded)}."
    segment.SegmentDescription = (
        "Blood pool of the left ventricle with papillary muscles, where the probability P of "
        "cavity is one half or more. Volumes come from O, another output of the network: at ED "
        f"{prediction.edv_ml:.1f} mL, at ES {prediction.esv_ml:.1f} mL."
        f"{left_out if prediction.excluded else ''} {RESEARCH}."
    )
    segment.SegmentedPropertyCategoryCodeSequence = Items(
        [code("SCT", "91723000", "Anatomical Structure")]
    )
    segment.SegmentedPropertyTypeCodeSequence = Items([code("SCT", "87878005", "Left ventricle")])
    segment.SegmentAlgorithmType = "AUTOMATIC"
    segment.SegmentAlgorithmName = f"lvvol {version('lvvol')}"
    segment.RecommendedDisplayCIELabValue = [56000, 33000, 50000]
    seg.SegmentSequence = Items([segment])


def _add_frames(seg: FileDataset, stack: CineStack, origin: Origin, phases: Sequence[int]) -> None:
    """Add the functional groups, the dimensions and the references of frames by phase and slice."""
    organisation = generate_uid(prefix=None)
    cine = len(phases) > 1
    pointers = [("ReferencedSegmentNumber", "SegmentIdentificationSequence")]
    pointers += [("TemporalPositionIndex", "FrameContentSequence")] * cine
    pointers += [("ImagePositionPatient", "PlanePositionSequence")]
    seg.DimensionOrganizationSequence = Items([_items(DimensionOrganizationUID=organisation)])
    seg.DimensionIndexSequence = Items(
        _items(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=Tag(attribute),
            FunctionalGroupPointer=Tag(group),
            DimensionDescriptionLabel=attribute,
        )
        for attribute, group in pointers
    )
    seg.NumberOfFrames = len(phases) * stack.n_slices
    seg.FrameOfReferenceUID = origin.frame_of_reference_uid
    seg.PositionReferenceIndicator = ""
    shared = Dataset()
    shared.PixelMeasuresSequence = Items([_measures(stack)])
    planes = [_plane(stack.affines[z], stack.pixel_spacing_mm) for z in range(stack.n_slices)]
    one_plane = len({tuple(orientation) for _, orientation in planes}) == 1
    if one_plane:
        shared.PlaneOrientationSequence = Items([_items(ImageOrientationPatient=planes[0][1])])
    seg.SharedFunctionalGroupsSequence = Items([shared])
    frames, used = [], []
    for number, t in enumerate(phases, start=1):
        for z, (position, orientation) in enumerate(planes):
            frame = Dataset()
            content = _items(DimensionIndexValues=[1, number, z + 1] if cine else [1, z + 1])
            if cine:
                content.TemporalPositionIndex = number
            frame.FrameContentSequence = Items([content])
            frame.PlanePositionSequence = Items([_items(ImagePositionPatient=position)])
            if not one_plane:
                frame.PlaneOrientationSequence = Items(
                    [_items(ImageOrientationPatient=orientation)]
                )
            frame.SegmentIdentificationSequence = Items([_items(ReferencedSegmentNumber=1)])
            frame.DerivationImageSequence = Items([_derivation(origin.images[z][t])])
            frames.append(frame)
            used.append(origin.images[z][t])
    seg.PerFrameFunctionalGroupsSequence = Items(frames)
    seg.ReferencedSeriesSequence = Items(references(used))


def references(images: Sequence[SourceImage]) -> list[Dataset]:
    """Return the images of each series, every instance once."""
    by_series: dict[str, dict[str, SourceImage]] = {}
    for image in images:
        by_series.setdefault(image.series_uid, {})[image.sop_instance_uid] = image
    return [
        _items(
            SeriesInstanceUID=series_uid,
            ReferencedInstanceSequence=Items(
                _items(ReferencedSOPClassUID=i.sop_class_uid, ReferencedSOPInstanceUID=uid)
                for uid, i in instances.items()
            ),
        )
        for series_uid, instances in by_series.items()
    ]


def _measures(stack: CineStack) -> Dataset:
    gap_mm = float(np.median(stack.slice_gaps_mm)) if stack.n_slices > 1 else 1.0
    return _items(
        PixelSpacing=[_decimal(x) for x in stack.pixel_spacing_mm],
        SliceThickness=_decimal(gap_mm),
        SpacingBetweenSlices=_decimal(gap_mm),
    )


def _plane(affine: Float64, spacing_mm: tuple[float, float]) -> tuple[list[str], list[str]]:
    """Return Image Position and Image Orientation (Patient) of a slice."""
    along_row, along_column = affine[:3, 1] / spacing_mm[1], affine[:3, 0] / spacing_mm[0]
    position = [_decimal(float(x)) for x in affine[:3, 3]]
    return position, [_decimal(float(x)) for x in (*along_row, *along_column)]


def _derivation(image: SourceImage) -> Dataset:
    """Return that a frame was drawn on an image."""
    source = _items(
        ReferencedSOPClassUID=image.sop_class_uid,
        ReferencedSOPInstanceUID=image.sop_instance_uid,
        PurposeOfReferenceCodeSequence=Items(
            [code("DCM", "121322", "Source image for image processing operation")]
        ),
        SpatialLocationsPreserved="YES",
    )
    if image.frame is not None:
        source.ReferencedFrameNumber = image.frame
    return _items(
        DerivationCodeSequence=Items([code("DCM", "113076", "Segmentation")]),
        SourceImageSequence=Items([source]),
    )


def _items(**values: object) -> Dataset:
    """Return a dataset of these attributes."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _decimal(value: float) -> str:
    """Return a number as a decimal string of at most 16 characters."""
    text = f"{value + 0.0:.10g}"
    return text if len(text) <= 16 else f"{value:.8e}"


def read_frames(path: Path) -> Iterator[tuple[tuple[str, int | None], float]]:
    """Read what the frames of a segmentation cover, of any writer that names source images.

    Parameters
    ----------
    path : Path
        A binary DICOM SEG; all its segments count.

    Yields
    ------
    source : (str, int or None)
        SOP Instance UID of the source image, and its frame from 1 where it is named.
    area_mm2 : float
        Of the pixels that are set.

    Raises
    ------
    MaskError
        If the file is no such segmentation.
    """
    try:
        with QUIET:
            seg = pydicom.dcmread(path)
            if seg.SOPClassUID != SegmentationStorage or seg.SegmentationType != "BINARY":
                raise ValueError("another kind of DICOM")
            pixels = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
            shared = seg.SharedFunctionalGroupsSequence[0]
            frames = seg.PerFrameFunctionalGroupsSequence
            found = []
            for image, frame in zip(pixels, frames, strict=True):
                measures = frame if "PixelMeasuresSequence" in frame else shared
                row_mm, column_mm = measures.PixelMeasuresSequence[0].PixelSpacing
                source = frame.DerivationImageSequence[0].SourceImageSequence[0]
                number = source.get("ReferencedFrameNumber")
                key = (
                    str(source.ReferencedSOPInstanceUID),
                    None if number is None else int(number),
                )
                found.append((key, float(image.astype(bool).sum()) * row_mm * column_mm))
    except Exception as error:  # a damaged file can fail anywhere in pydicom
        raise MaskError(
            f"{path}: expected a binary DICOM SEG whose frames name their source images, "
            f"got {error!r}"
        ) from error
    yield from found
