"""GAN super-resolution on PyTorch Lightning.

Shapes, in every docstring: N samples, C channels, H and W pixels of the low-resolution side, s the scale;
so `lr` is N C H W and `sr` and `hr` are N C sH sW. Images inside networks are float in [0, 1].

From Python: `sr.enlarge(image)`, and `sr.load("fast_x4")` for several images.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr.inference.door import enlarge, load

__version__ = "0.1.0"
__all__ = ["enlarge", "load"]


def __getattr__(name: str) -> Any:
    """`enlarge` and `load` when they are first asked for: what they import takes seconds, `import sr` none."""
    if name not in __all__:
        raise AttributeError(f"module 'sr' has no attribute {name!r}")
    from sr.inference import door

    return getattr(door, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
