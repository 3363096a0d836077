import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sr import generators
from sr.errors import MissingError, UserError
from sr.generators import Compact, SRResNet
from sr.image.range import Range
from sr.inference import models
from sr.weights import states
from sr.weights import store as weights
from sr.weights.store import UnusableWeights, averaged_of, check_generator, find, is_our_run, is_ours, load, save

COMPACT = {"generator": "Compact", "arguments": {"scale": 2, "channels": 3, "width": 4, "depth": 1}, "scale": 2}
SRRESNET = {"generator": "SRResNet", "arguments": {"scale": 4, "channels": 1, "width": 4, "blocks": 2}, "channels": 1}


def made(about) -> torch.nn.Module:
    """With random weights and, where there are any, statistics of batch norm that are not those of the start."""
    torch.manual_seed(0)
    generator = {"Compact": Compact, "SRResNet": SRResNet}[about["generator"]](**about["arguments"])
    for value in generator.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) * 0.2 + 0.1)
    return generator


def write(path, about) -> None:
    """A file of a stranger: with whatever header, where `save` refuses what cannot be loaded again."""
    save_file(made(COMPACT).state_dict(), path, {key: json.dumps(value) for key, value in about.items()})


@pytest.fixture
def file(tmp_path):
    """A sound weights file."""
    save(tmp_path / "sound.safetensors", made(COMPACT), COMPACT)
    return tmp_path / "sound.safetensors"


@pytest.mark.parametrize("about", [COMPACT, SRRESNET], ids=lambda about: about["generator"])
def test_what_was_saved_gives_the_same_output(tmp_path, about):
    generator = made(about).eval()
    lr = torch.rand(1, about["arguments"]["channels"], 9, 7)
    expected = generator(lr)
    save(tmp_path / "new" / "a.safetensors", generator.to(memory_format=torch.channels_last), about)
    loaded, header = load(tmp_path / "new" / "a.safetensors")
    assert torch.equal(loaded(lr), expected)
    sizes = {key: about["arguments"][key] for key in ("scale", "channels")}
    assert header == about | sizes
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_the_header_is_json_that_anyone_can_read(tmp_path):
    about = COMPACT | {"range": [0, 1], "scores": [{"set": "Set5", "psnr_y": 28.5}], "licence": None, "commit": "ä"}
    save(tmp_path / "a.safetensors", made(COMPACT), about)
    with safe_open(tmp_path / "a.safetensors", "pt") as opened:
        assert {key: json.loads(value) for key, value in opened.metadata().items()} == about
        assert sorted(opened.keys()) == sorted(made(COMPACT).state_dict())


def test_saving_leaves_one_file_that_all_may_read(file):
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_failing_save_leaves_the_old_file(file, monkeypatch):
    before = file.read_bytes()

    def fail(path, content):
        with open(path, "wb") as half:
            half.write(content[:100])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="no space left"):
        save(file, made(COMPACT), COMPACT)
    assert file.read_bytes() == before
    assert len(list(file.parent.iterdir())) == 1


def refused(path) -> str:
    """Why `path` cannot be used, in one sentence that names it."""
    with pytest.raises(UnusableWeights) as refusal:
        load(path)
    reason = str(refusal.value)
    assert str(path) in reason
    assert "\n" not in reason
    return reason


def test_a_missing_file_is_refused(tmp_path):
    assert "no such file" in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(file, size):
    file.write_bytes(file.read_bytes()[:size])
    assert "not a weights file" in refused(file)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a pickle in a zip", b"\xff" * 64, b"text\n" * 10])
def test_what_is_no_weights_file_is_refused(file, content):
    file.write_bytes(content)
    assert "not a weights file" in refused(file)


@pytest.mark.parametrize("name", ["Generator", "os.system", "torch.nn.Linear", "", None])
def test_only_known_generators_are_built(tmp_path, name):
    write(tmp_path / "a.safetensors", COMPACT | {"generator": name})
    assert f"generator {name!r}; known are {sorted(generators.__all__)}" in refused(tmp_path / "a.safetensors")


def test_a_name_that_is_no_string_is_refused(tmp_path):
    write(tmp_path / "a.safetensors", COMPACT | {"generator": ["Compact"]})
    assert "known are" in refused(tmp_path / "a.safetensors")


