"""Rules that tell from the rows of the curves what goes wrong in a run, and which option to turn.

A rule looks at the `History` and returns a `Trouble`, or None. Rows are those of the curves: each of training is the
mean over `system.log_every_steps` steps. "For long" is `LONG` rows of the phase, one after the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

LONG, KEPT = 10, 30  # rows
AHEAD, BEHIND = 0.95, 0.45  # accuracy of D; 0.5 is guessing
APART, NOTHING_LEFT = 3.0, 0.15  # between logits; of D's loss, which is 1.4 (vanilla) or 2 (hinge) where it guesses
SWINGS = 4  # of D, between ahead and behind
EXPLODED = 10.0  # times the median norm of the 20 rows before
COLOUR, PATTERN = 5 / 255, 2 / 255  # in [0, 1]
CONSISTENCY_DB = 6.0

WATCHED = ("accuracy", "logits/real", "logits/fake", "loss/discriminator", "gradient_norm/generator",
           "gradient_norm/discriminator", "val/colour_shift", "val/checkerboard", "val/lr_psnr")  # fmt: skip
Row = dict[str, Any]  # step, phase, and what is watched of a row of the curves


class Trouble(NamedTuple):
    """What a rule has found."""

    message: str
    advice: str
    sound: int = 0  # the last step at which this was still well
    slows: tuple[str, ...] = ()  # networks whose learning rates a rollback lowers


@dataclass
class History:
    """The newest rows of a run, as much as the rules look at.

    Args:
        fidelity: validation metric that is compared with bicubic's, in dB.
        floor_db: how far below bicubic it may be in the adversarial phase.
        rows: of training, in the present phase.
        validations: of all phases.
    """

    fidelity: str = "psnr_y"
    floor_db: float = 1.0
    rows: list[Row] = field(default_factory=list)
    validations: list[Row] = field(default_factory=list)

    def add(self, step: int, phase: str, row: Mapping[str, float]) -> None:
        """Remember what is watched of a row."""
        names = (*WATCHED, f"val/{self.fidelity}", f"val/{self.fidelity}_bicubic")
        kept = {"step": step, "phase": phase} | {name: float(row[name]) for name in names if name in row}
        if any(name.startswith("val/") for name in kept):
            self.validations = [*self.validations, kept][-KEPT:]
        elif len(kept) > 2:
            same_phase = self.rows if self.rows and self.rows[-1]["phase"] == phase else []
            self.rows = [*same_phase, kept][-KEPT:]

    def go_back(self, step: int) -> None:
        """Forget what came after `step`; rows of training are all forgotten, for its rates were others."""
        self.rows, self.validations = [], [row for row in self.validations if row["step"] <= step]

    def last(self, count: int, *names: str, validations: bool = False) -> list[Row]:
        """The last `count` rows, or [] where there are not so many with all these names."""
        rows = (self.validations if validations else self.rows)[-count:]
        return rows if len(rows) == count and all(name in row for row in rows for name in names) else []


def discriminator_ahead(history: History) -> Trouble | None:
    """Accuracy over 95 % for long, and logits 3 apart or nothing left of D's loss.

    A critic (Wasserstein), whose loss is negative where it tells both apart, is to be ahead.
    """
    rows = history.last(LONG, "accuracy", "logits/real", "logits/fake", "loss/discriminator")
    if not rows or not all(
        row["accuracy"] > AHEAD and row["loss/discriminator"] >= 0
        and (_gap(row) > APART or row["loss/discriminator"] < NOTHING_LEFT) for row in rows
    ):  # fmt: skip
        return None
    return Trouble(
        f"the discriminator is far ahead: since step {rows[0]['step']} it has been right at over 95 % of all places, "
        f"now with logits {_gap(rows[-1]):.2g} apart; the generator learns little from it",
        "slow it down with a lower schedule.discriminator.learning_rate, system.discriminator_rests_above=0.9, "
        "losses.adversarial.r1=1 or losses.adversarial.smoothing=0.1",
    )


def discriminator_beaten(history: History) -> Trouble | None:
    """Accuracy under 45 % for long: D is wrong more often than right, or has one answer to everything."""
    rows = history.last(LONG, "accuracy")
    if not rows or not all(row["accuracy"] < BEHIND for row in rows):
        return None
    return Trouble(
        f"the discriminator is beaten: since step {rows[0]['step']} it has been right at less than 45 % of all places, "
        "and guessing gives 50 %; what the generator learns from it is arbitrary",
        "help it with a higher schedule.discriminator.learning_rate, system.discriminator_updates=2, a larger "
        "discriminator.width, or a lower losses.adversarial_weight",
    )


def oscillation(history: History) -> Trouble | None:
    """D swings from far ahead (accuracy over 80 %) to behind (under 40 %) and back, four times within 20 rows."""
    sides = [1 if row["accuracy"] > 0.8 else -1 for row in history.rows[-2 * LONG :]
             if "accuracy" in row and not 0.4 <= row["accuracy"] <= 0.8]  # fmt: skip
    swings = sum(a != b for a, b in pairwise(sides))
    if swings < SWINGS:
        return None
    return Trouble(
        f"generator and discriminator chase each other: the discriminator's accuracy has swung {swings} times between "
        "over 80 % and under 40 %",
        "damp them with lower learning rates of both (schedule.adversarial.learning_rate, "
        "schedule.discriminator.learning_rate), losses.adversarial.r1=1, or a larger data.batch_size",
    )


def gradient_norm(history: History) -> Trouble | None:
    """Over ten times the median of the 20 rows before, in three rows one after the other."""
    for network in ("generator", "discriminator"):
        name = f"gradient_norm/{network}"
        rows = [row for row in history.rows if name in row]
        before, newest = rows[:-3][-2 * LONG :], rows[-3:]
        if len(before) < LONG:
            continue
        usual = max(median(row[name] for row in before), 1e-8)
        if all(row[name] > EXPLODED * usual for row in newest):
            phase = "discriminator" if network == "discriminator" else newest[-1]["phase"]
            return Trouble(
                f"the {network}'s gradients explode: their norm is {newest[-1][name]:.3g}, and was {usual:.3g} until "
                f"step {before[-1]['step']}",
                f"hold them with system.clip_norm=1, or a lower schedule.{phase}.learning_rate",
                sound=before[-1]["step"], slows=("generator", "discriminator"),
            )  # fmt: skip
    return None


def below_bicubic(history: History) -> Trouble | None:
    """The fidelity has fallen below bicubic's; in the adversarial phase by more than `floor_db`.

    A run that has been below from its start on has fallen where it is another `floor_db` below its best.
    """
    name = f"val/{history.fidelity}"
    lead = [(row[name] - row[f"{name}_bicubic"], row["step"], row["phase"]) for row in history.validations
            if name in row and f"{name}_bicubic" in row]  # fmt: skip
    if not lead:
        return None
    now, _, phase = lead[-1]
    sound = [each for each in lead if each[0] >= _floor(history, each[2])]
    before, step, _ = sound[-1] if sound else max(lead)
    if now >= (_floor(history, phase) if sound else min(_floor(history, phase), before - history.floor_db)):
        return None
    weight = "losses.adversarial_weight, " if phase == "adversarial" else ""
    content = ", or give the content losses more weight (losses.content.weights)" if weight else ""
    return Trouble(
        f"validation has fallen below bicubic: {history.fidelity} is {-now:.2f} dB under it, and was {abs(before):.2f} "
        f"dB {'over' if before > 0 else 'under'} it at step {step}",
        f"lower {weight}schedule.{phase}.learning_rate{content}",
        sound=step, slows=("generator", "discriminator"),
    )  # fmt: skip


def colour_drift(history: History) -> Trouble | None:
    """At two validations the mean colour is off by 5 of 255 levels, or the LR consistency 6 dB below its best."""
    advice = ("hold it with a pixel loss (losses.content.weights.pixel=1) or sr.losses.LRConsistency among "
              "losses.content.terms, or a lower losses.adversarial_weight")  # fmt: skip
    rows = history.last(2, "val/colour_shift", validations=True)
    if rows and all(row["val/colour_shift"] > COLOUR for row in rows):
        levels = 255 * rows[-1]["val/colour_shift"]
        return Trouble(f"colours drift: the mean colour of the validation images is off by {levels:.1f} of 255 levels, "
                       f"since step {rows[0]['step']}", advice)  # fmt: skip
    same = [row for row in history.validations
            if "val/lr_psnr" in row and row["phase"] == history.validations[-1]["phase"]]  # fmt: skip
    best = max((row["val/lr_psnr"] for row in same), default=0.0)
    if len(same) > 2 and all(row["val/lr_psnr"] < best - CONSISTENCY_DB for row in same[-2:]):
        return Trouble(f"results leave their input: shrunk again, they are {same[-1]['val/lr_psnr']:.1f} dB from it "
                       f"(lr_psnr), and were {best:.1f} dB", advice)  # fmt: skip
    return None


def checkerboard(history: History) -> Trouble | None:
    """At two validations a pattern of the pixel shuffle's period has an amplitude of 2 of 255 levels."""
    rows = history.last(2, "val/checkerboard", validations=True)
    if not rows or not all(row["val/checkerboard"] > PATTERN for row in rows):
        return None
    return Trouble(
        f"the images have a checkerboard: a pattern that repeats with each pixel of the input has an amplitude of "
        f"{255 * rows[-1]['val/checkerboard']:.1f} of 255 levels, since step {rows[0]['step']}",
        "train longer at a lower schedule.adversarial.learning_rate, lower losses.adversarial_weight, or take a "
        "discriminator that sees single pixels (discriminator=unet_small)",
    )


Rule = Callable[[History], Trouble | None]
RULES: tuple[Rule, ...] = (discriminator_ahead, discriminator_beaten, oscillation, gradient_norm, below_bicubic,
                           colour_drift, checkerboard)  # fmt: skip
COLLAPSES: tuple[Rule, ...] = (gradient_norm, below_bicubic)  # the others are warnings: the images are still there


def _gap(row: Row) -> float:
    return row["logits/real"] - row["logits/fake"]


def _floor(history: History, phase: str) -> float:
    return -history.floor_db if phase == "adversarial" else 0.0
