"""The command ``visbehavior``: a thin coat over the package's functions. Data goes to stdout, words to stderr."""