def test_a_file_without_a_header_of_ours_is_refused(tmp_path):
    save_file(made(COMPACT).state_dict(), tmp_path / "a.safetensors")
    assert "known are" in refused(tmp_path / "a.safetensors")
    save_file(made(COMPACT).state_dict(), tmp_path / "a.safetensors", {"format": "pt"})
    refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "arguments",
    [
        {"width": 8},
        {"depth": 2},
        {"channels": 1},
        {"scale": 3},
        {"width": -1},
        {"width": "wide"},
        {"nosuch": 1},
    ],
    ids=str,
)
def test_weights_of_another_shape_than_the_header_says_are_refused(tmp_path, arguments):
    about = COMPACT | {"arguments": COMPACT["arguments"] | arguments}
    write(tmp_path / "a.safetensors", about)
    assert "do not fit the Compact of its header" in refused(tmp_path / "a.safetensors")


def test_a_header_without_arguments_is_refused(tmp_path):
    write(tmp_path / "a.safetensors", {"generator": "Compact"})
    assert "'arguments'" in refused(tmp_path / "a.safetensors")


def test_the_reason_says_what_does_not_fit(tmp_path):
    about = COMPACT | {"arguments": COMPACT["arguments"] | {"width": 8}}
    write(tmp_path / "a.safetensors", about)
    assert "body.0.weight" in refused(tmp_path / "a.safetensors")


# --- what is not even saved -------------------------------------------------------------------------------------------


class Mine(Compact):
    """Of somebody's own package."""


def test_what_a_file_may_name_is_what_the_package_of_generators_offers():
    assert {name: getattr(generators, name) for name in generators.__all__} == weights.GENERATORS
    assert all(issubclass(generator, torch.nn.Module) for generator in weights.GENERATORS.values())


@pytest.mark.parametrize(
    "given", [Compact, made(COMPACT), "sr.generators.Compact", "sr.generators.compact.Compact"], ids=range(4)
)
def test_a_generator_that_a_file_may_name(given):
    assert check_generator(given) is Compact


@pytest.mark.parametrize(
    "given",
    [
        Mine,
        Mine(scale=2),
        torch.nn.Conv2d,
        "mine.Compact",
        "sr.generators.compact.F",
        "sr.generators.NoSuch",
        "Compact",
    ],
    ids=str,
)
def test_one_that_it_may_not(given):
    with pytest.raises(UserError, match=r"is refused; .* choose one of sr\.generators \(Compact, EDSR, "):
        check_generator(given)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"generator": "SRResNet"}, "names the generator 'SRResNet', it is a Compact"),
        ({"generator": None}, "names the generator None, it is a Compact"),
        ({"arguments": COMPACT["arguments"] | {"width": 8}}, r"do not fit the Compact .*body\.0\.weight"),
        ({"arguments": COMPACT["arguments"] | {"nosuch": 1}}, "do not fit the Compact .*nosuch"),
        ({"arguments": None}, "its header's 'arguments' are None"),
        ({"scale": 4}, "its header says scale 4, its Compact has 2"),
    ],
    ids=str,
)
def test_what_could_not_be_loaded_again_is_not_saved(tmp_path, about, why):
    with pytest.raises(UserError, match=rf"a\.safetensors: is not saved, for it could not be loaded again: .*{why}"):
        save(tmp_path / "a.safetensors", made(COMPACT), COMPACT | about)
    with pytest.raises(UserError, match=r"Mine is refused"):
        save(tmp_path / "a.safetensors", Mine(**COMPACT["arguments"]), COMPACT)
    assert not list(tmp_path.iterdir())


def test_a_save_draws_no_random_numbers(tmp_path):
    generator, before = made(SRRESNET), torch.get_rng_state()
    save(tmp_path / "a.safetensors", generator, SRRESNET)
    assert torch.equal(torch.get_rng_state(), before)


# --- a run's folder ---------------------------------------------------------------------------------------------------


def test_a_run_names_its_main_weights_by_the_shortest_name(tmp_path):
    for name in ("srgan-pixel", "srgan", "srgan-last"):
        save(tmp_path / "weights" / f"{name}.safetensors", made(COMPACT), COMPACT | {"which": name})
    assert find(tmp_path).name == "srgan.safetensors"
    assert load(tmp_path)[1]["which"] == "srgan"
    assert find(tmp_path / "weights" / "srgan-last.safetensors").name == "srgan-last.safetensors"


