"""Command line interface. Results go to stdout, messages to stderr."""
