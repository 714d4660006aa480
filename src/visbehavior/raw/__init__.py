"""Reader of the rig's stimulus pickle, the file that a lab has before there is an NWB file."""
