"""Declarations of the tables: each column once."""
