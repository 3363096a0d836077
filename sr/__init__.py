"""GAN super-resolution on PyTorch Lightning.

Shapes, in every docstring: N samples, C channels, H and W pixels of the low-resolution side, s the scale;
so `lr` is N C H W and `sr` and `hr` are N C sH sW. Images inside networks are float in [0, 1].
"""

__version__ = "0.1.0"
