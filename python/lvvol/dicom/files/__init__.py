"""Files: read the images of a folder or archive, with the attributes of their headers."""
