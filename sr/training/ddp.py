"""Several processes: one DistributedDataParallel for each network, instead of one around the whole GAN.

Under plain DDP a GAN crashes (each backward leaves the other network's parameters unused), and with
`find_unused_parameters` it sends both networks' gradients at every backward: twice the traffic. With one DDP a network
each is sent once a step, and the LightningModule, its state dict and its validation stay as they are.
"""

from typing import Any

from pytorch_lightning.strategies import DDPStrategy, StrategyRegistry
from torch.nn.parallel import DistributedDataParallel
from typing_extensions import override

from .batchnorm import share
from .lightning import same_state, wrap


class NetworkwiseDDP(DDPStrategy):
    """Wraps the networks that the module names in `trained_networks`; the module uses them through `wrapped`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wrapped: dict[str, DistributedDataParallel] = {}

    @override
    def configure_ddp(self) -> None:
        module = self.lightning_module
        assert module is not None
        same_state(module)
        names: tuple[str, ...] = module.trained_networks  # type: ignore[assignment]
        for name in names:
            share(module.get_submodule(name))
        self.wrapped = {name: wrap(self, module.get_submodule(name)) for name in names}

    @override
    def teardown(self) -> None:
        self.wrapped = {}
        super().teardown()


# Lightning chooses the strategy called "ddp" wherever it sees several devices: from now on that is this one.
StrategyRegistry.register("ddp", NetworkwiseDDP, "one DDP per network", override=True, start_method="popen")
