"""An NWB file, read with h5py alone."""
