"""Plots: each function draws tables on a matplotlib ``ax`` and returns the ``ax``."""
