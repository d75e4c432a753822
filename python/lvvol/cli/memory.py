"""Lack of memory, which libraries report in many ways."""

from __future__ import annotations

import errno

_MESSAGES = (
    "cannot allocate memory",
    "can't start new thread",
    "failed to map segment",  # the dynamic linker
    "insufficient memory",  # OpenCV
    "not enough memory",  # torch
    "out of memory",
)


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error, or one that it comes from, says that memory was not enough.

    Parameters
    ----------
    error : BaseException
        Any error.

    Examples
    --------
    >>> lacks_memory(MemoryError()), lacks_memory(ValueError("threads"))
    (True, False)
    """
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        if isinstance(at, MemoryError) or getattr(at, "errno", None) == errno.ENOMEM:
            return True
        # Other types with such a text are errors about a file or an argument.
        if isinstance(at, (ImportError, RuntimeError)) or type(at).__module__.startswith("cv2"):
            text = str(at).lower()
            if any(message in text for message in _MESSAGES):
                return True
        at = at.__cause__ or at.__context__
    return False
