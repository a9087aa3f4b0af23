"""Portraits, and what is drawn of them, to files: PNG, JPEG, EXR, MP4, GLB, PLY, whole or not at all."""
