"""The rig's stimulus pickle: what a lab has before there is an NWB file."""
