"""SeD, the semantic-aware discriminator: Li et al., CVPR 2024, arXiv 2402.19387; a PatchGAN (its P+SeD)."""

from math import gcd

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.backbones import EfficientNetLite, three_channels
from sr.errors import UserError

from .layers import Answer, check_size
from .spectral import SpectralConv2d


class SemanticDiscriminator(nn.Module):
    """A PatchGAN whose features are asked for what a pretrained classifier sees in the real image.

    Convolutions 4x4 (strides 2 2 2 1, features w 2w 4w 8w); after each but the first, a `Fusion` block makes semantic
    features at its size, which are concatenated and joined by a 3x3 convolution. All of these convolutions are
    under spectral normalisation but the first and the last, as published.

    Ours: the classifier is EfficientNet-Lite instead of CLIP's ResNet-50. Its `stage5`, the last of stride 16, stands
    where the paper takes `layer3`, also the last of stride 16. Crops may have any size from 24 pixels on, not 256
    alone: what is too large by rounding is cut.

    The classifier is frozen; it is no part of the parameters nor of the state dict. What it sees in `hr` is kept until
    another tensor is given as `hr`, or the same with other content: the calls of one step share it.

    Args:
        backbone: the classifier, `sr.backbones.efficientnet_lite`.
        layer: its activation to look at, of stride 8 or 16.
        channels: of the images, any number.
        width: features of the first convolution.
        bands: three channels to show to the classifier, for images that are neither gray nor RGB.
        residual: add to each attention and feed-forward what goes into it, as the transformer does from which the
            paper's block descends (latent diffusion); ours. Without it the real image is heard through the pattern of
            attention alone, which has to be learnt first.

    Raises:
        UserError: the classifier has no such layer, or it has another stride.
    """

    def __init__(
        self,
        backbone: EfficientNetLite,
        layer: str = "stage5",
        channels: int = 3,
        width: int = 64,
        bands: list[int] | None = None,
        residual: bool = False,
    ) -> None:
        super().__init__()
        fitting = [name for name, stride in backbone.strides.items() if stride in (8, 16) and name in backbone.names]
        if layer not in fitting:
            raise UserError(f"discriminator.layer={layer}: of this backbone, {', '.join(fitting)} can be looked at")
        self.backbone, self.layer, self.bands = backbone, layer, bands
        self.seen: tuple[Tensor, int, Tensor] | None = None  # hr, its version, its semantic features
        n_semantic, w = backbone.channels[layer], width
        self.first = nn.Conv2d(channels, w, 4, 2, padding=1)
        self.convs, self.fusions, self.joins = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for n_in, n_out, step, shrunk in ((w, 2 * w, 2, 4), (2 * w, 4 * w, 2, 8), (4 * w, 8 * w, 1, 8)):
            fusion = Fusion(n_semantic, n_out, backbone.strides[layer] // shrunk, 3 if step == 2 else 4, residual)
            self.convs.append(SpectralConv2d(n_in, n_out, 4, step, padding=1))
            self.fusions.append(fusion)
            self.joins.append(SpectralConv2d(n_out + fusion.n_out, n_out, 3, padding=1))
        self.last = nn.Conv2d(8 * w, 1, 4, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):  # as published: what is semantic starts as next to nothing
                if not isinstance(module, SpectralConv2d):
                    nn.init.normal_(module.weight, 0, 0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor, hr: Tensor | None = None, features: bool = False) -> Answer:
        """N C H W in [0, 1] to N 1 H/8-2 W/8-2, raw logits.

        Args:
            image: real or generated, of at least 24 pixels a side; or several batches of such, one after the other.
            hr: the real images that belong to each of these batches.
            features: return (logits, activations of all convolutions but the last).

        Raises:
            UserError: a smaller image, or no `hr`.
        """
        if hr is None:
            raise UserError("the semantic discriminator needs the real image, too: call it as D(image, hr)")
        check_size(image, 24, "semantic")
        semantic = self.semantics(hr).repeat(len(image) // len(hr), 1, 1, 1)
        inner = [F.leaky_relu(self.first(image), 0.2)]
        for conv, fusion, join in zip(self.convs, self.fusions, self.joins, strict=True):
            x = conv(inner[-1])
            inner.append(F.leaky_relu(join(torch.cat([x, fusion(semantic, x)], dim=1)), 0.2))
        logits = self.last(inner[-1])
        return (logits, inner) if features else logits

    @torch.compiler.disable
    @torch.no_grad()
    def semantics(self, hr: Tensor) -> Tensor:
        """What the classifier sees in `hr`, float32."""
        version = -1 if hr.is_inference() else hr._version
        if self.seen is None or self.seen[0] is not hr or self.seen[1] != version or version < 0:
            found = self.backbone(three_channels(hr.detach(), self.bands), [self.layer])[self.layer].float()
            self.seen = hr, version, found
        return self.seen[2]


class Fusion(nn.Module):
    """The semantic-aware fusion block (section 3.3 and the official models/module_attention.py).

    The semantic features, normalised in groups, attend to themselves and then to the image's features (the query is
    semantic; key and value are the image's), and pass a gated feed-forward of four times the width. Each of the three
    has a layer norm before it and, as published, no residual around it unless asked for. A 1x1 convolution, a pixel
    shuffle and one more convolution bring the result to the image's size.

    Args:
        n_semantic: semantic features.
        n_image: the image's features.
        up: their sizes' ratio.
        kernel: of the last convolution; 4 makes the result smaller by one, like the convolution of the PatchGAN.
        residual: as in `SemanticDiscriminator`.
        dim: width of the attention, with one head.
    """

    def __init__(
        self, n_semantic: int, n_image: int, up: int, kernel: int, residual: bool = False, dim: int = 64
    ) -> None:
        super().__init__()
        self.n_out, self.residual = n_semantic // up**2, residual
        self.norm = nn.GroupNorm(gcd(32, n_semantic), n_semantic, eps=1e-6)
        self.semantic_in, self.image_in = nn.Conv2d(n_semantic, dim, 1), nn.Conv2d(n_image, dim, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.to_itself, self.to_image = Attention(dim), Attention(dim)
        self.widen, self.narrow = nn.Linear(dim, 8 * dim), nn.Linear(4 * dim, dim)
        self.out = nn.Sequential(
            nn.Conv2d(dim, self.n_out * up**2, 1), nn.PixelShuffle(up), nn.Conv2d(self.n_out, self.n_out, kernel, 1, 1)
        )

    def forward(self, semantic: Tensor, image: Tensor) -> Tensor:
        """N n_semantic h w and N n_image H W to N n_out H W."""
        query = self.semantic_in(self.norm(semantic))
        height, width = query.shape[-2:]
        x, context = (each.flatten(2).transpose(1, 2) for each in (query, self.image_in(image)))  # N (h w) dim
        keep = 1.0 if self.residual else 0.0
        x = self.to_itself(self.norms[0](x)) + keep * x
        x = self.to_image(self.norms[1](x), context) + keep * x
        x = self.feed(self.norms[2](x)) + keep * x
        x = self.out(x.transpose(1, 2).unflatten(2, (height, width)))
        return x[..., : image.shape[-2], : image.shape[-1]]

    def feed(self, x: Tensor) -> Tensor:
        """The gated feed-forward, N n dim to N n dim."""
        value, gate = self.widen(x).chunk(2, dim=-1)
        return self.narrow(value * F.gelu(gate))


class Attention(nn.Module):
    """softmax(Q K' / sqrt(dim)) V, one head; a linear layer after it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Queries x, N n dim, on `context`, N m dim (None: on itself), to N n dim."""
        context = x if context is None else context
        # Written out, for PyTorch's own attention has no second derivative, which gradient penalties need.
        scores = self.query(x) @ self.key(context).transpose(1, 2) * self.key.in_features**-0.5
        return self.out(scores.softmax(-1) @ self.value(context))
