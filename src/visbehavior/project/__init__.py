"""The published data set: releases, project tables, files."""
