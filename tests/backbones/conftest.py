import pytest

from sr.backbones import vgg16


@pytest.fixture(scope="module")
def vgg():
    return vgg16()


@pytest.fixture(scope="module")
def image(hr):
    return hr[..., 32:96, 32:80]
