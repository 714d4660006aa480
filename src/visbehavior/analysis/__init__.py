"""Arithmetic on tables: no function here knows a session or reads a file."""
