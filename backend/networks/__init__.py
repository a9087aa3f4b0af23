"""The networks: one photograph in its aligned crop to colour, opacity and shape of the radiance manifolds."""
