"""Stack: combine the images of a study into its short-axis cine stack."""
