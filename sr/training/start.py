"""Starting from weights that are there."""

from sr.errors import UserError, reason
from sr.weights import store as weights

from .system import PixelSystem


def start_from(system: PixelSystem, path: str) -> None:
    """Give the generator and its average the weights of a `.safetensors`, a checkpoint or a run.

    Raises:
        UserError: weights of another network.
    """
    try:
        state = weights.averaged_of(path) if path.endswith(".ckpt") else weights.load(path)[0].state_dict()
        for network in (system.generator, system.generator_ema):
            network.load_state_dict(state)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"init_from={path}: {reason(error)}; it must hold weights of this very "
                          "generator (compare generator=... and its arguments)") from error  # fmt: skip
