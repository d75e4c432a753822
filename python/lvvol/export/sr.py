"""DICOM SR: the volumes as a Measurement Report (TID 1500)."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TypeAlias

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from lvvol.dicom.files.by_pydicom import QUIET
from lvvol.export.instance import (
    MANUFACTURER,
    MODEL,
    RESEARCH,
    Origin,
    SourceImage,
    copy_patient,
    encode,
    read_origin,
    run_uid,
)
from lvvol.export.seg import ED, ES, SERIES
from lvvol.prediction import Prediction
from lvvol.provenance import Provenance
from lvvol.quantities import Quantity, function_of, indexed_of, volumes_of
from lvvol.slice_choice import name_slices
from lvvol.volume import cone_volume_ml

SR = "sr.dcm"
SERIES_NUMBER = 9101

_Code: TypeAlias = tuple[str, str, str]
_Group: TypeAlias = (
    MeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations
)

_NAMES: dict[str, _Code] = {
    "EDV": ("8821-1", "LN", "Left Ventricular ED Volume"),
    "ESV": ("8823-7", "LN", "Left Ventricular ES Volume"),
    "SV": ("90096001", "SCT", "Stroke Volume"),
    "EF": ("8811-2", "LN", "Left ventricular ejection fraction by MR"),
    "HR": ("8867-4", "LN", "Heart rate"),
    "CO": ("82799009", "SCT", "Cardiac Output"),
    "CI": ("54993008", "SCT", "Cardiac Index"),
    "BSA": ("8277-6", "LN", "BSA"),
}
"""What is coded of the quantities; the others have no code that says the same."""

_UNITS = {"1/min": "/min", "L/min/m²": "L/min/m2", "m²": "m2"}  # as UCUM writes them

# How far the interval reaches below and above the value (CID 225).
_BELOW = CodedConcept("371885007", "SCT", "-, range of lower measurement uncertainty")
_ABOVE = CodedConcept("371886008", "SCT", "+, range of upper measurement uncertainty")

_LEFT_VENTRICLE = CodedConcept("87878005", "SCT", "Left ventricle")
_VOLUME = CodedConcept("118565006", "SCT", "Volume")


def make_sr(prediction: Prediction, provenance: Provenance) -> bytes:
    """Return the report.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    provenance : Provenance
        With the study, whose headers are read again. Where it is written with segmentations, the
        report refers to them, and says which volume their contours enclose.

    Returns
    -------
    bytes
        A Comprehensive 3D SR.

    Raises
    ------
    OutputError
        If the measurement does not come from files.
    """
    origin = read_origin(prediction, provenance)
    with QUIET:  # the source's own UIDs may be invalid, and are named all the same
        return _encode(prediction, provenance, origin)


def _encode(prediction: Prediction, provenance: Provenance, origin: Origin) -> bytes:
    """Return the file."""
    segmented = "seg" in provenance.names
    evidence = _evidence(origin, [i for row in origin.images for i in row])
    groups: list[_Group] = [_volumes(prediction, provenance, origin)]
    if segmented:
        for name, t in ((ED, prediction.ed_phase), (ES, prediction.es_phase)):
            groups.append(_segment(prediction, provenance, origin, name, t))
            evidence.append(
                _reference(
                    origin,
                    SourceImage(
                        SegmentationStorage,
                        run_uid(provenance, name),
                        run_uid(provenance, SERIES),
                        None,
                    ),
                )
            )
    observer = ObserverContext(
        CodedConcept("121007", "DCM", "Device"),
        DeviceObserverIdentifyingAttributes(
            uid=run_uid(provenance, "device"), name=f"lvvol. {RESEARCH}", model_name=MODEL
        ),
    )
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=CodedConcept("241620005", "SCT", "Cardiac MRI"),
        imaging_measurements=groups,
    )
    instance = Comprehensive3DSR(
        evidence=evidence,
        content=report[0],
        series_instance_uid=run_uid(provenance, "sr series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=run_uid(provenance, SR),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
    )
    instance.SeriesDescription = "lvvol LV volumes, research use only"
    instance.ManufacturerModelName = MODEL
    instance.SoftwareVersions = version("lvvol")
    return encode(instance)


def _volumes(
    prediction: Prediction, provenance: Provenance, origin: Origin
) -> MeasurementsAndQualitativeEvaluations:
    """Return all quantities that have a code."""
    quantities = [
        *volumes_of(prediction),
        *function_of(prediction),
        *indexed_of(prediction, provenance.patient),
    ]
    weights = [f"weights SHA-256 {provenance.weights_sha256}"] * bool(provenance.weights_sha256)
    said = [RESEARCH, *weights]
    if prediction.excluded:
        said.append(f"left out by the reader: {name_slices(prediction.excluded)}")
    if found := prediction.intervals:
        said.append(f"uncertainty: {100 * found.level:g} % intervals, calibration {found.source}")
    phases = (prediction.ed_phase, prediction.es_phase)
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=run_uid(provenance, "left ventricle"), identifier="left ventricle"
        ),
        finding_sites=[FindingSite(_LEFT_VENTRICLE)],
        algorithm_id=AlgorithmIdentification("lvvol", version("lvvol"), said),
        measurements=[
            _measurement(q) for q in quantities if q.name in _NAMES and math.isfinite(q.value)
        ],
        qualitative_evaluations=[
            QualitativeEvaluation(
                CodedConcept("122670", "DCM", "Papillary Muscle Included/Excluded"),
                CodedConcept("122621", "DCM", "Papillary Muscle Included"),
            )
        ],
        source_images=[
            SourceImageForMeasurementGroup(
                i.sop_class_uid, i.sop_instance_uid, None if i.frame is None else [i.frame]
            )
            for row in origin.images
            for i in (row[t] for t in phases)
        ],
    )


def _segment(
    prediction: Prediction, provenance: Provenance, origin: Origin, name: str, t: int
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    """Return the volume that the contours of a segmentation enclose, which is that of P."""
    kept = prediction.kept_slices
    areas_mm2 = prediction.probability_areas_mm2[kept, t]
    volume_ml = float(cone_volume_ml(areas_mm2, prediction.stack.positions_mm[kept]))
    what = f"contours at {'ED' if name == ED else 'ES'}"
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=run_uid(provenance, what), identifier=what),
        referenced_segment=ReferencedSegment(
            SegmentationStorage,
            run_uid(provenance, name),
            1,
            source_images=[
                SourceImageForSegmentation(
                    i.sop_class_uid, i.sop_instance_uid, None if i.frame is None else [i.frame]
                )
                for i in (row[t] for row in origin.images)
            ],
        ),
        finding_sites=[FindingSite(_LEFT_VENTRICLE)],
        measurements=[Measurement(_VOLUME, volume_ml, CodedConcept("mL", "UCUM", "mL"))],
    )


def _measurement(quantity: Quantity) -> Measurement:
    """Return a quantity with the reach of its interval."""
    written = _UNITS.get(quantity.unit, quantity.unit)
    unit = CodedConcept(written, "UCUM", written)
    measurement = Measurement(CodedConcept(*_NAMES[quantity.name]), quantity.value, unit)
    if quantity.interval:
        low, high = quantity.interval
        has = RelationshipTypeValues.HAS_PROPERTIES
        measurement[0].ContentSequence = ContentSequence(
            [
                NumContentItem(name, reach, unit, relationship_type=has)
                for name, reach in ((_BELOW, quantity.value - low), (_ABOVE, high - quantity.value))
            ]
        )
    return measurement


def _evidence(origin: Origin, images: list[SourceImage]) -> list[Dataset]:
    """Return every instance once."""
    distinct = {image.sop_instance_uid: image for image in images}
    return [_reference(origin, image) for image in distinct.values()]


def _reference(origin: Origin, image: SourceImage) -> Dataset:
    """Return what highdicom wants to know of an instance."""
    dataset = Dataset()
    copy_patient(origin.header, dataset)
    dataset.StudyInstanceUID = origin.study_uid
    dataset.SeriesInstanceUID = image.series_uid
    dataset.SOPClassUID = image.sop_class_uid
    dataset.SOPInstanceUID = image.sop_instance_uid
    return dataset
