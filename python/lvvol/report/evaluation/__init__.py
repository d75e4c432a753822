"""The folder that `lvvol evaluate -o` writes: JSON, tables, figures and a page."""
