"""How fast the kernels are on a GPU, and what they compile to without one."""
