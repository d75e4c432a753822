"""Tests of lvvol.kernels.path."""

import pytest
import torch

from lvvol.kernels.path import choose, forced

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def test_auto_is_triton_only_on_a_gpu():
    assert choose("auto", CUDA) == "triton"
    assert choose("auto", CPU) == "reference"
    assert choose("auto", torch.device("mps")) == "reference"


def test_auto_is_the_core_on_a_cpu_if_it_has_the_operation():
    assert choose("auto", CPU, core=True) == "core"
    assert choose("auto", CUDA, core=True) == "triton"
    assert choose("auto", torch.device("mps"), core=True) == "reference"


@pytest.mark.parametrize("device", [CPU, CUDA])
@pytest.mark.parametrize("path", ["reference", "core", "triton"])
def test_an_explicit_path_is_used(path, device):
    assert choose(path, device, core=True) == path


def test_the_core_is_refused_if_it_lacks_the_operation():
    with pytest.raises(
        ValueError, match=r"path: .*the core does not have this operation, got 'core'"
    ):
        choose("core", CPU)
    with forced("core"):
        assert choose("auto", CPU, core=True) == "core"
        with pytest.raises(ValueError, match=r"path: .*got 'core'"):
            choose("auto", CPU)


def test_forced_changes_auto_until_its_end():
    with forced("reference"):
        assert choose("auto", CUDA) == "reference"
        assert choose("triton", CUDA) == "triton"
        with forced("triton"):
            assert choose("auto", CPU) == "triton"
        assert choose("auto", CUDA) == "reference"
    with pytest.raises(RuntimeError), forced("triton"):
        raise RuntimeError
    assert choose("auto", CPU) == "reference"


def test_an_unknown_path_is_refused():
    message = "path: expected one of 'auto', 'reference', 'core', 'triton', got 'cuda'"
    with pytest.raises(ValueError, match=message):
        choose("cuda", CPU)
    with pytest.raises(ValueError, match=message), forced("cuda"):
        pass
