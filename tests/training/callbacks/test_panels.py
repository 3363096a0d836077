from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sr.image.resize import imresize
from sr.judge.panel import GAP_PX, HEADER_PX
from sr.training.callbacks import Panels

from ...judge.test_panel import as_pixels, cell_of


@pytest.fixture
def lr(hr):
    return imresize(hr, 1 / 4).clamp(0, 1)


def test_callback_writes_one_picture_for_each_validation(tmp_path, lr, sr, hr):
    callback = Panels(str(tmp_path / "samples"), images=2, crop_px=64)
    trainer = SimpleNamespace(is_global_zero=True, global_step=1000, loggers=[])
    module = SimpleNamespace()
    for step, made in ((1000, 1 - sr), (2000, sr)):
        trainer.global_step = step
        callback.on_validation_start(trainer, module)
        for i in range(3):
            callback.on_validation_batch_end(trainer, module, {"lr": lr, "sr": made, "hr": hr}, None, i)
        callback.on_validation_end(trainer, module)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["step_00001000.png", "step_00002000.png"]
    picture = Image.open(tmp_path / "samples" / "step_00002000.png")
    assert picture.size == (4 * (64 + GAP_PX), HEADER_PX + 2 * (64 + GAP_PX))
    assert np.array_equal(cell_of(picture, 1, 3, 64), as_pixels(hr[0, :, 32:96, 32:96]))
    assert np.array_equal(cell_of(picture, 1, 2, 64), as_pixels(sr[0, :, 32:96, 32:96]))


def test_only_the_first_process_writes(tmp_path, lr, sr, hr):
    callback = Panels(str(tmp_path / "samples"))
    trainer = SimpleNamespace(is_global_zero=False, global_step=1000, loggers=[])
    callback.on_validation_start(trainer, None)
    callback.on_validation_batch_end(trainer, None, {"lr": lr, "sr": sr, "hr": hr}, None, 0)
    callback.on_validation_end(trainer, None)
    assert not list(tmp_path.iterdir())
