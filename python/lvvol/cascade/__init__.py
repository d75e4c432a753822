"""Cascades on disk: the XML that OpenCV's trainer writes and its version 4 reads."""

from lvvol.cascade.files import cascade_to_xml, read_cascade

__all__ = ["cascade_to_xml", "read_cascade"]
