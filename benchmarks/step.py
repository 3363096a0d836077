"""What a training step costs, beside the same step as a bare loop and in BasicSR's order of work.

    python benchmarks/step.py [--system pixel|adversarial|perceptual] [--steps 20] [--hr 96] [--json FILE]
    python benchmarks/step.py --without channels_last fused kept_memory     what each of these is worth

The paper's networks (SRResNet-16x64 with batch norm, SRGAN's discriminator; for `perceptual` also VGG-19 to conv5_4,
with random weights, which cost the same) at batch 16. Each contender runs in a process of its own and takes turns with
the others step by step, so that a machine whose speed drifts favours none. The project's step has all that a run has:
loader, Lightning, progress bar, curves, gradient norms, guards. The others have their batch in memory.
"""

import argparse
import json
import statistics
import tempfile
from copy import deepcopy
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import pytorch_lightning as pl
import torch
from basicsr_style import step_of

from sr.backbones import Backbone
from sr.backbones.vgg import vgg_layers
from sr.data.photos import Photos
from sr.degradations import Bicubic
from sr.discriminators import VGGDiscriminator
from sr.generators import SRResNet
from sr.inference import memory
from sr.losses import L2, Perceptual, Vanilla, WeightedSum
from sr.training import AdversarialSystem, PixelSystem
from sr.training.callbacks import Health, Progress, Stop
from sr.training.lightning import only_what_matters
from sr.training.loggers import Curves
from sr.training.schedules import MultiStep

BATCH, WARM_UP, WEIGHT = 16, 3, 1e-3
OPTIONS = ("channels_last", "fused", "kept_memory", "health")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--system", choices=["pixel", "adversarial", "perceptual"], default="adversarial")
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--hr", type=int, default=96, help="side of the crops in pixels")
    options.add_argument("--without", nargs="*", choices=OPTIONS, default=[], help="our step without each of these")
    options.add_argument("--json", type=Path, help="file for the figures")
    given = options.parse_args()

    names = ["ours", "bare", "basicsr_style", *(f"without_{name}" for name in given.without)]
    spawn = get_context("spawn")
    workers, processes = {}, []
    for name in names:
        workers[name], there = spawn.Pipe()
        processes.append(spawn.Process(target=work, args=(name, given.system, given.steps, given.hr, there)))
        processes[-1].start()
        there.close()
    times: dict[str, list[float]] = {name: [] for name in names}
    for i in range(given.steps + WARM_UP):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            workers[name].send("step")
            times[name].append(workers[name].recv())
    for pipe in workers.values():
        pipe.close()
    for process in processes:
        process.join()
    times = {name: values[WARM_UP:] for name, values in times.items()}  # the first steps allocate
    told = {
        "system": given.system, "batch": BATCH, "hr_px": given.hr, "steps": given.steps, "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "ms": {name: round(1e3 * statistics.median(values), 1) for name, values in times.items()},
        "overhead_over_bare": ratio(times["ours"], times["bare"]),
        "ratio_to_basicsr_style": ratio(times["basicsr_style"], times["ours"]),
        "slower_without": {name: ratio(times[f"without_{name}"], times["ours"]) for name in given.without},
    }  # fmt: skip
    print(json.dumps(told, indent=1))
    if given.json:
        given.json.write_text(json.dumps(told, indent=1) + "\n")


def ratio(a: list[float], b: list[float]) -> float:
    """Median of the ratios of steps that were made one after the other."""
    return round(statistics.median(x / y for x, y in zip(a, b, strict=True)), 3)


def work(name: str, kind: str, steps: int, hr_px: int, pipe: Connection) -> None:
    """One contender: waits for its turn, makes a step, tells the seconds."""
    torch.manual_seed(0)
    if name not in ("basicsr_style", "without_kept_memory"):
        memory.keep_freed()
    system = make(kind, channels_last=name != "without_channels_last", fused=name != "without_fused")
    if name in ("bare", "basicsr_style"):
        batch = torch.randint(0, 256, (BATCH, 3, hr_px, hr_px), dtype=torch.uint8)
        step = bare_step(system) if name == "bare" else basicsr_style(system)
        for _ in range(steps + WARM_UP):
            pipe.recv()
            begin = now()
            step(batch)
            pipe.send(now() - begin)
    else:
        train(system, steps + WARM_UP, hr_px, pipe, health=name != "without_health")


