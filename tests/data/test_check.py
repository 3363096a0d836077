import os
import time

import numpy as np
import pytest
from PIL import Image

from sr.data.__main__ import main
from sr.data.folder import Folder
from sr.data.photos import HELD_OUT, TRAINING
from sr.data.photos import folder as photos
from tests import pictures as formats

from .layouts import lay


@pytest.fixture
def say(capsys):
    """say(...) runs the command; returns its status and what it prints."""

    def say(*arguments: object) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return status, told.out + told.err

    return say


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Five different photographs, and one of them again in another folder."""
    folder = tmp_path_factory.mktemp("mine")
    for name in TRAINING[:2] + TRAINING[3:5] + HELD_OUT:
        with Image.open(photos() / name) as image:
            image.convert("RGB").resize((image.width // 2, image.height // 2)).save(folder / f"{name[:-4]}.png")
    return folder


@pytest.mark.parametrize(
    ("quality", "shrunk", "turn"), [(30, 1, 0), (90, 4, 0), (60, 3, 0), (90, 1, 1), (80, 2, 5), (80, 2, 3)]
)
def test_a_picture_of_the_test_set_is_found_however_it_was_changed(say, mine, tmp_path, quality, shrunk, turn):
    pixels = formats.read(mine / "coffee.png")
    turned = np.rot90(pixels[:, ::-1] if turn >= 4 else pixels, turn % 4)
    image = Image.fromarray(np.ascontiguousarray(turned))
    (tmp_path / "test").mkdir()
    image.resize((image.width // shrunk, image.height // shrunk)).save(tmp_path / "test" / "x.jpg", quality=quality)
    status, told = say("check", mine, "--test", tmp_path / "test")
    assert status == 1
    assert f"{mine} and the test set {tmp_path}/test share: {mine}/coffee.png and {tmp_path}/test/x.jpg" in told
    assert told.count("share") == 1


def test_a_sound_set_is_told_in_a_line(say, mine):
    status, told = say("check", mine)
    assert status == 0
    assert "6 images, sides of 150 to 370 px, channels and depth 3 x uint8 (6); LR is made" in told
    assert told.endswith("nothing to mend\n")


def test_pictures_that_are_there_twice_damaged_or_of_another_depth_are_told(say, mine, tmp_path):
    pixels = formats.read(mine / "coffee.png")
    formats.write(tmp_path / "a.png", pixels)
    Image.fromarray(pixels).save(tmp_path / "b.jpg")
    formats.write(tmp_path / "gray16.png", formats.read(mine / "rocket.png")[..., :1].astype(np.uint16) * 257)
    (tmp_path / "damaged.png").write_bytes(b"no image")
    status, told = say("check", tmp_path)
    assert status == 1
    assert "3 x uint8 (2), 1 x uint16 (1)" in told
    assert f"twice: {tmp_path}/a.png and {tmp_path}/b.jpg" in told
    assert "damaged.png: cannot be decoded" in told


def test_pairs_are_compared(say, tmp_path, make):
    lay(tmp_path / "Set", "EDSR", make)
    made = lay(tmp_path / "small", "gt and lq", make)
    assert "in pairs" in say("check", tmp_path / "Set")[1]
    assert "in pairs" in say("check", f"{tmp_path}/small/gt={tmp_path}/small/lq")[1]
    formats.write(tmp_path / "Set" / "LR_bicubic" / "X4" / "a1x4.png", made[1][::4, ::4][:9])
    formats.write(tmp_path / "Set" / "LR_bicubic" / "X4" / "a2x4.png", np.ascontiguousarray(made[2][::-4, ::-4]))
    status, told = say("check", tmp_path / "Set")
    assert status == 1
    assert "a1x4.png: LR is 12x9, HR 48x40 at scale 4 needs 12x10" in told
    assert f"a2x4.png: does not show what {tmp_path}/Set/HR/a2.png shows" in told


def test_a_set_that_is_nowhere_ends_in_a_sentence(say, tmp_path):
    status, told = say("check", tmp_path / "nowhere")
    assert (status, told) == (1, f"error: {tmp_path}/nowhere is not a folder; name one that holds images\n")


# --- clean ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, make):
    """A cache with the packs of two sets, that of `old` unused for 40 days, and things of others."""
    for name in ("old", "new"):
        make(tmp_path / name, " ".join(f"{i}.png" for i in range(6)))
        Folder(str(tmp_path / name), scale=4, crop_px=16, cache=str(tmp_path / "cache")).training()
    (tmp_path / "cache" / "other").mkdir()
    (tmp_path / "cache" / "other" / "index.json").touch()
    ago = time.time() - 40 * 86_400
    for pack in (tmp_path / "cache").iterdir():
        if not pack.name.startswith("new"):
            os.utime(pack, (ago, ago))
    return tmp_path / "cache"


def names(cache):
    return {path.name.split("-")[0] for path in cache.iterdir()}


def test_old_packs_are_removed_and_nothing_else(say, cache):
    status, told = say("clean", "--cache", cache, "--dry-run")
    assert (status, names(cache)) == (0, {"old", "new", "other"})
    assert "last used 40 days ago" in told
    assert "1 of 2 packs would be removed" in told
    assert "1 of 2 packs removed" in say("clean", "--cache", cache)[1]
    assert names(cache) == {"new", "other"}
    assert "1 of 1 packs removed" in say("clean", "--cache", cache, "--days", 0)[1]
    assert names(cache) == {"other"}


def test_a_pack_that_is_used_is_young_again(say, cache, tmp_path):
    Folder(str(tmp_path / "old"), scale=4, crop_px=16, cache=str(cache)).training()
    assert "0 of 2 packs removed" in say("clean", "--cache", cache)[1]


def test_a_cache_that_is_nowhere_is_said(say, tmp_path):
    status, told = say("clean", "--cache", tmp_path / "nowhere")
    assert status == 1
    assert "nowhere: no such folder; packs are where data.cache or SR_CACHE say" in told