def test_a_run_without_weights_is_refused(tmp_path):
    assert "holds no weights/*.safetensors; did the run end?" in refused(tmp_path)


def test_what_a_killed_save_left_behind_is_not_taken_for_the_weights(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    monkeypatch.setattr(weights.Path, "replace", lambda *_: None)
    save(folder / "s.safetensors", made(COMPACT), COMPACT)
    monkeypatch.undo()
    assert len(list(folder.iterdir())) == 1
    save(folder / "srgan-on-my-photographs.safetensors", made(COMPACT), COMPACT)
    assert find(tmp_path).name == "srgan-on-my-photographs.safetensors"


def test_a_file_of_ours_is_known_by_its_header(file, tmp_path):
    assert is_ours(file)
    save_file(made(COMPACT).state_dict(), tmp_path / "theirs.safetensors", {"format": "pt"})
    save_file(made(COMPACT).state_dict(), tmp_path / "bare.safetensors")
    assert not is_ours(tmp_path / "theirs.safetensors")
    assert not is_ours(tmp_path / "bare.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UnusableWeights, match=r"sound\.safetensors: not a weights file"):
        is_ours(file)


# --- a run's checkpoint -----------------------------------------------------------------------------------------------


def checkpoint(path, **changes):
    """As Lightning writes it: the generator as it is now, its average, a discriminator, and what a run adds."""
    average = made(COMPACT).state_dict()
    state = {f"generator.{key}": value + 1 for key, value in average.items()}
    state |= {f"generator_ema.{key}": value for key, value in average.items()}
    state |= {"discriminator.weight": torch.ones(3), "generator_emaciated": torch.ones(1)}
    whole = {"epoch": 1, "global_step": 7, "state_dict": state, "optimizer_states": [{"state": {0: torch.ones(2)}}],
             "loops": {}, "about": COMPACT}  # fmt: skip
    torch.save(whole | changes, path)
    return path


@pytest.mark.parametrize("name", ["last.ckpt", "LAST.CKPT"])
def test_a_checkpoint_gives_the_averaged_generator(tmp_path, name):
    path = checkpoint(tmp_path / name)
    loaded, about = load(path)
    lr = torch.rand(1, 3, 9, 7)
    assert torch.equal(loaded(lr), made(COMPACT)(lr))
    assert about == COMPACT | {"channels": 3}
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_the_averaged_weights_alone(tmp_path):
    average, expected = averaged_of(str(checkpoint(tmp_path / "a.ckpt"))), made(COMPACT).state_dict()
    assert sorted(average) == sorted(expected)
    assert all(torch.equal(average[key], expected[key]) for key in expected)


def test_a_checkpoint_of_ours_is_known_by_what_it_says_of_itself(tmp_path):
    path = checkpoint(tmp_path / "a.ckpt")
    assert is_our_run(path)
    torch.save({"state_dict": made(COMPACT).state_dict()}, path)
    assert not is_our_run(path)
    torch.save([torch.ones(1)], path)
    assert not is_our_run(path)


@pytest.mark.parametrize(
    "content", [{}, {"state_dict": {}}, {"about": None}, {"about": ["Compact"]}, [1, 2], 5], ids=str
)
def test_a_checkpoint_of_another_project_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.ckpt")
    assert "not a checkpoint of a run of this project" in refused(tmp_path / "a.ckpt")


@pytest.mark.parametrize("generator", ["Generator", "os.system", None])
def test_a_checkpoint_builds_known_generators_alone(tmp_path, generator):
    path = checkpoint(tmp_path / "a.ckpt", about=COMPACT | {"generator": generator})
    assert f"generator {generator!r}; known are" in refused(path)


def test_a_checkpoint_without_an_average_does_not_fit(tmp_path):
    state = {f"generator.{key}": value for key, value in made(COMPACT).state_dict().items()}
    assert "do not fit the Compact" in refused(checkpoint(tmp_path / "a.ckpt", state_dict=state))


@pytest.mark.parametrize("size", [0, 7, 1000, -1000])
def test_a_truncated_checkpoint_is_refused(tmp_path, size):
    path = checkpoint(tmp_path / "a.ckpt")
    path.write_bytes(path.read_bytes()[:size])
    assert "not a checkpoint that can be read safely" in refused(path)
    with pytest.raises(UnusableWeights, match="not a checkpoint that can be read safely"):
        averaged_of(path)


class Bomb:
    def __init__(self, target) -> None:
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_a_checkpoint_cannot_execute_anything(tmp_path):
    path = checkpoint(tmp_path / "a.ckpt", callbacks=Bomb(tmp_path / "trace"))
    assert "not a checkpoint that can be read safely" in refused(path)
    assert not (tmp_path / "trace").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "trace").exists()  # it was a bomb


def test_a_missing_checkpoint_is_refused(tmp_path):
    assert "no such file" in refused(tmp_path / "a.ckpt")
    with pytest.raises(UnusableWeights, match="No such file"):
        averaged_of(tmp_path / "a.ckpt")


def test_the_card_of_what_comes_along_says_what_the_headers_say():
    lines = (Path(weights.__file__).parent / "README.md").read_text().splitlines()
    columns = [cell.strip(" `") for cell in next(line for line in lines if line.startswith("| | `")).split("|")]
    assert columns[2:-1] == sorted(weights.bundled())
    for name, file in weights.bundled().items():
        scores = {row["set"]: row for row in weights.load(file)[1]["scores"]}
        for which in {"Set5", "Set14", "BSD100"} & scores.keys():
            line = next(line for line in lines if line.startswith(f"| {which}"))
            told = [float(number) for number in line.split("|")[columns.index(name)].split("/")]
            found = [scores[which][key] for key in ("psnr_y", "ssim_y", "st_lpips")]
            assert told == [round(value, digits) for value, digits in zip(found, (2, 4, 3), strict=True)]


@pytest.mark.parametrize(
    ("stored", "found"),
    [({"low": -1000, "high": 3000}, Range.given(-1000, 3000)), (None, None), ([0, 1], None)],  # [0, 1]: as once for all
)
def test_the_range_that_a_network_was_trained_for(tmp_path, stored, found):
    about = {"generator": "Compact", "arguments": {"scale": 2, "channels": 1, "width": 4, "depth": 1}}
    network = Compact(**about["arguments"])
    weights.save(tmp_path / "a.safetensors", network, about | {"scale": 2, "channels": 1, "range": stored})
    assert models.load(tmp_path / "a.safetensors").range == found


def test_a_range_that_is_none_is_refused(tmp_path):
    about = {"generator": "Compact", "arguments": {"scale": 2, "channels": 1, "width": 4, "depth": 1}}
    about |= {"scale": 2, "channels": 1, "range": {"low": 3, "high": 3}}
    weights.save(tmp_path / "a.safetensors", Compact(**about["arguments"]), about)
    with pytest.raises(ValueError, match=r"its header's range .* is not {low, high}"):
        models.load(tmp_path / "a.safetensors")


def test_every_door_finds_weights_by_the_same_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "outputs" / "mine" / "time"
    (run / "weights").mkdir(parents=True)
    for name in ("mine.safetensors", "mine-pixel.safetensors", ".mine.safetensors"):
        shutil.copy(weights.bundled()["fast_x4"], run / "weights" / name)
    (tmp_path / "fast_x2").mkdir()  # what is there comes before what is bundled
    shutil.copytree(run / "weights", tmp_path / "fast_x2" / "weights")
    for given, file in (
        ("fast_x4", weights.bundled()["fast_x4"]),
        ("outputs/mine/time", Path("outputs/mine/time/weights/mine.safetensors")),
        ("fast_x2", Path("fast_x2/weights/mine.safetensors")),
    ):
        assert weights.find(given) == file
        state = weights.load(file)[0].state_dict()
        for found in (models.load(given).network.state_dict(), states.of_generator(given)):
            assert all(torch.equal(found[key], value) for key, value in state.items())
    for door in (weights.find, models.load, states.of_generator, weights.load):
        with pytest.raises(MissingError, match=r"nowhere: no such file or folder, .*nor a bundled model"):
            door("nowhere")
        with pytest.raises(UserError, match=r"mine: the folder of several runs; name one of them, such as .*time"):
            door("outputs/mine")
