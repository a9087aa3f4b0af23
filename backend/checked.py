"""Values that are whole and read-only however they were made."""

from typing import Any


class Checked:
    """A frozen dataclass whose copies and unpickled twins are checked and made read-only as it was itself.

    numpy forgets that an array is read-only when it is pickled or copied.
    """

    def __post_init__(self) -> None:
        """Checks the fields and makes their arrays read-only."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()
