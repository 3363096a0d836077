"""Discriminators: from an image (N C H W, in [0, 1]) to logits, high where it looks real."""

from .vgg import VGGDiscriminator

__all__ = ["VGGDiscriminator"]
