"""`data=paired data.hr=DIR data.lr=DIR`: HR images and the LR images that belong to them."""

from typing import Any

from .folder import Folder


class Paired(Folder):
    """Pairs by name: `hr/a/b.png` belongs to `lr/a/b.*`, also where the latter is called `bx4` or `b_x4` (as DIV2K's).

    Args:
        hr, lr: folders, or databases (LMDB).
        meta_info: a list of the images to take, as BasicSR writes it; all by default.
    """

    def __init__(self, hr: str, lr: str, meta_info: str | None = None, **options: Any) -> None:
        listed = {} if meta_info is None else {"meta_info": meta_info}
        super().__init__(root={"hr": hr, "lr": lr, **listed}, **options)
