"""A table of real learning curves, recorded once; search methods are replayed on it."""
