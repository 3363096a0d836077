"""Train: `python -m sr.train experiment=srgan`. This file builds a run; sr/training/system.py trains it."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sr import habits, sweep
from sr.config import CONF, register, validate, validate_definitions
from sr.errors import UserError, is_full, mistake
from sr.sweep import search

register()
search.register()


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
def main(config: DictConfig) -> Any:
    """Train as configured; returns the best validation cost or, in a search, the value of each objective."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    is_job = HydraConfig.get().mode == RunMode.MULTIRUN
    os.chdir(HydraConfig.get().runtime.cwd)  # hydra.job.chdir=true would look for relative paths in the run's folder
    try:
        validate(config)
        search.check_objectives(config.metrics)
        if is_job and sweep.is_finished(config, folder):
            print(f"finished before: {folder}")
            return search.returned(sweep.best_of(folder), finished=True)
        best = train(config, folder)
        return search.returned(best, finished=(folder / "README.md").exists())
    except (UserError, OmegaConfBaseException, InstantiationException, OSError) as error:
        told = mistake(error)
        if is_full(error):
            told += f"; make room, then {_how_to_go_on(folder)}"
        elif isinstance(error, OSError) and not isinstance(error, UserError):
            raise
        if is_job:
            raise sweep.fail(told) from error
        sys.exit(f"error: {told}")
    except KeyboardInterrupt:
        print(f"\ninterrupted; {_how_to_go_on(folder)}", file=sys.stderr)
        sys.exit(130)


def train(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Build a run in `folder`, fit it, score it, write it down; returns what its best checkpoint has reached."""
    import pytorch_lightning as pl

    from sr.inference import memory
    from sr.judge.card import about_weights
    from sr.training.command import after_divergence, command
    from sr.training.lightning import only_what_matters
    from sr.training.record import finish, remember, say_changed
    from sr.training.relaunch import same_config_for_all_processes
    from sr.training.start import start
    from sr.training.system import NonFiniteError

    only_what_matters()
    memory.keep_freed()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    validate_definitions(config)
    data = instantiate(config.data)
    system = instantiate(config.system)
    callbacks = instantiate(config.callbacks)
    loggers = [instantiate(logger) for logger in config.logger.values()]
    trainer = instantiate(config.trainer, callbacks=list(callbacks.values()), logger=loggers)

    if trainer.is_global_zero:
        say_changed(config.sets or {}, data.holds)
        config.sets = data.holds
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    system.about = about_weights(plain, [])
    system.save_hyperparameters(plain["system"], logger=False)  # for load_from_checkpoint
    checkpoint = start(system, folder, config.init_from, config.resume, config.init_discriminator_from)
    if trainer.is_global_zero:
        remember(config, folder, resuming=checkpoint is not None)
    for logger in loggers:
        logger.log_hyperparams(plain)

    stop, given = callbacks["stop"], command()
    try:
        with same_config_for_all_processes(folder):
            trainer.fit(system, data, ckpt_path=checkpoint)
            callbacks["prune"].check()
            if not stop.stopped:
                finish(config, folder, given, trainer, system, data, callbacks["checkpoints"].best, stop.seconds)
    except NonFiniteError as error:
        raise UserError(f"{error}; {after_divergence(folder, config)}") from None
    except Exception:
        if stop.received is None:
            raise
        raise KeyboardInterrupt from None  # the signal has reached a loader before that could ignore it
    if stop.stopped:
        if trainer.is_global_zero:
            of_all = "" if config.steps.minutes else f" of {trainer.max_steps}"
            print(f"\nstopped at step {trainer.global_step}{of_all}; the same command with "
                  f"resume={folder} continues", flush=True)  # fmt: skip
            stop.after_saving(trainer)
        if stop.received:
            sys.exit(128 + stop.received)
    return callbacks["checkpoints"].best


def _how_to_go_on(folder: Path) -> str:
    if (folder / "checkpoints" / "last.ckpt").exists():
        return f"the same command with resume={folder} continues"
    return "the same command starts anew: no checkpoint had been written yet"


def tell_sweep() -> None:
    """Behind the last job of a sweep, however that ended: what its jobs have come to, side by side."""
    if sweep.Jobs.sweep is not None and os.environ.get("LOCAL_RANK", "0") == "0":
        from sr.judge import sweeps

        given = [word for word in sys.argv[1:] if not word.startswith("resume=")]
        sweeps.tell(sweep.Jobs.sweep, shlex.join(["python", "-m", "sr.train", *given]))


if __name__ == "__main__":
    try:
        sys.argv[1:] = habits.ours(sys.argv[1:])
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:  # before there was anything to go on with
        sys.exit(130)
    finally:
        tell_sweep()
