"""What libraries that read and write files say meanwhile, as warnings or in their logs: in lines instead of raw."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARIES = ("pydicom", "nibabel", "tifffile", "rasterio", "PIL", "imagecodecs", "pillow_heif", "av")
LONGEST = 200  # letters of one that are told
MOST = 3  # of one file


@contextmanager
def captured() -> Iterator[list[str]]:
    """Yields a list, complete at the end: one sentence for each thing said, with who says it. For one thread alone.

    Warnings of others are shown as they would be without this.
    """
    lines: list[str] = []
    handler = _Lines(lines)
    of_libraries = [logging.getLogger(name) for name in LIBRARIES]
    passed_on = [one.propagate for one in of_libraries]
    try:
        for logger in of_libraries:
            logger.addHandler(handler)
            logger.propagate = False
        with warnings.catch_warnings(record=True) as caught:
            yield lines
    finally:
        for logger, propagate in zip(of_libraries, passed_on, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
    for warning in caught:
        path = warning.filename.replace("\\", "/")
        library = next((name for name in LIBRARIES if f"/{name}/" in path), None)
        if library is None:
            warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
        else:
            lines.append(_line(library, str(warning.message)))
    several = list(dict.fromkeys(lines))
    lines[:] = several[:MOST] + [f"and {len(several) - MOST} more like that"] * (len(several) > MOST)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(_line(record.name.split(".")[0], record.getMessage()))


def _line(library: str, message: str) -> str:
    """In one line, without the advice where to read more."""
    text = re.sub(r"\.? Please see <.*|\. See http.*", "", " ".join(message.split()))
    return f"{library}: {text if len(text) <= LONGEST else text[: LONGEST - 4] + ' ...'}"
