"""Terms of the standard deviation, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lvvol.uncertainty.area_error import AreaError
from lvvol.uncertainty.features import Features, PhaseFeatures
from lvvol.uncertainty.sigma import TERMS, SigmaModel, terms_of
from tests.support.labelled_rows import sigma_model

ED = PhaseFeatures(100.0, (0.3, 0.4), (30.0, 40.0), 9, 0.5, 0.1, 0.05)
ES = PhaseFeatures(45.0, (0.1, 0.2), (30.0, 40.0), 6, 0.2, 0.0, 0.15)
STUDY = Features(ED, ES, largest_gap_mm=12.0, lowest_score=0.8, n_reasons=2)


@pytest.mark.parametrize(
    ("phase", "volume", "propagated", "slices", "base", "apex", "disagreement"),
    [
        # sqrt(30^2 + 40^2) x 0.02 = 1 mL, and the 1 mL that is added.
        ("ed", 0.0, math.log(2 / 110), math.log(9 / 8), 0.5, 0.1, 0.05),
        ("es", math.log(0.5), math.log(2 / 55), math.log(6 / 8), 0.2, 0.0, 0.15),
    ],
)
def test_terms(phase, volume, propagated, slices, base, apex, disagreement):
    terms = dict(zip(TERMS, terms_of(STUDY, phase, AreaError.flat(0.02)), strict=True))
    assert terms == pytest.approx(
        {
            "constant": 1.0,
            "volume": volume,
            "propagated": propagated,
            "slices": slices,
            "gap": math.log(1.2),
            "base": base,
            "apex": apex,
            "roi": 0.2,
            "disagreement": disagreement,
            "reasons": math.log(3),
        }
    )


def test_a_study_without_a_cavity_has_terms():
    nothing = PhaseFeatures(0.0, (0.0,), (0.0,), 0, 0.0, 0.0, 0.0)
    empty = Features(nothing, nothing, largest_gap_mm=0.0, lowest_score=1.0, n_reasons=0)
    assert np.isfinite(terms_of(empty, "ed", AreaError.flat())).all()


def test_the_start_is_11_ml_at_100_ml():
    terms = terms_of(STUDY, "ed", AreaError.flat())
    assert sigma_model().sigma_ml(terms) == pytest.approx(11.0)
    larger = replace(STUDY, ed=replace(ED, volume_ml=210.0))
    grown = sigma_model().sigma_ml(terms_of(larger, "ed", AreaError.flat()))
    assert grown == pytest.approx(11.0 * 2.0**0.6)


@pytest.mark.parametrize(("constant", "sigma_ml"), [(99.0, 300.0), (-99.0, 0.5)])
def test_sigma_stays_in_its_range(constant, sigma_ml):
    terms = terms_of(STUDY, "ed", AreaError.flat())
    assert sigma_model(constant=constant).sigma_ml(terms) == pytest.approx(sigma_ml)


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        ({"constant": 1.0}, "expected constant, volume, .*, reasons, got constant"),
        (dict.fromkeys([*TERMS, "age"], 0.0), "got constant, .*, age"),
        (dict.fromkeys(TERMS, math.nan), "expected finite numbers"),
    ],
)
def test_bad_coefficients_are_refused(coefficients, message):
    with pytest.raises(ValueError, match=message):
        SigmaModel(coefficients)
