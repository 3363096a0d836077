"""Every option that has limits, at its ends and one beyond, through the composed configuration."""

import math

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sr.config import CONF, register
from sr.errors import UserError
from sr.limits import LIMITS, check, check_place, leaves

GROUPS = {  # where an option stands that the default configuration has not
    "generator.blocks": ["generator=srresnet"],
    "generator.growth": ["generator=rrdb"],
    "generator.res_scale": ["generator=edsr"],
    "generator.peak": ["generator=edsr"],
    "losses.*.terms.*.alpha": ["+losses.content.terms.frequency.alpha=1.0"],
    "losses.*.terms.*.epsilon": ["+losses.content.terms.charbonnier.epsilon=0.1"],
    "losses.*.terms.*.delta": ["+losses.content.terms.huber.delta=0.1"],
    "losses.*.terms.*.darkest": ["+losses.content.terms.angle.darkest=0.1"],
    "losses.*.terms.*.luma": ["+losses.content.terms.pixel.luma=0.5"],
    "optimizer.momentum": ["optimizer=muon"],
    "optimizer.ratio": ["optimizer=muon"],
    "optimizer.weight_decay": ["optimizer=muon"],
    "discriminator.growth.*": ["discriminator=patch"],
    "discriminator.strides.*": ["discriminator=patch"],
    "discriminator.kernel": ["discriminator=patch"],
    "discriminator.scales": ["discriminator=patch"],
    "discriminator.inner.width": ["discriminator=wavelet"],
    "discriminator.gain": ["discriminator=wavelet"],
    "schedule.*.milestones.*": ["schedule=srgan", "schedule.pixel.milestones=[7]"],
    "schedule.*.gamma": ["schedule=srgan"],
}
FOLDER = ["data=folder", "data.root=photos", "logger=csv"]


@pytest.fixture(scope="module")
def composed():
    """composed(options): the configuration as plain nested dicts, composed once for each set of options."""
    register()
    made = {}
    with initialize_config_dir(version_base="1.3", config_dir=CONF):

        def composed(options: tuple[str, ...]) -> dict:
            if options not in made:
                config = compose("train", [*FOLDER, *options, "trainer.default_root_dir=x"], return_hydra_config=False)
                for group in ("callbacks", "logger"):  # which hang on a run's folder
                    config[group] = OmegaConf.create(
                        {
                            k: {kk: vv for kk, vv in v.items() if "folder" not in kk and "file" not in kk}
                            for k, v in OmegaConf.to_container(config[group], resolve=False).items()
                        }
                    )
                made[options] = OmegaConf.to_container(config, resolve=True)
            return made[options]

        yield composed


def with_value(config: dict, option: str, value) -> dict:
    """A copy with another value at this dotted option."""
    key, _, rest = option.partition(".")
    inner = with_value(config[key] if isinstance(config, dict) else config[int(key)], rest, value) if rest else value
    if isinstance(config, list):
        return [inner if i == int(key) else item for i, item in enumerate(config)]
    return config | {key: inner}


@pytest.mark.parametrize("pattern", LIMITS)
def test_ends_are_taken_and_one_beyond_is_refused_in_a_sentence(composed, pattern):
    config = composed(tuple(GROUPS.get(pattern, ())))
    parts = pattern.split(".")
    options = [option for option, _ in leaves(config) if len(option.split(".")) == len(parts)
               and all(p in ("*", o) for p, o in zip(parts, option.split("."), strict=True))]  # fmt: skip
    if not options and pattern.endswith(("blocks", "*")):
        pytest.fail(f"{pattern} stands for no option")
    options = options or [pattern]
    limit, tiny = LIMITS[pattern], 1 if LIMITS[pattern].whole else 1e-9
    for option in options:
        for good in (limit.least + tiny * limit.beyond, min(limit.most, 10**6) - tiny * limit.below, None):
            if option == "data.held_out_images" and good == 0:
                continue  # without others to validate on
            check(with_value(config, option, good))
        beyond = [limit.least - tiny * (not limit.beyond), "many", True, math.nan]
        if limit.most < math.inf:
            beyond.append(limit.most + tiny * (not limit.below))
        if limit.whole:
            beyond.append(limit.least + 0.5)
        for bad in beyond:
            with pytest.raises(UserError, match="is needed") as told:
                check(with_value(config, option, bad))
            assert str(told.value).startswith(f"{option}={bad}: ")
            assert "\n" not in str(told.value)


def test_bundled_experiments_lie_within(composed):
    for name in ("demo", "srgan", "srgan_gpu", "srresnet_paper", "srgan_paper", "fast_x2"):
        check(composed((f"experiment={name}",)))


@pytest.mark.parametrize("name", ["exp/one", "../../x", "", ".hidden", "a b"])
def test_a_name_is_that_of_one_folder(tmp_path, name):
    with pytest.raises(UserError, match="letters, digits"):
        check_place(str(tmp_path), name)
    check_place(str(tmp_path), "good_name-1.2")


def test_outputs_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file; name a folder"):
        check_place(str(tmp_path / "file" / "runs"), "name")


def test_what_this_project_does_itself(composed):
    config = composed(())
    for option, ours in (("gradient_clip_val", "system.clip_norm"), ("accumulate_grad_batches", "system.accumulate")):
        with pytest.raises(UserError, match=ours):
            check(config | {"trainer": config["trainer"] | {option: 2}})
    with pytest.raises(UserError, match="nothing is left to validate on"):
        check(with_value(config, "data.held_out_images", 0))
