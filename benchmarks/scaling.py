"""What several processes cost: the step with one and with two, bytes on the wire, and what 8 and 64 would take.

    python benchmarks/scaling.py [--system pixel|adversarial] [--steps 30] [--batch 4] [--hr 48] [--json FILE]
    python benchmarks/scaling.py --gbit 100 --step-ms 85      the last table, for your network and your own step

The networks of the paper, as in benchmarks/step.py, over gloo on this machine; each process has a batch of its own of
`--batch` crops and one thread. Bytes are those that pass the loopback device, as Linux counts them: leave the machine
alone meanwhile.

The last table is worked out, not measured. A ring all-reduce of S bytes lets each of p processes send

    bytes(p) = 2 (p - 1) / p * S,        S = 4 bytes * (parameters of generator and discriminator)

so that, with nothing hidden behind the backward pass, a step takes

    t(p) = t(1) + bytes(p) / bandwidth,  and the efficiency is t(1) / t(p).

DDP sends while it still computes: this is an upper bound of the time. Latency (2 (p - 1) messages a bucket of 25 MB),
unequal processes and the loading of data are left out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import pytorch_lightning as pl
import torch
from step import make

from sr.data.photos import Photos
from sr.training.callbacks import Stop
from sr.training.lightning import only_what_matters
from sr.training.loggers import Curves

WARM_UP = 5


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--system", choices=["pixel", "adversarial"], default="adversarial")
    options.add_argument("--steps", type=int, default=30)
    options.add_argument("--batch", type=int, default=4, help="crops of each process")
    options.add_argument("--hr", type=int, default=48, help="side of the crops in pixels")
    options.add_argument("--gbit", type=float, default=25.0, help="bandwidth between two processes, in Gbit/s")
    options.add_argument("--step-ms", type=float, help="of one process, instead of the measured one")
    options.add_argument("--json", type=Path, help="file for the figures")
    given = options.parse_args()
    if "LOCAL_RANK" in os.environ:
        measure(given)
        return

    one, two = (launched(processes) for processes in (1, 2))
    payload, alone = one["payload_mb"], given.step_ms or one["step_ms"]
    told = {
        "system": given.system, "batch": given.batch, "hr_px": given.hr, "torch": torch.__version__,
        "payload_mb": payload, "measured": {1: one, 2: two}, "expected_wire_mb": {2: round(2 * sent(2, payload), 2)},
        "worked_out": {"gbit": given.gbit, "step_ms_alone": alone,
                       **{p: worked_out(p, payload, alone, given.gbit) for p in (2, 8, 64)}},
    }  # fmt: skip
    print(json.dumps(told, indent=1))
    if given.json:
        given.json.write_text(json.dumps(told, indent=1) + "\n")


def sent(processes: int, payload: float) -> float:
    """What each process sends in a ring all-reduce, in the unit of `payload`."""
    return 2 * (processes - 1) / processes * payload


def worked_out(processes: int, payload_mb: float, alone_ms: float, gbit: float) -> dict[str, float]:
    mb = sent(processes, payload_mb)
    step = alone_ms + 8 * mb / gbit  # 1 MB are 8 Mbit, and 1 Gbit/s is 1 Mbit/ms
    return {"sent_mb": round(mb, 2), "step_ms": round(step, 2), "efficiency": round(alone_ms / step, 3)}


def launched(processes: int) -> dict[str, float]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run([*command, *sys.argv], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True,
                          stdout=subprocess.PIPE, text=True)  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def measure(given: argparse.Namespace) -> None:
    """One of the processes; the first one prints."""
    only_what_matters()
    torch.manual_seed(0)
    processes = int(os.environ["WORLD_SIZE"])
    system = make(given.system)
    payload = sum(p.numel() * p.element_size() for name in system.trained_networks
                  for p in system.get_submodule(name).parameters())  # fmt: skip
    watch = Steps()
    with tempfile.TemporaryDirectory() as folder:
        data = Photos(scale=4, channels=3, crop_px=given.hr, batch_size=given.batch * processes, seed=0, workers=1,
                      cache=folder)  # fmt: skip
        pl.Trainer(
            max_steps=given.steps + WARM_UP, accelerator="cpu", devices=processes, strategy="ddp" if processes > 1
            else "auto", callbacks=[Stop(), watch], logger=Curves(str(Path(folder) / "curves.csv")),
            enable_checkpointing=False, enable_model_summary=False, enable_progress_bar=False, limit_val_batches=0,
            use_distributed_sampler=False,
        ).fit(system, data)  # fmt: skip
    if os.environ["RANK"] == "0":
        times = [b - a for a, b in zip(watch.times, watch.times[1:], strict=False)][WARM_UP - 1 :]
        print(json.dumps({
            "step_ms": round(1e3 * statistics.median(times), 1),
            "wire_mb_a_step": round((watch.bytes[-1] - watch.bytes[WARM_UP - 1]) / given.steps / 1e6, 2),
            "payload_mb": round(payload / 1e6, 3),
        }))  # fmt: skip


class Steps(pl.Callback):
    """Clock and counter of bytes at the end of each step."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.bytes: list[int] = []

    def on_train_batch_end(self, *_) -> None:
        self.times.append(perf_counter())
        lines = Path("/proc/net/dev").read_text().splitlines()
        self.bytes.append(next(int(line.split()[9]) for line in lines if line.split()[0] == "lo:"))


if __name__ == "__main__":
    main()
