"""The patient of a phantom: heart, chest and abdomen, as shapes and tissues."""
