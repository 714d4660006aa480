"""What `make bench` measures: ratios to AllenSDK and to bare h5py, in one run on one machine."""
