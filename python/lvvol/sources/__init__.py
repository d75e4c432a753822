"""Access to the files of a study in a folder, zip or tar, safe against malicious archives."""

from lvvol.sources.archive import Source, open_source

__all__ = ["Source", "open_source"]
