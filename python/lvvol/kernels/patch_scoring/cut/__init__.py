"""A window cut out of a stack within a kernel."""
