"""Several networks as one: the mean of what they say, each seeing the channels it takes."""

import numpy as np
import pytest

from lvvol import load_model
from lvvol.networks.ensemble import Ensemble
from lvvol.networks.files import HFCN_FILE, SECOND_HFCN_FILE, SHIPPED
from lvvol.networks.inference import load_segmenter, load_segmenters


class Constant:
    """Says the same of every patch, and remembers what it saw."""

    def __init__(self, channels, p, share):
        self.channels, self.p, self.share, self.seen = channels, p, share, None

    def __call__(self, patches, *, threads=0):
        assert patches.flags.c_contiguous
        self.seen = patches.copy()
        n = len(patches)
        return np.full((n, 48, 48), self.p, np.float32), np.full(n, self.share)


def some_patches(channels):
    rng = np.random.default_rng(1)
    return rng.standard_normal((3, channels, 48, 48), dtype=np.float32)


def test_results_are_the_mean_of_the_members():
    likelihood, fractions = Ensemble([Constant(1, 0.25, 0.1), Constant(6, 0.75, 0.4)])(
        some_patches(6)
    )
    assert likelihood.dtype == np.float32
    np.testing.assert_array_equal(likelihood, np.full((3, 48, 48), 0.5))
    np.testing.assert_allclose(fractions, 0.25)


def test_each_member_sees_the_channels_it_takes():
    one, six, patches = Constant(1, 0, 0), Constant(6, 0, 0), some_patches(6)
    ensemble = Ensemble([one, six])
    assert ensemble.channels == 6
    ensemble(patches)
    np.testing.assert_array_equal(one.seen, patches[:, :1])
    np.testing.assert_array_equal(six.seen, patches)


def test_patches_of_other_channels_are_refused():
    with pytest.raises(ValueError, match=r"expected \(n, 6, row, column\), got \(3, 1, 48, 48\)"):
        Ensemble([Constant(6, 0, 0)])(some_patches(1))


def test_no_member_is_refused():
    with pytest.raises(ValueError, match="at least one network"):
        Ensemble([])


def test_the_shipped_model_is_the_mean_of_its_two_networks():
    files = [SHIPPED / HFCN_FILE, SHIPPED / SECOND_HFCN_FILE]
    patches = some_patches(6)
    one, two = load_segmenter(files[0]), load_segmenter(files[1])
    likelihood, fractions = load_model().hfcn(patches)
    by_one, by_two = one(np.ascontiguousarray(patches[:, :1])), two(patches)
    np.testing.assert_allclose(likelihood, (by_one[0] + by_two[0]) / 2, atol=1e-6)
    np.testing.assert_allclose(fractions, (by_one[1] + by_two[1]) / 2)


def test_a_single_network_stays_itself():
    assert not isinstance(load_segmenters([SHIPPED / HFCN_FILE]), Ensemble)
