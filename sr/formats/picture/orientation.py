"""The orientation tag of TIFF and EXIF: how stored pixels are turned upright."""

import re
from collections.abc import Callable

import numpy as np

from ..base import Array

ORIENTATION = 274  # the tag's number
IN_XMP = re.compile(rb'(tiff:Orientation(?:="|>))(\d)')

# From the tag's value (TIFF 6.0, page 36) to what turns H W or H W C upright; 5 to 8 exchange height and width.
UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}
