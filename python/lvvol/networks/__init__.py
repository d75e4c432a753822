"""The networks, their weights on disk, and their use on arrays."""
