"""Animations: GIF, WebP, APNG."""

from collections.abc import Iterator
from functools import partial

from tests.corpus import Sample
from tests.formats.picture.samples import ICC
from tests.formats.test_animation import make


def samples() -> Iterator[Sample]:
    for suffix in (".gif", ".webp", ".png"):
        within = 4.0 if suffix == ".gif" else 0.0  # a palette of 256 colours, chosen anew
        for clear in (False, True):
            name = f"animations/{'clear' if clear else 'opaque'}{suffix}"
            yield Sample(name, partial(make, clear=clear), {"frames": 4, "times": [100, 50, 200, 80]}, ("4 frames",),
                         within=within)  # fmt: skip
        yield Sample(f"animations/thrice{suffix}", partial(make, loop=3), {"loop": 3}, within=within)
    yield Sample("animations/once.gif", partial(make, loop=None), {"loop": None}, within=4)
    yield Sample("animations/comment.gif", partial(make, comment=b"by hand"), {"comment": b"by hand"}, within=4)
    for suffix in (".webp", ".png"):
        yield Sample(f"animations/profile{suffix}", partial(make, icc_profile=ICC), {"icc": ICC})
