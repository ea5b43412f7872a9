"""From a blob's bytes to a page, its chunks and its links: pure functions."""
