"""Figures of tables: each function takes tables and an ``ax``, draws, and returns the ``ax``."""
