"""Computations on tables and arrays; they read no file and use no session object."""
