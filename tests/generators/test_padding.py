import pytest
import torch

from sr.generators.padding import padded


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 2), (5, 6), (16, 16)])
@pytest.mark.parametrize(("multiple", "minimum"), [(4, 0), (16, 0), (8, 20)])
def test_it_is_what_spandrel_does(size, multiple, minimum):
    size_req = pytest.importorskip("spandrel.__helpers.size_req")
    image = torch.rand(1, 2, *size)
    needs = size_req.SizeRequirements(minimum, multiple)
    expected = size_req.pad_tensor(image, needs)[1]
    assert torch.equal(padded(image, *needs.get_padding(size[1], size[0])), expected)
