"""Access to the files of a study in a folder, zip or tar, safe against malicious archives."""

from lvvol.sources.archive import Source, open_source, walk_folders
from lvvol.sources.given import MemorySource, SelectedFiles

__all__ = ["MemorySource", "SelectedFiles", "Source", "open_source", "walk_folders"]
