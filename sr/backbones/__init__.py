"""Frozen feature networks."""

from .features import (
    ALEXNET_URL,
    VGG16_URL,
    Backbone,
    alexnet,
    blur_pool,
    dists_heads,
    imagenet_alexnet,
    imagenet_vgg16,
    l2_pool,
    lpips_heads,
    lpips_heads_of,
    shift_tolerant_state,
    three_channels,
    vgg16,
    vgg19,
)

__all__ = [
    "ALEXNET_URL",
    "VGG16_URL",
    "Backbone",
    "alexnet",
    "blur_pool",
    "dists_heads",
    "imagenet_alexnet",
    "imagenet_vgg16",
    "l2_pool",
    "lpips_heads",
    "lpips_heads_of",
    "shift_tolerant_state",
    "three_channels",
    "vgg16",
    "vgg19",
]
