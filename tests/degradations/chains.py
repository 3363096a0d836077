"""The chains of conf/degradation, as a run composes them."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from sr.config import CONF, register
from sr.degradations import Chain

NAMES = sorted(
    file.stem
    for file in (Path(CONF) / "degradation").glob("*.yaml")
    if OmegaConf.load(file)["_target_"] == "sr.degradations.Chain"
)


def config_of(name: str, *overrides: str) -> DictConfig:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose("train", overrides=[f"degradation={name}", *overrides]).degradation


def chain(name: str, *overrides: str) -> Chain:
    return instantiate(config_of(name, *overrides))
