import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from sr.degradations import USM, Sharpen, of_sample
from sr.degradations.sharpen import unsharp

ROUNDING = 5e-6


def test_targets_are_sharpened_as_real_esrgan_does_with_opencv(hr):
    """Its formula, in OpenCV's functions: a kernel of 51, half of the detail, a mask where it exceeds 10."""
    image = hr[0].permute(1, 2, 0).numpy()
    kernel = cv2.getGaussianKernel(51, 0).astype(np.float32)
    detail = image - cv2.sepFilter2D(image, -1, kernel, kernel)
    mask = cv2.sepFilter2D((abs(detail) * 255 > 10).astype(np.float32), -1, kernel, kernel)
    theirs = mask * np.clip(image + 0.5 * detail, 0, 1) + (1 - mask) * image
    np.testing.assert_allclose(USM()(hr)[0].permute(1, 2, 0), theirs, atol=ROUNDING)


def test_sharpening_is_pillows_unsharp_mask(face):
    image = face / 255
    ours = unsharp([image], [2.0], [1.0])[0]
    pixels = Image.fromarray(face.permute(1, 2, 0).numpy())
    theirs = np.asarray(pixels.filter(ImageFilter.UnsharpMask(radius=2, percent=100, threshold=0)))
    inner = np.abs(255 * ours.permute(1, 2, 0).numpy() - theirs)[8:-8, 8:-8]
    assert inner.mean() < 0.7  # Pillow blurs by three boxes and rounds to 8 bits
    assert (inner < 6).mean() > 0.99


def test_operator_sharpens_each_image_as_drawn(face):
    operator = Sharpen()
    images = [face[:, :40, :50] / 255, face[:, :33, :31] / 255]
    draws = [operator.draw(of_sample(0, n)) for n in (1, 2)]
    for image, draw, sharp in zip(images, draws, operator(images, draws, (1, 1)), strict=True):
        torch.testing.assert_close(sharp, unsharp([image], [draw["sigma"]], [draw["amount"]])[0], atol=1e-5, rtol=0)
        assert (sharp - image).abs().mean() > 0.005


def test_sharpened_twice(face):
    operator = Sharpen(twice=0.5)
    drawn = [operator.draw(of_sample(0, n)) for n in range(600)]
    assert np.mean(["amount_2" in draw for draw in drawn]) == pytest.approx(0.5, abs=0.07)
    images = [face[:, :40, :50] / 255] * 3
    draws = [next(draw for draw in drawn if ("amount_2" in draw) == twice) for twice in (True, False, True)]
    for draw, both in zip(draws, operator(images, draws, (1, 1)), strict=True):
        once = unsharp(images[:1], [draw["sigma"]], [draw["amount"]])
        if "amount_2" in draw:
            once = unsharp(once, [draw["sigma_2"]], [draw["amount_2"]])
        torch.testing.assert_close(both, once[0], atol=1e-5, rtol=0)
