"""Portraits to try things on: an analytic head that needs no photograph, and that of an example photograph."""
