"""What the pixels hold: only magnitude images of one contrast are phases of a cine."""

import numpy as np
import pytest

from lvvol import load_study, survey_study
from lvvol.dicom.files.read import read_images
from lvvol.dicom.stack.scans import find_acquisitions
from lvvol.errors import NotCineError
from lvvol.sources.archive import open_source
from tests.support.studies import enhanced, macro, pixels_of


def acquisitions_of(path):
    with open_source(path) as source:
        return find_acquisitions(read_images(source).images)[0]


def magnitude_and(study, other, **tags):
    """Write four slices of magnitude images, each followed by other images of the same times."""
    for z in range(4):
        for mark, extra in ((z, {"ImageType": ["ORIGINAL", "PRIMARY", "M"]}), (9, other)):
            study.slice(z, 6, mark=mark, acquired=f"12000{z}", SeriesNumber=10 + (mark == 9),
                        **{**tags, **extra})  # fmt: skip


@pytest.mark.parametrize(
    ("image_type", "why"),
    [
        (["ORIGINAL", "PRIMARY", "R", "ND"], "it shows the real part of the signal"),
        (["ORIGINAL", "PRIMARY", "R_FFE", "R", "FFE"], "it shows the real part of the signal"),
        (["ORIGINAL", "PRIMARY", "I", "ND"], "it shows the imaginary part of the signal"),
        (["ORIGINAL", "PRIMARY", "I_FFE"], "it shows the imaginary part of the signal"),
        (["ORIGINAL", "PRIMARY", "P", "ND"], "it is a phase map"),
        (["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"], "it is a phase map"),
        (["DERIVED", "PRIMARY", "M", "T1 MAP"], "its pixels are a computed map"),
        (["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"], "it is a diffusion series"),
        (["ORIGINAL", "PRIMARY", "PERFUSION", "NONE"], "it is a first-pass series"),
    ],
)
def test_only_magnitude_is_measured(study, image_type, why):
    magnitude_and(study, {"ImageType": image_type})
    survey = survey_study(study.folder)
    for z in range(4):
        np.testing.assert_array_equal(survey.stack.images[z, 2], pixels_of(z, 2))
    assert why in next(s.why for s in survey.series if s.number == 11)
    with pytest.raises(NotCineError, match=why):
        load_study_without(study, 10)


def load_study_without(study, number):
    """Load a study after deleting the files of a series."""
    with open_source(study.folder) as source:
        doomed = {i.file for i in read_images(source).images if i.series_number == number}
    for name in doomed:
        (study.folder / name).unlink()
    return load_study(study.folder)


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("EchoTime", [1.5, 3.9, 6.3, 8.7]),
        ("InversionTime", [100, 180, 260, 1100]),
        ("DiffusionBValue", [0.0, 50.0, 350.0, 800.0]),
    ],
)
@pytest.mark.parametrize("ordered_by", ["TriggerTime", "InstanceNumber"])
def test_images_of_another_contrast_are_not_phases(study, keyword, values, ordered_by):
    for z in range(4):
        for t, value in enumerate(values):
            trigger = 40.0 * t if ordered_by == "TriggerTime" else 300.0
            position = (8.0 * z * np.array([-2, 2, 1]) / 3).tolist()
            tags = {keyword: value, "TriggerTime": trigger, "ImagePositionPatient": position}
            study.save(study.dataset(pixels_of(z, t), **tags))
    with pytest.raises(NotCineError):
        load_study(study.folder)


def test_the_shortest_echo_of_a_cine_is_used(study):
    for z in range(4):
        for echo, mark in ((1.5, z), (3.9, 9), (6.3, 9)):
            study.slice(z, 6, mark=mark, acquired=f"12000{z}", EchoTime=echo)
    stack = load_study(study.folder)
    for z in range(4):
        np.testing.assert_array_equal(stack.images[z, 2], pixels_of(z, 2))
    assert any("which has the shorter echo time" in d.why for d in stack.decisions)


def test_echo_times_that_differ_by_rounding_are_one_contrast(study):
    for t in range(6):
        study.save(study.dataset(TriggerTime=40.0 * t, EchoTime=1.53 + 0.01 * (t % 2)))
    (found,) = acquisitions_of(study.folder)
    assert found.n_phases == 6


def test_images_without_diffusion_weighting_belong_to_their_series(study):
    """Several images of b = 0 have one contrast, but their series is no cine."""
    for z in range(4):
        study.slice(z, 5, step_ms=40, DiffusionBValue=0.0)
        study.slice(z, 1, DiffusionBValue=700.0)
    with pytest.raises(NotCineError, match="it is a diffusion series, not a cine"):
        load_study(study.folder)


def test_a_brain_is_not_measured(study):
    for z in range(4):
        study.slice(z, 6, BodyPartExamined="BRAIN")
    with pytest.raises(NotCineError, match="it shows the brain, not the heart"):
        load_study(study.folder)


@pytest.mark.parametrize("gated", [False, True])
def test_frame_numbers_order_only_gated_frames(study, gated):
    """Frames of an enhanced image may differ in anything; their numbers are no time."""
    ds = enhanced(study)
    for frame in ds.PerFrameFunctionalGroupsSequence:
        del frame.CardiacSynchronizationSequence
    if gated:
        ds.CardiacSynchronizationTechnique = "RETROSPECTIVE"
    study.save(ds)
    if gated:
        assert load_study(study.folder).n_phases == 5
    else:
        with pytest.raises(NotCineError, match="no attribute orders its images in time"):
            load_study(study.folder)


@pytest.mark.parametrize(
    ("component", "why"),
    [("REAL", "the real part"), ("IMAGINARY", "the imaginary part"), ("PHASE", "a phase map")],
)
def test_complex_components_of_frames(study, component, why):
    ds = enhanced(study)
    for frame in ds.PerFrameFunctionalGroupsSequence:
        frame.MRImageFrameTypeSequence = macro(
            FrameType=["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"], ComplexImageComponent=component
        )
    study.save(ds)
    with pytest.raises(NotCineError, match=why):
        load_study(study.folder)
