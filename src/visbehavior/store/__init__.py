"""Reading objects from S3, HTTP or folders, and caching their bytes on disk. Independent of tables and sessions."""
