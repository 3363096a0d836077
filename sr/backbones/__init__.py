"""Pretrained feature networks, frozen: what perceptual losses and perceptual metrics compare images by."""

from .alexnet import alexnet, imagenet_alexnet
from .classifier import TorchvisionClassifier
from .distance import FeatureDistance, lpips, shift_tolerant_lpips
from .efficientnet import EfficientNetLite, efficientnet_lite
from .features import Backbone, three_channels
from .heads import dists_heads, lpips_heads, lpips_heads_of
from .pretrained import shift_tolerant_state
from .texture import TextureAndStructure
from .vgg import imagenet_vgg16, vgg16, vgg19

__all__ = [
    "Backbone",
    "EfficientNetLite",
    "FeatureDistance",
    "TextureAndStructure",
    "TorchvisionClassifier",
    "alexnet",
    "dists_heads",
    "efficientnet_lite",
    "imagenet_alexnet",
    "imagenet_vgg16",
    "lpips",
    "lpips_heads",
    "lpips_heads_of",
    "shift_tolerant_lpips",
    "shift_tolerant_state",
    "three_channels",
    "vgg16",
    "vgg19",
]
