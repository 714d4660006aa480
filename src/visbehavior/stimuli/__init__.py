"""Stimuli as sent to the monitor: templates of images, gratings and the natural movie."""
