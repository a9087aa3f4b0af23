"""Painted sheets and the photograph to textures: colour and opacity for every texel, seen in it or hidden."""
