"""Pages of the documentation, written from result files alone."""
