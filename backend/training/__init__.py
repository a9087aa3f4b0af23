"""The data and the training of the networks; nothing at inference imports from here."""
