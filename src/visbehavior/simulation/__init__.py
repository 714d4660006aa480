"""Simulation of sessions with known parameters: a behavioral model of the mouse, the task and the rig's stimulus pickle."""
