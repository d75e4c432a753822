"""Locating: an LV that moves from slice to slice is followed, and one is never invented."""

import numpy as np
import pytest

from lvvol.datasets.labelled import stack_of_planes
from lvvol.errors import RoiNotFoundError
from lvvol.roi import FoundBy, dense_scan
from lvvol.roi import locate as locate_with
from lvvol.roi.square import overlap

N_SLICES = 9
MIDDLE = 4


def locate(scorer, detector=dense_scan, **options):
    """Locate, by default with a detector that misses nothing."""
    return locate_with(scorer, detector, **options)


def none(images):
    return np.empty((0, 3))


class OverlapScorer:
    """Scores windows by their overlap with the true square, in the slices where it is visible."""

    def __init__(self, truth, visible=None, shape=(200, 220)):
        images = np.zeros((len(truth), 2, *shape), dtype=np.float32)
        self.stack = stack_of_planes(images, 8.0 * np.arange(len(truth)))
        self.truth = truth
        self.visible = np.ones(len(truth), dtype=bool) if visible is None else visible
        self.asked = []

    def __call__(self, z, squares):
        self.asked.append(z)
        return overlap(squares, self.truth[z]) * self.visible[z]


@pytest.fixture
def truth():
    """An LV that moves across the image and shrinks from 96 to 48 mm towards the apex."""
    z = np.arange(N_SLICES)
    side = 96.0 - 6 * z
    return np.column_stack([100 + 5 * z - side / 2, 120 - 6 * z - side / 2, side])


def hidden(*slices):
    return ~np.isin(np.arange(N_SLICES), slices)


def test_the_square_is_followed_through_every_slice(truth):
    rois = locate(OverlapScorer(truth))
    assert rois.start == MIDDLE
    assert not rois.kept.any()
    # Centres and sides change in steps of a tenth of the side, so errors are up to half of that.
    found = np.array([overlap(s, t) for s, t in zip(rois.squares_mm, truth, strict=True)])
    assert found.min() > 0.75
    np.testing.assert_allclose(rois.scores, found)


def test_the_neighbours_square_is_kept_where_there_is_no_lv(truth):
    rois = locate(OverlapScorer(truth, hidden(0, 1, 6)))
    assert np.flatnonzero(rois.kept).tolist() == [0, 1, 6]
    np.testing.assert_array_equal(rois.squares_mm[0], rois.squares_mm[2])
    np.testing.assert_array_equal(rois.squares_mm[1], rois.squares_mm[2])
    np.testing.assert_array_equal(rois.squares_mm[6], rois.squares_mm[5])
    assert (rois.scores[[0, 1, 6]] == 0).all()
    assert overlap(rois.squares_mm[8], truth[8]) > 0.6  # found again beyond the slice


@pytest.mark.parametrize(("lost", "start"), [((4,), 3), ((4, 3), 5)])
def test_the_search_starts_beside_a_middle_slice_without_lv(truth, lost, start):
    rois = locate(OverlapScorer(truth, hidden(*lost)))
    assert rois.start == start
    assert np.flatnonzero(rois.kept).tolist() == sorted(lost)
    seen = [z for z in range(N_SLICES) if z not in lost]
    assert min(overlap(rois.squares_mm[z], truth[z]) for z in seen) > 0.6


def test_no_lv_near_the_middle_is_refused(truth):
    scorer = OverlapScorer(truth, 0.3 * ~hidden(3, 4, 5))
    with pytest.raises(
        RoiNotFoundError, match=r"slices 5, 4, 6, 3, 7: .*scores up to 0\.[23]\d* where 0.4"
    ):
        locate(scorer)
    assert set(scorer.asked) == {2, 3, 4, 5, 6}


def test_an_lv_in_one_half_of_the_stack_only_is_found(truth):
    """As where the phases of the other half are in the wrong order."""
    truth[:] = truth[MIDDLE]
    rois = locate(OverlapScorer(truth, ~hidden(0, 1, 2)), lambda images: truth[MIDDLE][None])
    assert (rois.start, rois.found_by) == (2, FoundBy.DETECTOR)
    assert np.flatnonzero(~rois.kept).tolist() == [0, 1, 2]


