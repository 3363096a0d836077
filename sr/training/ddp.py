"""Several processes: one DistributedDataParallel for each network, instead of one around the whole GAN.

Under plain DDP a GAN crashes (each backward leaves the other network's parameters unused), and with
`find_unused_parameters` it sends both networks' gradients at every backward: twice the traffic. With one DDP a network
each is sent once a step, and the LightningModule, its state dict and its validation stay as they are.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch.distributed as dist
from hydra.core.hydra_config import HydraConfig
from omegaconf import read_write
from pytorch_lightning.overrides.distributed import _sync_module_states
from pytorch_lightning.strategies import DDPStrategy, StrategyRegistry
from torch.nn.parallel import DistributedDataParallel
from typing_extensions import override


class NetworkwiseDDP(DDPStrategy):
    """Wraps the networks that the module names in `trained_networks`; the module uses them through `wrapped`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wrapped: dict[str, DistributedDataParallel] = {}

    @override
    def configure_ddp(self) -> None:
        module = self.lightning_module
        assert module is not None
        _sync_module_states(module)  # rank 0's weights and buffers, EMA included, go to all
        names: tuple[str, ...] = module.trained_networks  # type: ignore[assignment]
        self.wrapped = {name: self._setup_model(module.get_submodule(name)) for name in names}

    @override
    def teardown(self) -> None:
        self.wrapped = {}
        super().teardown()


# Lightning chooses the strategy called "ddp" wherever it sees several devices: from now on that is this one.
StrategyRegistry.register("ddp", NetworkwiseDDP, "one DDP per network", override=True, start_method="popen")


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
        for name in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED"):
            os.environ.pop(name, None)
