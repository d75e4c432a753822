"""Modules prepared for inference."""

from __future__ import annotations

from lvvol.errors import needs_extra

with needs_extra("train"):
    import torch
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norm(network: nn.Module) -> None:
    """Prepare a network for inference, in place: evaluation mode, batch normalisation folded."""
    network.eval()
    _fold(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold(module: nn.Module) -> None:
    """Fold each batch normalisation into the convolution before it."""
    before: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None:
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        _fold(child)
        before = (name, child) if isinstance(child, nn.Conv2d) else None