def train(system: PixelSystem, steps: int, hr_px: int, pipe: Connection, health: bool) -> None:
    """Our step, as a run makes it."""
    only_what_matters()
    with tempfile.TemporaryDirectory() as folder:
        data = Photos(scale=4, channels=3, crop_px=hr_px, batch_size=BATCH, seed=0, workers=2, cache=folder)
        cuda = torch.cuda.is_available()
        trainer = pl.Trainer(
            max_steps=steps, callbacks=[Progress(), Stop(), *([Health(folder)] if health else []), InTurn(pipe)],
            logger=Curves(str(Path(folder) / "curves.csv")), enable_checkpointing=False, enable_model_summary=False,
            limit_val_batches=0, use_distributed_sampler=False, devices=1, log_every_n_steps=1,
            precision="bf16-mixed" if cuda else "32-true",
        )  # fmt: skip
        trainer.fit(system, data)


class InTurn(pl.Callback):
    """From the end of a step to that of the next, the wait for the turn left out."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.mark = pipe, 0.0

    def on_train_start(self, trainer, pl_module) -> None:
        self.pipe.recv()
        self.mark = now()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.pipe.send(now() - self.mark)
        if trainer.global_step < trainer.max_steps:
            self.pipe.recv()
        self.mark = now()


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter()


def make(kind: str, channels_last: bool = True, fused: bool = True) -> PixelSystem:
    pixel = {
        "generator": SRResNet(),
        "degradation": Bicubic(),
        "content": WeightedSum({"pixel": L2()}, {"pixel": 1.0}),
        "optimizer": partial(torch.optim.Adam, fused=fused),
        "schedule": MultiStep(1e-4),
        "metrics": {},
        "channels_last": channels_last,
    }
    if kind == "pixel":
        return PixelSystem(**pixel)
    content = pixel["content"]
    if kind == "perceptual":
        vgg = Perceptual(vgg19_of_random_weights(), {"relu5_4": 1.0}, "l2", 1 / 12.75)
        content = WeightedSum({"perceptual": vgg}, {"perceptual": 1.0})
    return AdversarialSystem(
        **pixel,
        discriminator=VGGDiscriminator(grid=6),
        adversarial=Vanilla(),
        adversarial_content=content,
        adversarial_weight=WEIGHT,
        adversarial_schedule=MultiStep(1e-4),
        discriminator_schedule=MultiStep(1e-4),
        pixel_steps=0,
    )


def vgg19_of_random_weights() -> Backbone:
    layers = vgg_layers([2, 2, 4, 4, 4], [("pool", ("pool", 2, 2))])
    weights, n_in = {}, 3
    for name in (name for name, (kind, *_) in layers if kind == "conv"):
        n_out = min(64 * 2 ** (int(name[4]) - 1), 512)
        weights[f"{name}.weight"] = torch.randn(n_out, n_in, 3, 3) * (2 / (9 * n_in)) ** 0.5
        weights[f"{name}.bias"], n_in = torch.zeros(n_out), n_out
    return Backbone(layers, weights)


def parts_of(system: PixelSystem) -> tuple:
    """Discriminator and content loss of the phase that is measured."""
    if isinstance(system, AdversarialSystem):
        return system.discriminator, system.adversarial_content
    return None, system.content


def basicsr_style(system: PixelSystem):
    discriminator, content = parts_of(system)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    system.to(device)
    step = step_of(system.generator, discriminator, system.degradation, content, WEIGHT)
    return lambda batch: step(batch.to(device))


def bare_step(system: PixelSystem):
    """Our step by hand: the same layout and optimizers, and nothing else."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layout = torch.channels_last
    discriminator, content = parts_of(system.to(device))
    content.to(memory_format=layout)
    generator = deepcopy(system.generator).to(device, memory_format=layout)
    average = deepcopy(generator).eval().requires_grad_(False)
    adam = partial(torch.optim.Adam, lr=1e-4, fused=True)
    opt_g = adam(generator.parameters())
    if discriminator is not None:
        discriminator = deepcopy(discriminator).to(device, memory_format=layout)
        opt_d = adam(discriminator.parameters())
    autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=device.type == "cuda")
    softplus = torch.nn.functional.softplus

    def step(raw: torch.Tensor) -> None:
        hr = raw.to(device, torch.float32, memory_format=layout) / 255
        lr, hr = system.degradation(hr, [])
        with autocast():
            sr = generator(lr)
            loss = content(sr, hr)[0]
            if discriminator is not None:
                discriminator.requires_grad_(False)
                loss = loss + WEIGHT * softplus(-discriminator(sr)).mean()
                discriminator.requires_grad_(True)
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()
        if discriminator is not None:
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
