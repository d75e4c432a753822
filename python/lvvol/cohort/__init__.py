"""Many studies: which, measured side by side, and one table of all results."""
