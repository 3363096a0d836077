"""Starting the other processes of a job: with its very configuration and folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed as dist
from hydra.core.hydra_config import HydraConfig
from omegaconf import read_write

RENDEZVOUS = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED")


@contextmanager
def same_config_for_all_processes(folder: Path) -> Iterator[None]:
    """Let the processes that Lightning starts get this job's very configuration and folder.

    Lightning starts them by running the command line again. Of a sweep that would be the whole sweep: other folders,
    and with a random sampler other hyperparameters in the same process group, without any error. So the command line
    names the composed config of this job instead, and the next job of a sweep finds a clean environment.

    Args:
        folder: of the job, where Hydra has written `.hydra/config.yaml`.
    """
    if "LOCAL_RANK" in os.environ:  # one of the started processes, or torchrun's
        yield
        return
    given = sys.argv
    sys.argv = [given[0], "--config-path", str(folder.resolve() / ".hydra"), "--config-name", "config"]
    with read_write(HydraConfig.get()):  # type: ignore[arg-type]
        HydraConfig.get().run.dir = str(folder.resolve())
    try:
        yield
    finally:
        sys.argv = given
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
        for name in RENDEZVOUS:
            os.environ.pop(name, None)
