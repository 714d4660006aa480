"""The exception of reads that have to wait for the network."""


class NotHere(Exception):
    """Bytes are not cached. The file object noted them for the next fetch. Internal: users never see it."""
