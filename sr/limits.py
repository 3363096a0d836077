"""What values options may have: declared once, for the top level and for all groups."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sr.errors import UserError


@dataclass(frozen=True)
class Limit:
    """Values from `least` to `most`, which belong to it unless `beyond` or `below` says otherwise.

    Args:
        whole: integers alone.
        beyond: `least` itself is too small.
        below: `most` itself is too large.
    """

    least: float
    most: float = float("inf")
    whole: bool = True
    beyond: bool = False
    below: bool = False

    def holds(self, value: Any) -> bool:
        """Whether a value lies within."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        high = value < self.most if self.below else value <= self.most
        return high and (value > self.least if self.beyond else value >= self.least)

    def __str__(self) -> str:
        low = f"{'more than' if self.beyond else 'at least'} {self.least:g}"
        high = "" if self.most == float("inf") else f" and {'less than' if self.below else 'at most'} {self.most:g}"
        return f"{'a whole number' if self.whole else 'a number'} of {low}{high}"


COUNT, SOME = Limit(0), Limit(1)
NUMBER, POSITIVE = Limit(0, whole=False), Limit(0, whole=False, beyond=True)
SHARE = Limit(0, 1, whole=False, below=True)

# Patterns of dotted options; null is always allowed here, for the types of the schema say where it is not.
LIMITS: Mapping[str, Limit] = {
    "seed": Limit(0, 2**32 - 1),
    "data.crop_px": SOME, "data.batch_size": SOME, "data.workers": COUNT, "data.held_out_images": COUNT,
    "steps.minutes": POSITIVE,
    "system.accumulate": SOME, "system.log_every_steps": SOME, "system.clip_norm": POSITIVE, "system.ema_decay": SHARE,
    "trainer.max_steps": SOME, "trainer.val_check_interval": SOME,
    "callbacks.checkpoints.every_steps": SOME, "callbacks.checkpoints.keep": COUNT,
    "callbacks.checkpoints.floor_db": NUMBER,
    "callbacks.panels.images": COUNT, "callbacks.panels.crop_px": SOME, "callbacks.progress.refresh_steps": SOME,
    "callbacks.health.floor_db": NUMBER, "callbacks.health.rollbacks": COUNT,
    "callbacks.health.slower": Limit(0, 1, whole=False, beyond=True),
    "callbacks.stop.after_minutes": NUMBER, "callbacks.stop.every_steps": SOME,
    "generator.width": SOME, "generator.depth": SOME, "generator.blocks": SOME,
    "generator.growth": SOME, "generator.res_scale": POSITIVE, "generator.peak": POSITIVE,
    "discriminator.width": SOME, "discriminator.grid": SOME, "discriminator.dense": SOME,
    "discriminator.growth.*": SOME, "discriminator.strides.*": SOME, "discriminator.kernel": SOME,
    "discriminator.scales": SOME, "discriminator.inner.width": SOME, "discriminator.gain": POSITIVE,
    "system.discriminator_updates": SOME, "system.discriminator_rests_above": Limit(0, 1, whole=False),
    "losses.adversarial.smoothing": Limit(0, 0.5, whole=False), "losses.adversarial.r1": NUMBER,
    "losses.adversarial.gradient_penalty": NUMBER, "losses.adversarial.feature_matching": NUMBER,
    "losses.adversarial_weight": NUMBER, "losses.*.weights.*": NUMBER, "losses.*.terms.*.alpha": NUMBER,
    "losses.*.terms.*.epsilon": POSITIVE, "losses.*.terms.*.delta": POSITIVE, "losses.*.terms.*.darkest": POSITIVE,
    "losses.*.terms.*.luma": Limit(0, 1, whole=False),
    "optimizer.betas.*": SHARE, "optimizer.momentum": SHARE, "optimizer.ratio": NUMBER,
    "optimizer.weight_decay": NUMBER,
    "schedule.*.learning_rate": NUMBER, "schedule.*.final": NUMBER, "schedule.*.gamma": POSITIVE,
    "schedule.*.warmup_steps": COUNT, "schedule.*.steps": COUNT, "schedule.*.milestones.*": COUNT,
}  # fmt: skip

# Of Lightning's Trainer, what two optimizers in one module do themselves.
OURS = {
    "trainer.gradient_clip_val": "system.clip_norm",
    "trainer.gradient_clip_algorithm": "system.clip_norm",
    "trainer.accumulate_grad_batches": "system.accumulate",
}


def check(config: Mapping[str, Any]) -> None:
    """Compare all options with their limits.

    Raises:
        UserError: the first that lies outside, what it needs.
    """
    options = dict(leaves(config))
    for option, value in options.items():
        if option in OURS:
            raise UserError(f"{option} is not for two optimizers; {OURS[option]} does it here")
        for pattern, limit in LIMITS.items():
            if value is not None and fnmatchcase(option, pattern) and not limit.holds(value):
                raise UserError(f"{option}={value}: {limit} is needed")
    if options.get("data.held_out_images") == 0 and options.get("data.val") is None:
        raise UserError("data.held_out_images=0: nothing is left to validate on; name images with data.val=FOLDER")


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted option and value of everything in nested mappings and lists."""
    if isinstance(node, Mapping | list):
        items = node.items() if isinstance(node, Mapping) else enumerate(node)
        for key, value in items:
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, node


def check_place(outputs: str, name: str) -> None:
    """Whether a run of this name can have a folder in `outputs`.

    Raises:
        UserError: the name is no name of one folder, or `outputs` is or lies below a file.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise UserError(
            f"name={name}: letters, digits, _, - and . are allowed, a . not in front; folders go to outputs="
        )
    for folder in (Path(outputs), *Path(outputs).parents):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"outputs={outputs}: {folder} is a file; name a folder")
