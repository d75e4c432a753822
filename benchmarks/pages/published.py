"""What Liao et al. 2017 (arXiv 1702.03833) report, to stand beside our figures."""

from __future__ import annotations

TABLE_1 = (
    "25 x 25 x 6 in, mean subtracted",
    "conv 5 x 5, pad 2, 32; BN; ReLU",
    "max pool 2 (25 to 12); dropout 0.4",
    "conv 5 x 5, pad 2, 32; BN; ReLU",
    "max pool 2 (12 to 6); dropout 0.4",
    "conv 3 x 3, pad 1, 32; BN; ReLU",
    "average pool 6 x 6",
    "softmax, 2 ways",
)
"""The classifier, layer by layer."""

TABLE_2 = (
    ("Tencia and Woshialex", 0.009485, 12.02, 10.19, 4.88),
    ("kunsthart", 0.010123, 13.65, 10.43, 6.99),
    ("JuliandeWit", 0.010139, 13.63, 10.32, 5.04),
    ("Liao et al.", 0.010666, 13.20, 9.31, 4.69),
)
"""440 test studies: mean CRPS, RMSE of EDV and ESV in mL and of EF in points."""

TABLE_3 = {
    "none": (0.01358, 0.01550, 0.01400),
    "claimed": (0.00999, 0.01280, 0.01067),
    "known": (0.00949, 0.01112, None),
}
"""Mean CRPS on training, validation and test studies, by the standard deviation of all."""

VALIDATION = {
    "edv_relative_percent": 8.59,
    "esv_relative_percent": 13.1,
    "edv_correlation": 0.987,
    "esv_correlation": 0.987,
    "ef_mean_absolute_error": 3.93,
    "ef_correlation": 0.888,
}
"""Fig. 8: 70 validation studies, less 595 and 599."""
