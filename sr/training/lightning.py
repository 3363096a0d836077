"""All that reaches into Lightning's private parts or silences it, each with its reason.

A test for each fails when Lightning changes (tests/training/test_lightning.py).
"""

import logging
import warnings
from typing import Any

import pytorch_lightning as pl
import torch.nn as nn
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.overrides.distributed import _sync_module_states
from pytorch_lightning.strategies import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from .step import constants

NO_NEWS = (
    ".*module.* in eval mode at the start of training",  # the average and the frozen networks: so intended
    ".*your dataloader is not resumable",  # ours is: samples are numbered
    ".*treespec, LeafSpec",  # between Lightning and the newest torch
    ".*does not have many workers",  # crops come from a memory map
    ".*Checkpoint directory .* exists and is not empty",
)


def only_what_matters() -> None:
    """Silence what Lightning says of every run, where it is no news here."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for message in NO_NEWS:
        warnings.filterwarnings("ignore", message)


def do_not_count(optimizer: LightningOptimizer) -> None:
    """Leave the next step of `optimizer` out of `global_step`.

    Lightning counts the steps of every optimizer; ours counts those of the generator's alone. It puts its counters
    back at every batch, so this is called before each step.
    """
    optimizer._on_before_step = optimizer._on_after_step = _nothing


def do_not_vote_on_signals(trainer: pl.Trainer) -> None:
    """Without this, all processes ask each other for a SIGTERM at every step, and wait for the device."""
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]


def same_state(module: nn.Module) -> None:
    """Give parameters and buffers of the first process to all: what Lightning does for DDP, and for DDP alone."""
    _sync_module_states(module)


def wrap(strategy: DDPStrategy, network: nn.Module) -> DistributedDataParallel:
    """One network as the strategy would wrap the whole module: on its devices, with its options.

    DDP sends the first process's buffers to all at every step; what never changes, such as the weights of a frozen
    network inside, is left out of that.
    """
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(network, constants(network))
    return strategy._setup_model(network)


def without_anonymous(logger: WandbLogger) -> None:
    """Lightning passes `anonymous` to wandb.init, of which W&B warns."""
    logger._wandb_init.pop("anonymous", None)


def _nothing(*_: Any, **__: Any) -> None:
    pass
