"""Bytes: where they come from and how they are kept. Nothing here knows what a table is."""
