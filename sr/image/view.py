"""Which bands of an image are shown to people."""

from torch import Tensor


def visible(image: Tensor, dim: int = 0) -> Tensor:
    """Of three bands and more the first three, to be shown as RGB; of fewer the first one, to be shown as gray.

    Args:
        image: any shape and type.
        dim: that of the bands: 0 for C H W, 2 for H W C.

    Returns:
        A view of the image with 3 bands or 1.
    """
    return image.narrow(dim, 0, 3 if image.shape[dim] >= 3 else 1)
