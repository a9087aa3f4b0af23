"""The ops, the renderer and whole commands to their times and their memory on this machine."""
