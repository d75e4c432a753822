"""Where a study's bytes come from: a folder, zip or tar, with hostile ones refused."""

from lvvol.sources.archive import Source, open_source

__all__ = ["Source", "open_source"]
