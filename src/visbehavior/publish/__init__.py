"""Releases of one's own sessions: build, check and serve a bucket."""
