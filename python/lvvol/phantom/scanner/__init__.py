"""The scanner of a phantom: planes, protocol, timing and images."""
