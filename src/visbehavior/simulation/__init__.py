"""A mouse, the task's rules and the rig: sessions whose truth is known, as the rig's raw file."""
