"""The whole data set in one store: building it, checking it, and queries."""
