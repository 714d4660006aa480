"""The published data set: releases, project tables, and session files."""
