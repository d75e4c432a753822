"""The survey: the view of each series and how it is used."""

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from lvvol import survey_study
from lvvol.errors import NotCineError, TooFewSlicesError
from lvvol.survey import Survey
from tests.support.studies import DOWN, NORMAL, RIGHT

LONG_AXIS = [*NORMAL, *DOWN]
AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]


def by_number(survey):
    return {series.number: series for series in survey.series}


def centred(orientation, index=3.0):
    """Return the first pixel of an image that is centred on short-axis slice `index`."""
    row, column = np.array(orientation[3:]) * 1.5, np.array(orientation[:3]) * 1.25
    middle = index * 8.0 * NORMAL + 11.5 * 1.5 * DOWN + 9.5 * 1.25 * RIGHT
    return tuple(middle - 11.5 * row - 9.5 * column - index * 8.0 * NORMAL)


def test_every_series_of_a_whole_study(study):
    for turn in (AXIAL, CORONAL):
        study.slice(3, 1, SeriesNumber=1, folder="scout/", acquired="120000",
                    ImageOrientationPatient=turn)  # fmt: skip
    for index in range(7):
        study.slice(index, 6, SeriesNumber=5, SeriesDescription="sax", folder="cine/sax/",
                    acquired=f"1201{index:02d}")  # fmt: skip
    study.slice(2, 6, SeriesNumber=6, acquired="120200", folder="again/")
    study.slice(3, 6, SeriesNumber=7, ImageOrientationPatient=LONG_AXIS, acquired="120300",
                offset_mm=centred(LONG_AXIS))  # fmt: skip
    study.slice(3, 6, SeriesNumber=8, ImageOrientationPatient=LONG_AXIS, acquired="120400",
                offset_mm=tuple(centred(LONG_AXIS) + 100.0 * RIGHT))  # fmt: skip
    for beat in range(30):
        study.slice(1, 1, SeriesNumber=9, acquired=f"1205{beat:02d}", TriggerTime=300.0)
    for index in range(4):
        study.slice(index, 1, SeriesNumber=10, acquired=f"1210{index:02d}", SequenceName="ir")
    study.slice(1, 1, SeriesNumber=11, ImageOrientationPatient=LONG_AXIS, acquired="121100")
    survey = survey_study(study.folder)
    series = by_number(survey)
    assert {number: s.views for number, s in series.items()} == {
        1: ("localiser",),
        5: ("short axis",),
        6: ("short axis",),
        7: ("long axis",),
        8: ("other cine",),
        9: ("many beats",),
        10: ("short-axis still",),
        11: ("still",),
    }
    assert list(series) == sorted(series)
    sax = series[5]
    assert (sax.description, sax.folder) == ("sax", "cine/sax")
    assert (sax.n_files, sax.n_images, sax.n_planes, sax.n_phases) == (42, 42, 7, (6, 6))
    assert (sax.rows, sax.columns, sax.pixel_spacing_mm) == (24, 20, (1.5, 1.25))
    assert sax.n_slices_used == 6
    assert sax.why == (
        "slices 1, 2, 4, 5, 6, 7; 1 excluded: it is replaced by series 6, which was acquired later"
    )
    assert (series[6].n_slices_used, series[6].why) == (1, "slice 3")
    assert series[7].why == "its plane is tilted by 90 degrees relative to the stack"
    assert series[9].why.startswith("its images were acquired over 29 s")
    assert series[10].why == "it has only one phase"


def test_study_without_a_stack(study):
    study.slice(0, 6, SeriesNumber=1)
    study.slice(1, 6, SeriesNumber=2)
    study.slice(1, 1, SeriesNumber=3, ImageOrientationPatient=LONG_AXIS)
    survey = survey_study(study.folder)
    assert survey.stack is None
    assert isinstance(survey.error, TooFewSlicesError)
    assert [s.views for s in survey.series] == [("other cine",), ("other cine",), ("still",)]
    assert [s.n_slices_used for s in survey.series] == [0, 0, 0]


def test_still_images_only(study):
    for index in range(5):
        study.slice(index, 1, SeriesNumber=1)
    survey = survey_study(study.folder)
    assert isinstance(survey.error, NotCineError)
    assert survey.series[0].why == "it has only one phase"


def test_series_with_damaged_pixels(study):
    for index in range(5):
        study.slice(index, 4, SeriesNumber=1, acquired="120000")
    for phase in range(4):
        image = study.dataset(
            SeriesNumber=2,
            ImagePositionPatient=([10, 20, 30] + 16.0 * NORMAL).tolist(),
            TriggerTime=phase * 40.0,
            AcquisitionTime="130000",
        )
        image.PixelData = encapsulate([b"no run lengths"])
        image["PixelData"].is_undefined_length = True
        study.save(image, syntax=RLELossless)
    survey = survey_study(study.folder)
    assert survey.stack.n_slices == 5
    (damaged,) = [s for s in survey.series if s.number == 2]
    assert damaged.n_slices_used == 0
    assert damaged.why == "its images cannot be decoded"


def test_series_without_identifiers_are_separated_by_folder(study):
    for index in range(4):
        study.slice(index, 4, SeriesNumber=None, SeriesInstanceUID=None, folder=f"a/sax_{index}/")
    survey = survey_study(study.folder)
    assert [s.folder for s in survey.series] == [f"a/sax_{i}" for i in range(4)]
    assert [s.why for s in survey.series] == [f"slice {i}" for i in (1, 2, 3, 4)]


def test_survey_needs_a_stack_or_an_error():
    with pytest.raises(ValueError, match="stack, error: expected exactly one"):
        Survey(series=(), stack=None, error=None, decisions=(), reasons=())


@pytest.mark.real_data
def test_real_study_series_by_series(real_data):
    survey = survey_study(real_data / "dsb2_dicom" / "1")
    series = by_number(survey)
    assert len(series) == 18
    assert {n for n, s in series.items() if s.views == ("long axis",)} == {20, 21}
    unused = {n for n, s in series.items() if s.views == ("short axis",) and not s.n_slices_used}
    assert len(unused) == 5
    assert sum(s.n_slices_used for s in survey.series) == survey.stack.n_slices == 11
    assert sum(s.n_files for s in survey.series) == 540
