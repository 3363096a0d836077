"""What the framework costs: a training step of this project beside the same step as a bare PyTorch loop.

    python benchmarks/step.py [--system pixel|adversarial] [--steps 20]

Both train the paper's networks (SRResNet-16x64 with batch norm, SRGAN's discriminator) at batch 16, HR 96. The two
alternate step by step in one process, so that a machine whose speed drifts favours neither. The project's step has all
that a run has: loader, Lightning, progress bar, curves, gradient norms, guards. The bare step has its batch in memory.
"""

import argparse
import statistics
import tempfile
from copy import deepcopy
from functools import partial
from pathlib import Path
from time import perf_counter

import pytorch_lightning as pl
import torch

from sr.data.photos import Photos
from sr.degradations import Bicubic
from sr.discriminators import VGGDiscriminator
from sr.generators import SRResNet
from sr.losses import L2, Vanilla, WeightedSum
from sr.training import AdversarialSystem, PixelSystem
from sr.training.callbacks import Progress, Stop
from sr.training.lightning import only_what_matters
from sr.training.loggers import Curves
from sr.training.schedules import MultiStep

BATCH, HR_PX = 16, 96


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--system", choices=["pixel", "adversarial"], default="pixel")
    options.add_argument("--steps", type=int, default=20)
    given = options.parse_args()

    only_what_matters()
    torch.manual_seed(0)
    system = make(given.system)
    with tempfile.TemporaryDirectory() as folder:
        data = Photos(scale=4, channels=3, crop_px=HR_PX, batch_size=BATCH, seed=0, workers=2, cache=folder)
        alternate = Alternate(bare_step(system))
        cuda = torch.cuda.is_available()
        trainer = pl.Trainer(
            max_steps=given.steps + 3, callbacks=[Progress(), Stop(), alternate],
            logger=Curves(str(Path(folder) / "curves.csv")), enable_checkpointing=False, enable_model_summary=False,
            limit_val_batches=0, use_distributed_sampler=False, devices=1, log_every_n_steps=1,
            precision="bf16-mixed" if cuda else "32-true",
        )  # fmt: skip
        trainer.fit(system, data)
    ours, bare = alternate.ours[3:], alternate.bare[3:]  # the first steps allocate
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    print(
        f"{given.system}: {1e3 * statistics.median(ours):.1f} ms a step here, {1e3 * statistics.median(bare):.1f} ms "
        f"bare; median ratio of {len(ours)} pairs {ratio:.3f}"
    )


class Alternate(pl.Callback):
    """After each step of the trainer, one bare step."""

    def __init__(self, step) -> None:
        self.step, self.ours, self.bare, self.mark = step, [], [], 0.0

    def on_train_start(self, trainer, pl_module) -> None:
        self.mark = now()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        end = now()
        self.ours.append(end - self.mark)
        self.step(batch["hr"])
        self.mark = now()
        self.bare.append(self.mark - end)


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter()


def make(kind: str) -> PixelSystem:
    pixel = {
        "generator": SRResNet(),
        "degradation": Bicubic(),
        "content": WeightedSum({"pixel": L2()}, {"pixel": 1.0}),
        "optimizer": partial(torch.optim.Adam, fused=True),
        "schedule": MultiStep(1e-4),
        "metrics": {},
    }
    if kind == "pixel":
        return PixelSystem(**pixel)
    return AdversarialSystem(
        **pixel,
        discriminator=VGGDiscriminator(),
        adversarial=Vanilla(),
        adversarial_content=pixel["content"],
        adversarial_weight=1e-3,
        adversarial_schedule=MultiStep(1e-4),
        discriminator_schedule=MultiStep(1e-4),
        pixel_steps=0,
    )


def bare_step(system: PixelSystem):
    """The same step by hand, on copies of the same networks."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layout = torch.channels_last
    generator = deepcopy(system.generator).to(device, memory_format=layout)
    average = deepcopy(generator).eval().requires_grad_(False)
    adam = partial(torch.optim.Adam, lr=1e-4, fused=True)
    opt_g = adam(generator.parameters())
    adversarial = isinstance(system, AdversarialSystem)
    if adversarial:
        discriminator = deepcopy(system.discriminator).to(device, memory_format=layout)
        opt_d = adam(discriminator.parameters())
    autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=device.type == "cuda")
    softplus = torch.nn.functional.softplus

    def step(raw: torch.Tensor) -> None:
        hr = raw.to(device, torch.float32, memory_format=layout) / 255
        lr, hr = system.degradation(hr, [])
        with autocast():
            sr = generator(lr)
            loss = torch.nn.functional.mse_loss(sr, hr)
            if adversarial:
                discriminator.requires_grad_(False)
                loss = loss + 1e-3 * softplus(-discriminator(sr)).mean()
                discriminator.requires_grad_(True)
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()
        if adversarial:
            with autocast():
                loss = softplus(-discriminator(hr)).mean() + softplus(discriminator(sr.detach())).mean()
            opt_d.zero_grad()
            loss.backward()
            opt_d.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), weight=1e-3)

    return step


if __name__ == "__main__":
    main()
