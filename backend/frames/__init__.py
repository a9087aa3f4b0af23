"""A portrait and a path of cameras to pictures over time: a film, or a folder of frames."""