def test_an_image_too_small_for_any_proposal_is_refused():
    with pytest.raises(RoiNotFoundError, match=r"slices 2, 1, 3: .*up to 0\.00"):
        locate(OverlapScorer(np.tile([0.0, 0.0, 30.0], (3, 1)), shape=(30, 30)))


def test_one_slice_is_enough(truth):
    rois = locate(OverlapScorer(truth[:1]))
    assert rois.squares_mm.shape == (1, 3)
    assert rois.start == 0


def test_a_custom_detector_runs_in_the_first_slice_only(truth):
    scorer = OverlapScorer(truth)
    asked = []

    def propose(images):
        asked.append(images.shape)
        return truth[MIDDLE][None] + [3.0, -2.0, 4.0]

    rois = locate(scorer, propose)
    assert asked == [(2, 200, 220)]
    assert overlap(rois.squares_mm[MIDDLE], truth[MIDDLE]) > 0.85
    assert rois.found_by is FoundBy.DETECTOR


@pytest.mark.parametrize("lost", [(), (4,), (4, 3)])
def test_without_proposals_the_whole_image_is_searched(truth, lost):
    rois = locate(OverlapScorer(truth, hidden(*lost)), none)
    assert rois.found_by is FoundBy.DENSE_SCAN
    assert rois.start == next(z for z in (4, 3, 5) if z not in lost)
    assert overlap(rois.squares_mm[rois.start], truth[rois.start]) > 0.75


def test_with_only_low_scores_the_whole_image_is_searched(truth):
    rois = locate(OverlapScorer(truth), lambda images: np.array([[0.0, 0.0, 40.0]]))
    assert rois.found_by is FoundBy.DENSE_SCAN
    assert rois.start == MIDDLE
    assert overlap(rois.squares_mm[MIDDLE], truth[MIDDLE]) > 0.75


def test_neighbouring_slices_are_tried_before_the_whole_image(truth):
    asked = []

    def propose(images):
        asked.append(images)
        return none(images) if len(asked) == 1 else truth[MIDDLE - 1][None]

    rois = locate(OverlapScorer(truth), propose)
    assert (rois.start, rois.found_by, len(asked)) == (MIDDLE - 1, FoundBy.DETECTOR, 2)


def test_the_best_proposal_that_continues_through_slices_is_used(truth):
    """A proposal that scores higher, but in one slice only, is not the LV."""
    likeness = np.array([0.0, 0.0, 60.0])

    class Misled(OverlapScorer):
        def __call__(self, z, squares):
            scores = 0.9 * super().__call__(z, squares)
            return np.maximum(scores, overlap(squares, likeness)) if z == MIDDLE else scores

    rois = locate(Misled(truth), lambda images: np.stack([likeness, truth[MIDDLE]]))
    assert overlap(rois.squares_mm[MIDDLE], truth[MIDDLE]) > 0.99
    assert (rois.start, rois.found_by) == (MIDDLE, FoundBy.DETECTOR)


@pytest.mark.parametrize(("highest", "found"), [(0.79, False), (0.85, True)])
def test_some_slices_must_have_high_scores(truth, highest, found):
    near = np.abs(np.arange(N_SLICES) - MIDDLE) <= 1
    # Windows at the true square are among those tried.
    truth[:] = truth[MIDDLE]
    scorer = OverlapScorer(truth, np.where(near, highest, 0.6))
    detector = lambda images: truth[MIDDLE][None]  # noqa: E731
    if found:
        assert not locate(scorer, detector).kept.any()
    else:
        with pytest.raises(RoiNotFoundError, match=r"scores of at least 0\.8 in 3 .* in 0"):
            locate(scorer, detector)


def test_progress_counts_every_slice_once(truth):
    seen = []
    locate(OverlapScorer(truth), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, N_SLICES) for n in range(1, N_SLICES + 1)]


@pytest.mark.parametrize("seen", [(4,), (4, 5), (0, 4, 5, 8), (0, 1, 4, 7, 8)])
def test_an_lv_in_fewer_than_three_slices_is_refused(truth, seen):
    visible = np.isin(np.arange(N_SLICES), seen)
    with pytest.raises(RoiNotFoundError, match=r"slice 5: .* at least 3 neighbouring slices, got"):
        locate(OverlapScorer(truth, visible))


