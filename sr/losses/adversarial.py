"""Adversarial losses: what the discriminator D learns, and what the generator learns from it.

A loss has two methods, each returning a scalar and its named parts:

    discriminator(D, hr, sr, lr) -> (loss, parts)    trains D; sr comes without a gradient
    generator(D, sr, hr, lr) -> (loss, parts)        trains the generator through sr; D is frozen

It calls D as often and on whatever it needs, as `D(image, hr)`: most discriminators look at the image alone, some also
at the true image that goes with it. Images are N C H W in [0, 1]; hr and sr have one size. `parts` are scalar tensors
without a gradient, and become columns of the curves under the names given: `logits/real`, `loss/r1`. They must be
finite, and the two methods must not use one name for different things.

The losses here share the class below and say two things each: how D's logits are judged, and how D is fooled. A loss
of one's own may do the same, or be any other class with the two methods, a module where it has buffers or frozen
networks; nothing trains a parameter of it. Three things to know:

- D may only be called: with several processes it is DDP's wrapper, which has no other method or attribute of D's.
- A loss of single images, averaged over the batch, is the same for one process and for several, for a whole batch and
  for `system.accumulate` pieces. A mean inside a nonlinearity (relativistic average) is one over the piece at hand,
  unless the loss itself takes it over all processes.
- A gradient of D with respect to images needs images that ask for one, `hr.detach().requires_grad_()`, and full
  precision, `torch.autocast(hr.device.type, enabled=False)`, for training may run in bf16.
"""

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from .penalties import between, gradient_penalty, r1

Logits = Tensor | list[Tensor]  # a list from a discriminator of several scales


class Adversarial:
    """What adversarial losses have in common: they differ in `judge` and `fool`.

    With a discriminator of several scales, the mean over its scales.

    Args:
        r1: weight of R1 in D's loss, see `sr.losses.penalties`.
        gradient_penalty: weight of the gradient penalty in D's loss.
        feature_matching: weight, in the generator's loss, of the mean |difference| of D's inner activations on sr and
            on hr, averaged over layers and scales (Salimans et al. 2016, arXiv 1606.03498, section 3.1; layer by layer
            and in L1 as in pix2pixHD, arXiv 1711.11585, eq. 4). It is multiplied by `adversarial_weight`, too.
    """

    needs_real = False  # whether the generator's loss looks at logits of real images

    def __init__(self, r1: float = 0.0, gradient_penalty: float = 0.0, feature_matching: float = 0.0) -> None:
        self.r1, self.gradient_penalty, self.feature_matching = r1, gradient_penalty, feature_matching

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """D's loss from its logits on real and on generated images."""
        raise NotImplementedError

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """The generator's loss from D's logits; those on real images only where `needs_real`."""
        raise NotImplementedError

    def discriminator(self, D: nn.Module, hr: Tensor, sr: Tensor, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """`judge` and the penalties; watched besides: mean logits, and D's accuracy.

        The accuracy is the share of places at which the logit of the real image is above that of the generated one.
        """
        image = hr.detach().requires_grad_(self.r1 > 0)
        reals, fakes = self._both(D, image, hr, sr)
        pairs = list(zip(reals, fakes, strict=True))
        loss = _mean([self.judge(real, fake) for real, fake in pairs])
        parts = {
            "logits/real": _mean([real.detach().mean() for real in reals]),
            "logits/fake": _mean([fake.detach().mean() for fake in fakes]),
            "accuracy": _mean([(real > fake).float().mean() for real, fake in pairs]),
        }
        if self.r1:
            parts["loss/r1"] = (penalty := r1(reals, image)).detach()
            loss = loss + self.r1 * penalty
        if self.gradient_penalty:
            with torch.autocast(hr.device.type, enabled=False):
                mixed = between(hr.float(), sr.float()).requires_grad_()
                penalty = gradient_penalty(_scales(D(mixed, hr)), mixed)
            parts["loss/gradient_penalty"] = penalty.detach()
            loss = loss + self.gradient_penalty * penalty
        return loss, parts

    def generator(self, D: nn.Module, sr: Tensor, hr: Tensor, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """`fool`, and feature matching."""
        more: dict[str, Any] = {"features": True} if self.feature_matching else {}
        fakes = D(sr, hr, **more)
        reals: Any = None
        if self.needs_real or self.feature_matching:
            with torch.no_grad():
                reals = D(hr, hr, **more)
        if not self.feature_matching:
            return self._fool(fakes, reals), {}
        fakes, made = fakes
        reals, true = reals
        matching = _mean([F.l1_loss(a.float(), b.float()) for a, b in zip(made, true, strict=True)])
        loss = self._fool(fakes, reals) + self.feature_matching * matching
        return loss, {"loss/feature_matching": matching.detach()}

    def _fool(self, fakes: Logits, reals: Logits | None) -> Tensor:
        fakes = _scales(fakes)
        others = _scales(reals) if reals is not None else [None] * len(fakes)
        return _mean([self.fool(fake, real) for fake, real in zip(fakes, others, strict=True)])

    def _both(self, D: nn.Module, image: Tensor, hr: Tensor, sr: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Logits on the real image and on the generated one."""
        if self.r1:
            with torch.autocast(hr.device.type, enabled=False):
                return _scales(D(image, hr)), _scales(D(sr.float(), hr))
        if any(isinstance(module, _BatchNorm) for module in D.modules()):  # whose statistics would be mixed
            return _scales(D(image, hr)), _scales(D(sr, hr))
        halves = [logits.chunk(2) for logits in _scales(D(torch.cat([image, sr.to(image.dtype)]), hr))]
        return [half[0] for half in halves], [half[1] for half in halves]


class Labelled(Adversarial):
    """Those that label images as real (1) or generated (0).

    Args:
        smoothing: real images are labelled 1 - smoothing, for D alone (one-sided label smoothing, Salimans et al. 2016,
            arXiv 1606.03498, section 3.4).
        options: of `Adversarial`.
    """

    def __init__(self, smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.smoothing = smoothing


def _scales(logits: Logits) -> list[Tensor]:
    return [each.float() for each in ([logits] if isinstance(logits, Tensor) else logits)]


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()
