import pytest
import torch

from sr.image.view import visible


@pytest.mark.parametrize(("bands", "shown"), [(1, [0]), (2, [0]), (3, [0, 1, 2]), (4, [0, 1, 2]), (13, [0, 1, 2])])
def test_three_bands_or_one(bands, shown):
    image = torch.rand(bands, 4, 5)
    assert torch.equal(visible(image), image[shown])
    assert torch.equal(visible(image.permute(1, 2, 0), 2), image[shown].permute(1, 2, 0))
