"""Benchmarks of `make bench`: ratios to AllenSDK and to bare h5py, in one run on one machine."""
