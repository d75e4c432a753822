"""Windows cut from a stack and scored by the ROI classifier, in one call."""

from lvvol.kernels.patch_scoring.op import patch_scoring
from lvvol.kernels.patch_scoring.weights import ScoringWeights, scoring_weights

__all__ = ["ScoringWeights", "patch_scoring", "scoring_weights"]
