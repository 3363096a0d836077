"""`data=photos`: the colour photographs that come with scikit-image. Nothing to download."""

from importlib import resources
from pathlib import Path

from .images import Images
from .module import CropData
from .pack import Pack

TRAINING = ["astronaut.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png",
            "motorcycle_right.png", "retina.jpg"]  # fmt: skip
HELD_OUT = ["chelsea.png", "rocket.jpg"]


class Photos(CropData):
    """Seven photographs to train on, a cat and a rocket to validate on: enough to see a network learn."""

    def training(self) -> tuple[Pack, Pack | None]:
        return self.pack([folder() / name for name in TRAINING], folder(), self.crop_px), None

    def held_out(self) -> Images:
        return Images("photos", [folder() / name for name in HELD_OUT], None, self.scale, self.channels)


def folder() -> Path:
    """Where scikit-image keeps its pictures."""
    return Path(str(resources.files("skimage"))) / "data"
