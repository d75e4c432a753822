"""Networks by CUDA graphs; without a GPU, all but the recording."""

import torch

from lvvol.networks import graphs as graphs_module
from lvvol.networks.configs import HfcnConfig
from lvvol.networks.hfcn import HFCN


def test_graphs_fill_batches_up_and_are_captured_once_a_size(device, monkeypatch):
    """Without a GPU, a graph that runs the network when replayed takes the place of CUDA's."""
    captured = []
    if device.type == "cpu":

        class Rerun:
            def __init__(self, network, inputs, outputs):
                self.network, self.inputs, self.outputs = network, inputs, outputs

            def replay(self):
                for values, made in zip(self.outputs, self.network(self.inputs), strict=True):
                    values.copy_(made)

        def capture(self, inputs):
            outputs = self._network(inputs)
            return Rerun(self._network, inputs, outputs), inputs, outputs

        monkeypatch.setattr(graphs_module.Graphs, "_capture", capture)
    capture_once = graphs_module.Graphs._capture
    monkeypatch.setattr(
        graphs_module.Graphs,
        "_capture",
        lambda self, inputs: captured.append(len(inputs)) or capture_once(self, inputs),
    )
    network = HFCN(HfcnConfig((6, 8), (1, 1), 3, 4, ())).to(device).eval()
    graphs = graphs_module.Graphs(network)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        for n in (3, 1, 4, 3, 5):
            x = torch.randn((n, 1, 16, 16), generator=generator).to(device)
            found = [values.clone() for values in graphs(x)]
            torch.testing.assert_close(found, list(network(x)), rtol=1e-4, atol=1e-5)
    assert captured == [4, 1, 8]
