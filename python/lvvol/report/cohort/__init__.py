"""`summary.html`: one page on many studies."""
