"""A photograph to what the networks see: the face, its landmarks and crop, and the person cut out."""