@pytest.mark.parametrize("seen", [(3, 4, 5), (4, 5, 6), (2, 4, 6), (4, 6, 7)])
def test_three_slices_are_enough_with_a_doubtful_one_between(truth, seen):
    visible = np.isin(np.arange(N_SLICES), seen)
    rois = locate(OverlapScorer(truth, visible))
    assert np.flatnonzero(~rois.kept).tolist() == list(seen)


def test_two_slices_are_enough_in_a_stack_of_three(truth):
    visible = np.array([False, True, True])
    assert locate(OverlapScorer(truth[3:6], visible)).kept.tolist() == [True, False, False]


class MovingScorer(OverlapScorer):
    """An LV that beats beside a still structure; the still one scores higher where it is seen."""

    def __init__(self, truth, alike, alike_score=1.0, still=False):
        super().__init__(truth)
        for z, square in enumerate(truth):
            top, left, side = square.round().astype(int)
            self.stack.images[z, 1, top : top + side, left : left + side] = 0.0 if still else 1.0
        self.alike, self.alike_score = alike, alike_score

    def __call__(self, z, squares):
        alike = self.alike_score * overlap(squares, self.alike)
        return np.maximum(0.9 * super().__call__(z, squares), alike)


ALIKE = np.array([10.0, 10.0, 60.0])


def test_a_still_look_alike_beside_the_heart_is_not_taken(truth):
    """It scores higher in every slice, but only the heart beats."""
    truth[:] = truth[MIDDLE]
    scorer = MovingScorer(truth, ALIKE)
    rois = locate(scorer, lambda images: np.stack([ALIKE, truth[MIDDLE]]))
    assert overlap(rois.squares_mm[MIDDLE], truth[MIDDLE]) > 0.9
    assert rois.found_by is FoundBy.DETECTOR


def test_where_nothing_beats_the_higher_score_wins(truth):
    truth[:] = truth[MIDDLE]
    scorer = MovingScorer(truth, ALIKE, still=True)
    rois = locate(scorer, lambda images: np.stack([ALIKE, truth[MIDDLE]]))
    assert overlap(rois.squares_mm[MIDDLE], ALIKE) > 0.9


def test_a_beating_heart_is_found_beside_the_middle_if_only_the_look_alike_is_proposed(truth):
    truth[:] = truth[MIDDLE]
    scorer = MovingScorer(truth, ALIKE)
    proposed = iter([ALIKE[None], np.stack([ALIKE, truth[MIDDLE]])])
    rois = locate(scorer, lambda images: next(proposed))
    assert rois.start == MIDDLE - 1
    assert overlap(rois.squares_mm[rois.start], truth[MIDDLE]) > 0.9


def test_a_still_structure_that_is_all_there_is_remains_the_result(truth):
    """Whether it is an LV is for the checks of the measurement to say."""
    truth[:] = truth[MIDDLE]
    scorer = MovingScorer(truth, ALIKE)
    scorer.truth = np.tile([150.0, 0.0, 40.0], (N_SLICES, 1))  # the beating one looks like no LV
    rois = locate(scorer, lambda images: ALIKE[None])
    assert rois.start == MIDDLE
    assert overlap(rois.squares_mm[MIDDLE], ALIKE) > 0.9


def test_a_sure_heart_is_followed_alone(truth):
    """Others are followed only where they score nearly as high: the time of a second search."""
    truth[:] = truth[MIDDLE]
    alone, among = MovingScorer(truth, ALIKE, 0.5), MovingScorer(truth, ALIKE, 0.5)
    locate(alone, lambda images: truth[MIDDLE][None])
    locate(among, lambda images: np.stack([ALIKE, truth[MIDDLE]]))
    assert len(among.asked) == len(alone.asked)


def test_a_rival_is_followed_and_the_whole_stack_decides(truth):
    """A structure that beats as much but ends after four slices is not the LV."""
    truth[:] = truth[MIDDLE]
    scorer = MovingScorer(truth, ALIKE)
    scorer.stack.images[:, 1, 10:70, 10:70] = 1.0
    inner = type(scorer).__call__

    class Ending(MovingScorer):
        def __call__(self, z, squares):
            self.alike_score = 1.0 if 3 <= z <= 6 else 0.0
            return inner(self, z, squares)

    scorer.__class__ = Ending
    rois = locate(scorer, lambda images: np.stack([ALIKE, truth[MIDDLE]]))
    assert overlap(rois.squares_mm[MIDDLE], truth[MIDDLE]) > 0.9
