"""Images as the monitor showed them: warped for the mouse's eye, templates, the natural movie."""
