"""A network recorded as a CUDA graph, and replayed without launching kernels one by one."""

from __future__ import annotations

from typing import Any

from lvvol.errors import needs_extra

with needs_extra("gpu"):
    import torch


class Graphs:
    """A network by CUDA graphs, one for each power of two that batches are filled up to.

    Launching some fifty kernels takes longer than a small batch takes them.

    Parameters
    ----------
    network : Module
        On a GPU, for inference.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network
        self._captured: dict[torch.Size, tuple[torch.cuda.CUDAGraph, torch.Tensor, Any]] = {}

    def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the network; the result is overwritten by the next call of the same size."""
        n = len(x)
        shape = torch.Size((1 << max(n - 1, 0).bit_length(), *x.shape[1:]))
        if shape not in self._captured:
            zeros = x.new_zeros(shape).contiguous(memory_format=torch.channels_last)
            self._captured[shape] = self._capture(zeros)
        graph, inputs, outputs = self._captured[shape]
        inputs[:n].copy_(x)
        graph.replay()
        return tuple(values[:n] for values in outputs)

    def _capture(self, inputs: torch.Tensor) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, Any]:
        # Not on the stream in use; Triton compiles and cuDNN chooses before anything is recorded.
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._network(inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._network(inputs)
        return graph, inputs, outputs
