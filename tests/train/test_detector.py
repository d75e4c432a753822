"""Training of the detector: its data, and stopping and resuming."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lvvol.datasets import Dataset, LabelledStack, Patient
from lvvol.datasets.labelled import stack_of_planes
from lvvol.errors import DatasetError, OutputError, RecipeError
from lvvol.roi import DETECTOR_FILE, read_detector
from lvvol.train import Recipe, Selection
from lvvol.train import train_detector as train
from lvvol.train.detector import CASCADE_SIZE, CHECKPOINT_FILE, DetectorData, gather
from lvvol.train.recipe import DetectorRecipe
from tests.support.studies import good_study
from tests.support.synthetic_datasets import (
    write_dsb2_patient,
    write_sunnybrook_plane,
    write_volumes,
)

RECIPE = Recipe(
    seed=3,
    detector=DetectorRecipe(stages=3, copies=8, negatives=300, max_trees=6, phantoms=0),
)
TRAINING_PATIENTS = (4, 5, 11)
OTHER_PATIENTS = (1, 501, 12, 13, 416)  # left out, test, validation, broken


def train_detector(*args, **options):
    train(*args, selection=Selection("shipped"), **options)


class Stopped(Exception):
    pass


def silent(stage, done, total):
    pass


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dsb2")
    for patient in TRAINING_PATIENTS:
        write_dsb2_patient(folder, patient, [(22, 14), (20, 12), (17, 10), (12, 6)])
    write_volumes(folder, {4: (30.0, 12.0), 5: (32.0, 14.0), 11: (28.0, 10.0)})
    return folder


@pytest.fixture(scope="module")
def unbroken(dataset, tmp_path_factory):
    """The run to compare others with."""
    out = tmp_path_factory.mktemp("unbroken") / "new" / "run"
    seen = []
    train_detector([dataset], [], out, RECIPE, progress=lambda *report: seen.append(report))
    return out, seen


@pytest.fixture
def copied(unbroken, tmp_path):
    return shutil.copytree(unbroken[0], tmp_path / "copied")


# Output


def test_writes_a_cascade_its_recipe_and_a_checkpoint(unbroken):
    out, _ = unbroken
    names = sorted(path.name for path in out.iterdir())
    assert names == ["detector.checkpoint", "detector.xml", "detector_recipe.json"]
    cascade = read_detector(out / DETECTOR_FILE)
    assert cascade.window_size == (24, 24)
    assert len(cascade.stage_sizes) == 3
    settings = json.loads((out / "detector_recipe.json").read_text())
    assert settings.pop("seed") == 3
    assert DetectorRecipe(**settings) == RECIPE.detector


def test_progress_counts_every_step_to_the_end(unbroken):
    _, seen = unbroken
    assert seen[:3] == [("read", 0, 1), ("read", 1, 1), ("phantoms", 0, 0)]
    assert sorted(set(seen[3:])) == [("detector", n, 3) for n in range(4)]
    assert seen[3:] == sorted(seen[3:])


def test_the_cascade_depends_only_on_the_seed(dataset, unbroken, tmp_path):
    expected = (unbroken[0] / DETECTOR_FILE).read_bytes()
    train_detector([dataset], [], tmp_path / "same", RECIPE)
    assert (tmp_path / "same" / DETECTOR_FILE).read_bytes() == expected
    train_detector([dataset], [], tmp_path / "other", replace(RECIPE, seed=4))
    assert (tmp_path / "other" / DETECTOR_FILE).read_bytes() != expected


# Stopped and resumed


@pytest.mark.parametrize("stages", [0, 1, 2])
def test_stopped_and_resumed_equals_unbroken(dataset, unbroken, tmp_path, stages):
    def progress(stage, done, total):
        if (stage, done) == ("detector", stages):
            raise Stopped

    with pytest.raises(Stopped):
        train_detector([dataset], [], tmp_path, RECIPE, progress=progress)
    assert not (tmp_path / DETECTOR_FILE).exists()
    seen = []
    train_detector(
        [dataset], [], tmp_path, RECIPE, resume=True, progress=lambda *report: seen.append(report)
    )
    # No stage is trained twice.
    assert sorted(set(seen[3:])) == [("detector", n, 3) for n in range(stages, 4)]
    for path in unbroken[0].iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_resuming_a_finished_run_changes_nothing(dataset, unbroken, copied):
    (copied / DETECTOR_FILE).unlink()
    train_detector([dataset], [], copied, RECIPE, resume=True)
    for path in unbroken[0].iterdir():
        assert (copied / path.name).read_bytes() == path.read_bytes()


def test_a_folder_with_a_run_is_refused_without_resume(dataset, copied):
    with pytest.raises(OutputError, match="expected an empty folder or resume, got an earlier run"):
        train_detector([dataset], [], copied, RECIPE)


def test_the_networks_folder_accepts_the_detector(dataset, unbroken, tmp_path):
    for name in ("classifier.checkpoint", "hfcn.checkpoint", "recipe.json"):
        (tmp_path / name).write_text(name)
    train_detector([dataset], [], tmp_path, RECIPE)
    expected = (unbroken[0] / DETECTOR_FILE).read_bytes()
    assert (tmp_path / DETECTOR_FILE).read_bytes() == expected
    for name in ("classifier.checkpoint", "hfcn.checkpoint", "recipe.json"):
        assert (tmp_path / name).read_text() == name


@pytest.mark.parametrize(
    "recipe",
    [
        replace(RECIPE, seed=4),
        replace(RECIPE, detector=replace(RECIPE.detector, stages=4)),
        replace(RECIPE, detector=replace(RECIPE.detector, max_false_alarm_rate=0.4)),
    ],
)
def test_another_recipe_cannot_resume_and_does_not_change_the_folder(
    dataset, unbroken, copied, recipe
):
    with pytest.raises(RecipeError, match=r"detector\.checkpoint: expected a checkpoint of this"):
        train_detector([dataset], [], copied, recipe, resume=True)
    for path in unbroken[0].iterdir():
        assert (copied / path.name).read_bytes() == path.read_bytes()


def test_other_data_cannot_resume(dataset, copied, tmp_path):
    other = shutil.copytree(dataset, tmp_path / "dsb2")
    write_dsb2_patient(other, 11, [(22, 14), (20, 12), (17, 10), (13, 6)])
    with pytest.raises(RecipeError, match=r"detector\.checkpoint: .* and these data"):
        train_detector([other], [], copied, RECIPE, resume=True)


def changed(text, **values):
    return json.dumps({**json.loads(text), **values}).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: b"\xff\xfe" + text,
        lambda text: b"[1, 2]",
        lambda text: b"null",
        lambda text: b"{}",
        lambda text: b"[" * 100_000,
        lambda text: changed(text, cascade=7),
        lambda text: changed(text, cascade="<opencv_storage/>"),
        lambda text: changed(text, cascade="\ud800"),
    ],
    ids=["empty", "cut", "no text", "list", "null", "bare", "deep", "number", "no cascade", "half"],
)
def test_a_damaged_checkpoint_is_refused(dataset, copied, damage):
    checkpoint = copied / CHECKPOINT_FILE
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    with pytest.raises(RecipeError, match=r"detector\.checkpoint: expected a checkpoint, got"):
        train_detector([dataset], [], copied, RECIPE, resume=True)
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before


# Training data


def test_patients_of_other_parts_are_never_opened(dataset, unbroken, tmp_path):
    folder = shutil.copytree(dataset, tmp_path / "dsb2")
    for patient in OTHER_PATIENTS:
        write_dsb2_patient(folder, patient, [(20, 10), (15, 8)])
        for path in folder.glob(f"{patient:04d}_*"):
            path.write_bytes(b"damaged")
    train_detector([folder], [], tmp_path / "run", RECIPE)
    for path in unbroken[0].iterdir():
        assert (tmp_path / "run" / path.name).read_bytes() == path.read_bytes()


def test_the_seed_rotates_positives_and_negatives(dataset):
    one, other = (gather([dataset], [], replace(RECIPE, seed=seed), silent) for seed in (3, 4))
    assert any((a != b).any() for a, b in zip(one.positives, other.positives, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one.images, other.images, strict=True))


def test_a_dataset_given_twice_counts_once(dataset):
    once = gather([dataset], [], RECIPE, silent)
    assert gather([dataset, dataset], [], RECIPE, silent).fingerprint() == once.fingerprint()


def test_no_training_patient_is_refused(tmp_path):
    folder = tmp_path / "dsb2"
    write_dsb2_patient(folder, 13, [(20, 10), (15, 8)])
    write_volumes(folder, {13: (30, 12)})
    with pytest.raises(DatasetError, match="seg: expected training patients with a labelled LV"):
        train_detector([folder], [], tmp_path / "run", RECIPE)
    assert not (tmp_path / "run" / DETECTOR_FILE).exists()


def test_more_negatives_than_windows_are_refused(dataset, tmp_path):
    # Training starts with at least a tenth of them; 12 images have some thousand windows each.
    recipe = replace(RECIPE, detector=replace(RECIPE.detector, negatives=10**7))
    with pytest.raises(DatasetError, match=r"seg, surroundings: images: expected at least 1000000"):
        train_detector([dataset], [], tmp_path, recipe)


def test_images_without_room_for_a_window_are_refused(tmp_path):
    """A window of 24 pixels is 38 mm wide; images of 28 pixels of 1.3 mm are 36 mm."""
    folder = tmp_path / "sunnybrook"
    mask = np.zeros((28, 28))
    mask[8:20, 8:20] = 255
    for instance in (1, 9, 21, 29):
        write_sunnybrook_plane(folder, "SC-N-02", instance, mask / 2, mask)
    with pytest.raises(
        DatasetError, match="seg, surroundings: images: expected at least one, got none"
    ):
        train_detector([folder], [], tmp_path / "run", RECIPE)


@pytest.mark.parametrize(
    ("name", "message"),
    [("file", "expected a folder to write to"), ("run", r"detector\.xml: cannot be written")],
)
def test_an_unwritable_folder_is_refused(dataset, tmp_path, name, message):
    (tmp_path / "file").write_text("taken")
    (tmp_path / "run" / DETECTOR_FILE).mkdir(parents=True)
    with pytest.raises(OutputError, match=message):
        train_detector([dataset], [], tmp_path / name, RECIPE)


def test_impossible_rates_are_refused():
    for name in ("min_hit_rate", "max_false_alarm_rate", "held_out"):
        for value in (1.0, -0.1, float("nan"), *([0.0] if name != "held_out" else [])):
            with pytest.raises(ValueError, match=f"{name}: expected .* below 1, got {value}"):
                DetectorRecipe(**{name: value})


def test_positives_are_the_labelled_squares_of_middle_slices(dataset):
    """Every positive has a bright disc of 0.27 of its area in the middle."""
    part = replace(RECIPE.detector, slices_beside_middle=1)
    data = gather([dataset], [], replace(RECIPE, detector=part), silent)
    # Of four slices, the third is the middle one; it has a neighbour on each side.
    windows = np.concatenate(data.positives)
    assert windows.shape == (3 * 3 * 8, CASCADE_SIZE, CASCADE_SIZE)
    assert windows.dtype == np.uint8
    rows, columns = np.mgrid[:24, :24] - 11.5
    middle, corner = np.hypot(rows, columns) < 4, np.hypot(rows, columns) > 12
    assert (windows[:, middle].mean(axis=1) > windows[:, corner].mean(axis=1) + 60).all()
    bright = windows > (windows[:, middle].mean() + windows[:, corner].mean()) / 2
    share = bright[:, np.hypot(rows, columns) < 11].sum(axis=1) / 24**2
    # A radius of 12 mm gives a square of 41 mm; sides vary by 8 percent.
    assert share.mean() == pytest.approx(0.27, abs=0.04)
    none_beside = replace(part, slices_beside_middle=0)
    fewer = gather([dataset], [], replace(RECIPE, detector=none_beside), silent)
    assert np.concatenate(fewer.positives).shape[0] == 3 * 8


def labelled(radii, labelled_slices, shape=(80, 96)):
    """Slices with discs of these radii at (30, 50) mm."""
    rows, columns = np.indices(shape) + 0.5
    distance = np.hypot(rows - 30, columns - 50)
    masks = np.stack([np.stack([distance < r] * 2) for r in radii])
    stack = stack_of_planes(0.8 * masks.astype(np.float32), 8.0 * np.arange(len(radii)))
    known = np.zeros((len(radii), 2), bool)
    known[list(labelled_slices)] = True
    return LabelledStack("dsb2/0004", stack, masks & known[..., None, None], known)


def test_negatives_are_labelled_slices_without_their_and_their_neighbours_lv(monkeypatch):
    labels = labelled([0, 15, 17, 18, 0, 0], (0, 1, 2, 4, 5))
    dataset = Dataset("memory", (Patient("dsb2/0004", (), lambda: labels),))
    monkeypatch.setattr("lvvol.train.detector.open_dataset", lambda place: dataset)
    data = gather([None], [], RECIPE, silent)
    assert len(data.images) == 5
    # Slice 3 has no label, so its neighbours have no square of it.
    assert [len(squares) for squares in data.squares] == [1, 2, 2, 0, 0]
    for image, squares in zip(data.images, data.squares, strict=True):
        assert sorted(image.shape) == [50, 60]
        for top, left, side in squares * 1.6:
            assert {round(top + side / 2), round(left + side / 2)} <= {30, 46, 50}
            assert min(abs(side - np.sqrt(np.pi * r**2 / 0.27)) for r in (15, 17)) < 0.5


def test_surroundings_are_negatives_without_exclusions(dataset, tmp_path):
    good = tmp_path / "study"
    good_study(good)
    alone = gather([dataset], [], RECIPE, silent)
    # An image of 30 x 25 mm has no surroundings.
    with_study = gather([dataset], [good], RECIPE, silent)
    assert with_study.fingerprint() == alone.fingerprint()


def test_surroundings_are_added_slice_by_slice(dataset, monkeypatch):
    strips = [np.full((3, 40, 60), 0.2, np.float32), np.zeros((3, 0, 60), np.float32),
              np.full((3, 60, 30), 0.4, np.float32)]  # fmt: skip
    monkeypatch.setattr("lvvol.datasets.surroundings.read_surroundings", lambda study: strips)
    data = gather([dataset], ["study"], RECIPE, silent)
    # 40 mm are 25 pixels; 30 mm are 19 pixels, less than a window.
    assert len(data.images) == 12 + 3
    for image, squares in zip(data.images[12:], data.squares[12:], strict=True):
        assert sorted(image.shape) == [25, 38]
        assert (image == 51).all()
        assert squares.shape == (0, 3)


def test_a_phantom_gives_negatives_excluding_its_squares(dataset, monkeypatch):
    asked = []

    def phantom_labels(seed):
        asked.append(seed)
        return labelled([10, 20, 20, 12], range(4))

    monkeypatch.setattr("lvvol.datasets.phantoms.phantom_labels", phantom_labels)
    seen = []
    recipe = replace(RECIPE, detector=replace(RECIPE.detector, phantoms=2))
    data = gather([dataset], [], recipe, lambda *report: seen.append(report))
    assert seen[2:] == [("phantoms", 0, 2), ("phantoms", 1, 2), ("phantoms", 2, 2)]
    assert len(set(asked)) == 2
    assert min(asked) >= 10_000  # lower seeds are for evaluation
    assert [len(s) for s in data.squares[12:]] == [2, 3, 3, 2] * 2
    assert len(data.positives) == 9


# Orientations


def test_squares_follow_their_images_through_all_eight_orientations():
    image = np.zeros((30, 44), np.uint8)
    image[3:8, 20:25] = 200
    image[15:25, 30:40] = 90
    squares = np.array([[3.0, 20.0, 5.0], [15.0, 30.0, 10.0]])
    seen = {}
    rng = np.random.default_rng(0)
    data = DetectorData()
    for _ in range(100):
        data.add_image(image, squares, rng)
    for turned, moved in zip(data.images, data.squares, strict=True):
        assert turned.flags["C_CONTIGUOUS"]
        for (top, left, side), grey in zip(moved, (200, 90), strict=True):
            rows, columns = np.nonzero(turned == grey)
            assert (top, left) == (rows.min(), columns.min())
            assert (top + side, left + side) == (rows.max() + 1, columns.max() + 1)
        seen[turned.shape, turned.tobytes()] = turned
    everyway = {(t.shape, t.tobytes()) for k in range(4) for i in (image, image.T)
                for t in [np.rot90(i, k)]}  # fmt: skip
    assert len(everyway) == 8
    assert set(seen) == everyway


@pytest.mark.parametrize(("shape", "count"), [((24, 24), 1), ((23, 60), 0), ((60, 23), 0)])
def test_images_smaller_than_a_window_are_skipped(shape, count):
    data = DetectorData()
    data.add_image(np.zeros(shape, np.uint8), np.empty((0, 3)), np.random.default_rng(0))
    assert len(data.images) == len(data.squares) == count


def test_the_fingerprint_depends_on_all_parts():
    def data():
        made = DetectorData([np.zeros((2, 24, 24), np.uint8)])
        made.add_image(np.zeros((30, 30), np.uint8), np.ones((1, 3)), np.random.default_rng(0))
        return made

    prints = {data().fingerprint()}
    for part in ("positives", "images", "squares"):
        other = data()
        getattr(other, part)[0].flat[0] += 1
        prints.add(other.fingerprint())
    reshaped = data()
    reshaped.images[0] = reshaped.images[0].reshape(25, 36)
    assert len(prints | {reshaped.fingerprint()}) == 5
    assert data().fingerprint() in prints
