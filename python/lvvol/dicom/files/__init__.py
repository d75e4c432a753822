"""Files: from a folder or archive to the images in it, with the facts of their headers."""
