"""Releases of your own sessions: building, checking and serving a bucket."""
