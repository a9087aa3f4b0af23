"""How well portraits hold up: against photographs, and against other true views of the same person."""
