"""`data=folder data.root=DIR`: any tree of images."""

from functools import cached_property
from pathlib import Path
from typing import Any

from .images import Images
from .module import CropData
from .pack import Pack, find


class Folder(CropData):
    """HR images under `root`; lr is made of them on the device, by the degradation.

    Args:
        root: folder with images, at any depth.
        held_out_images: kept for validation where `val` names none.
    """

    def __init__(self, root: str, held_out_images: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.root, self.held_out_images = Path(root).expanduser(), held_out_images

    @cached_property
    def split(self) -> tuple[Pack, Pack]:
        """(training, validation)."""
        return self.hold_out(self.held_out_images, self.pack(find(self.root), self.root, self.crop_px))[0]

    def training(self) -> tuple[Pack, None]:
        return self.split[0], None

    def held_out(self) -> Images:
        return Images(self.root.name, self.split[1], None, self.scale, self.channels)
