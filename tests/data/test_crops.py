import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from sr.data.crops import Crops, StepSampler
from sr.data.pack import Pack, build
from sr.data.tree import find

SYMMETRIES = [
    lambda x, turns=turns, flip=flip: torch.rot90(x.flip(-1) if flip else x, turns, (-2, -1))
    for turns in range(4)
    for flip in (False, True)
]


def pack_of(folder: Path, *images: np.ndarray) -> Pack:
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        layout = "contig" if image.shape[2] > 1 else None
        tifffile.imwrite(folder / f"{i}.tif", image.squeeze(), photometric="minisblack", planarconfig=layout)
    return build(find(folder), folder, folder.parent / "cache", channels=images[0].shape[2], minimum_px=1)


def places(height: int, width: int, number: int = 0) -> np.ndarray:
    """An image whose pixels say where they are: row, column, number of the image."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, number)], 2).astype(np.uint8)


@pytest.fixture
def three(tmp_path) -> Pack:
    return pack_of(tmp_path / "three", places(20, 33, 0), places(16, 16, 1), places(48, 17, 2))


@pytest.fixture(scope="module")
def photos_pack(tmp_path_factory, make) -> Pack:
    folder = tmp_path_factory.mktemp("crops") / "photos"
    make(folder, "a.png b.png c.png", (50, 60))
    return build(find(folder), folder, folder.parent / "cache", channels=3, minimum_px=32)


def same(a, b) -> bool:
    return a["n"] == b["n"] and torch.equal(a["hr"], b["hr"])


# --- sample n is a function of (seed, n) ------------------------------------------------------------------------------


def test_sample_n_does_not_depend_on_what_was_drawn_before(photos_pack):
    crops = Crops(photos_pack, None, 32, 4, seed=5)
    in_order = [crops[n] for n in range(20)]
    assert all(same(crops[n], in_order[n]) for n in reversed(range(20)))
    assert all(same(Crops(photos_pack, None, 32, 4, seed=5)[n], in_order[n]) for n in (7, 0, 19))


def test_sample_n_does_not_depend_on_the_process(photos_pack):
    crops = Crops(photos_pack, None, 32, 4, seed=5)
    copy = pickle.loads(pickle.dumps(crops))
    assert all(same(copy[n], crops[n]) for n in range(20))


def test_sample_n_does_not_depend_on_the_global_random_state(photos_pack):
    crops = Crops(photos_pack, None, 32, 4, seed=5)
    torch.manual_seed(0)
    np.random.seed(0)
    first = crops[3]
    torch.manual_seed(1)
    np.random.seed(1)
    assert same(crops[3], first)


def test_other_numbers_and_other_seeds_draw_other_samples(photos_pack):
    crops, others = (Crops(photos_pack, None, 32, 4, seed=seed) for seed in (5, 6))
    assert len({crops[n]["hr"].numpy().tobytes() for n in range(30)}) == 30
    assert not any(same(crops[n], others[n]) for n in range(10))


def test_late_samples_of_a_long_run(photos_pack):
    assert Crops(photos_pack, None, 32, 4, seed=2**31)[10**12]["hr"].shape == (3, 32, 32)


# --- what a sample is -------------------------------------------------------------------------------------------------


def test_every_crop_is_a_part_of_its_image_under_one_of_the_eight_symmetries(three):
    crops = Crops(three, None, 12, 4, seed=0)
    for n in range(60):
        crop = crops[n]["hr"]
        top, left, number = (int(channel.min()) for channel in crop)
        part = torch.from_numpy(three[number][top : top + 12, left : left + 12].copy()).permute(2, 0, 1)
        assert part.shape == (3, 12, 12)
        assert any(torch.equal(crop, symmetry(part)) for symmetry in SYMMETRIES)


def test_all_eight_symmetries_are_equally_likely(tmp_path):
    pack = pack_of(tmp_path / "one", places(8, 8))
    crops = Crops(pack, None, 8, 4, seed=0)
    whole = torch.from_numpy(pack[0].copy()).permute(2, 0, 1)
    seen = [[torch.equal(crops[n]["hr"], symmetry(whole)) for symmetry in SYMMETRIES] for n in range(400)]
    assert all(sum(row) == 1 for row in seen)
    assert all(25 <= count <= 80 for count in np.sum(seen, 0))  # 50 +- 4.5 standard deviations


def test_without_augmentation_nothing_is_turned(tmp_path):
    pack = pack_of(tmp_path / "one", places(8, 8))
    crops = Crops(pack, None, 8, 4, seed=0, augment=False)
    assert all(torch.equal(crops[n]["hr"], torch.from_numpy(pack[0].copy()).permute(2, 0, 1)) for n in range(10))


def test_every_position_of_every_image_is_equally_likely(tmp_path):
    """9x10 pixels leave 2 x 3 places for a crop of 8, and 8x8 leave one."""
    pack = pack_of(tmp_path / "two", places(9, 10, 0), places(8, 8, 1))
    crops = Crops(pack, None, 8, 4, seed=0)
    drawn = [tuple(int(channel.min()) for channel in crops[n]["hr"]) for n in range(700)]
    assert set(drawn) == {(row, column, 0) for row in range(2) for column in range(3)} | {(0, 0, 1)}
    assert all(60 <= drawn.count(place) <= 145 for place in set(drawn))  # 100 +- 4.5 standard deviations


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_and_hr_cover_the_same_ground(tmp_path, scale):
    small = [places(15, 11, 0), places(12, 19, 1)]
    large = [np.kron(image, np.ones((scale, scale, 1), np.uint8)) for image in small]  # so lr = hr[::s, ::s]
    large[1] = np.pad(large[1], ((0, scale - 1), (0, 1), (0, 0)))  # not divisible: what is over has no lr
    crops = Crops(pack_of(tmp_path / "hr", *large), pack_of(tmp_path / "lr", *small), 6 * scale, scale, seed=0)
    corners = set()
    for n in range(300):
        item = crops[n]
        assert item["lr"].shape == (3, 6, 6)
        assert torch.equal(item["hr"][:, ::scale, ::scale], item["lr"])
        corners.add(tuple(int(channel.min()) for channel in item["lr"]))
    assert {(9, 5, 0), (6, 13, 1), (0, 0, 0), (0, 0, 1)} <= corners


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (4, np.uint16), (13, np.uint16)])
def test_any_depth_and_number_of_channels(tmp_path, channels, dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (20, 20, channels), dtype)
    pack = pack_of(tmp_path / "any", image)
    crop = Crops(pack, None, 20, 4, seed=0, augment=False)[0]["hr"].numpy().transpose(1, 2, 0)
    expected = image if dtype == np.uint8 else pack.ranges[0].to_unit(image).clip(0, 1)
    assert np.array_equal(crop, expected)


def test_a_crop_that_the_scale_does_not_divide_is_refused(photos_pack):
    with pytest.raises(ValueError, match="crop_px=30 is not divisible by scale 4; use 28"):
        Crops(photos_pack, None, 30, 4, seed=0)


# --- steps ------------------------------------------------------------------------------------------------------------


def test_steps_take_every_sample_once_and_in_order():
    assert list(StepSampler(3, 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


@pytest.mark.parametrize("world", [2, 3, 6])
def test_all_processes_together_see_what_one_would(world):
    shares = [list(StepSampler(5, 6, rank=rank, world=world)) for rank in range(world)]
    for step, alone in enumerate(StepSampler(5, 6)):
        assert sorted(n for share in shares for n in share[step]) == alone
        assert {len(share[step]) for share in shares} == {6 // world}


@pytest.mark.parametrize("world", [1, 2])
def test_a_resumed_run_goes_on_exactly_where_it_stopped(world):
    for rank in range(world):
        whole = list(StepSampler(10, 4, rank=rank, world=world))
        assert list(StepSampler(10, 4, start=7, rank=rank, world=world)) == whole[7:]
    assert list(StepSampler(10, 4, start=10)) == []


def test_length_is_that_of_the_whole_run():
    assert len(StepSampler(10, 4, start=7)) == 10


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="batch_size=4 cannot be shared equally by 3 processes"):
        StepSampler(10, 4, world=3)
