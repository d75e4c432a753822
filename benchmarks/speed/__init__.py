"""How fast lvvol is, beside what others use for the same work."""
