"""Facts of an image's header: what is out of all reason was not measured."""

import warnings

import pytest

from lvvol.dicom.archive import open_source
from lvvol.dicom.read import read_images


def read(study, **tags):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.save(study.dataset(**tags), "a.dcm")
    with open_source(study.folder) as source:
        return read_images(source)


def put(study, good, bad):
    """Replace a value in the file, which pydicom would not write."""
    path = study.folder / "a.dcm"
    content = path.read_bytes()
    assert content.count(good) == 1
    assert len(good) == len(bad)
    path.write_bytes(content.replace(good, bad))
    with open_source(study.folder) as source:
        return read_images(source)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ImagePositionPatient": [0, 10_001, 0]}, "a position more than 10 m off"),
        ({"PixelSpacing": ["1e9", 1]}, "pixels not of 0.01 to 100 mm"),
        ({"PixelSpacing": [1, "1e-5"]}, "pixels not of 0.01 to 100 mm"),
    ],
)
def test_plane_out_of_reason_is_set_aside(study, tags, reason):
    assert read(study, **tags).set_aside == {reason: ["a.dcm"]}


@pytest.mark.parametrize("bad", [b"1_0.5\\2.5 ", b"1,0.5\\2.5 ", b"1e999\\2.5 "])
def test_what_is_no_number_is_none(study, bad):
    read(study, PixelSpacing=[12.25, 2.5])
    reading = put(study, b"12.25\\2.5 ", bad)
    assert list(reading.set_aside) == ["no position, orientation or pixel spacing"]


def test_numbers_that_would_overflow_are_none(study):
    (image,) = read(study, RescaleSlope="1e300", TriggerTime="-1e308", InstanceNumber=1).images
    assert (image.slope, image.trigger_ms) == (1.0, None)


@pytest.mark.parametrize("time", ["1200nan", "1200inf", "12001e300", "990000", "-10000"])
def test_time_that_is_none(study, time):
    (image,) = read(study, AcquisitionTime=time, AcquisitionDate="20240229").images
    assert image.acquired is None


def test_date_that_is_none_leaves_the_time(study):
    (image,) = read(study, AcquisitionTime="000010", AcquisitionDate="²" * 8).images
    assert image.acquired == 10.0
