"""The two ways a command fails: the user can mend it, or the machine gave out."""


class InputError(ValueError):
    """Bad input. Its message is one sentence that names the fix; commands exit with 2."""


class ProcessingError(RuntimeError):
    """Good input, but the work failed (disk full, encoder missing); commands exit with 1."""


class WriteError(ProcessingError):
    """The disk gave out."""
