"""Judge: `python -m sr.evaluate model=MODEL` prints the papers' tables, for any model."""

import os
import shlex
import sys
from datetime import datetime
from pathlib import Path

import hydra
import torch
import torch.distributed as dist
from hydra.errors import InstantiationException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from sr import habits
from sr.config import CONF, EvaluateConfig, register, validate, validate_definitions
from sr.errors import UserError, is_full, mistake
from sr.inference.models import choose_device
from sr.judge import evaluation, report
from sr.judge.results import Results
from sr.judge.table import columns_of, protocol

register()


@hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
def main(config: DictConfig) -> None:
    """Evaluate as configured; the exit status is 1 where an image is missing from the table."""
    try:
        validate(config, EvaluateConfig)
        device = choose_device(config.device, int(os.environ.get("LOCAL_RANK", 0)))
        if device.type == "cuda":
            torch.cuda.set_device(device)  # NCCL gathers through the current device
        if int(os.environ.get("WORLD_SIZE", 1)) > 1:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        status = evaluate(config, device)
    except (UserError, OmegaConfBaseException, InstantiationException) as error:
        sys.exit(f"error: {mistake(error)}")
    except OSError as error:
        if not is_full(error):
            raise
        sys.exit(f"error: {mistake(error)}; make room and evaluate again")
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
    sys.exit(status)


def evaluate(config: DictConfig, device: torch.device) -> int:
    """Score, write, print; returns the exit status: 0, 1 (an image is missing somewhere), 130 (interrupted).

    Where there are several processes, each takes its share of the images, and the first one writes.
    """
    folder = Path(config.out or Path("outputs", "evaluate", datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")))
    report.check_folder(folder)
    validate_definitions(config)
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    enlargers = evaluation.load_models(config, device)
    sets = evaluation.load_sets(config, evaluation.trained_range(config, enlargers))
    metrics, notes = evaluation.load_metrics(config)
    degradation = evaluation.load_degradation(config, device)
    results = Results(
        command=shlex.join(["python", "-m", "sr.evaluate", *sys.argv[1:]]),
        how=protocol(config.scale, config.channels, metrics, degradation, files=config.degradation is None),
        columns=columns_of(metrics),
        models=[enlarger.name for enlarger in enlargers],
        notes=notes,
    )
    status = 0
    try:
        evaluation.score_models(results, enlargers, sets, metrics, degradation, config.panel, device, rank, world)
    except KeyboardInterrupt:
        results.notes.append("interrupted: models or sets are missing")
        status = 130
    if rank == 0 and results.rows:
        report.tell(results, folder)
    return status or (1 if results.complaints else 0)


if __name__ == "__main__":
    try:
        habits.refuse(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
    main()
