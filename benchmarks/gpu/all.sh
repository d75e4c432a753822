#!/usr/bin/env bash
# Everything that needs a card, in under 8 minutes on one: the tests on it, every kernel against
# plain torch, whole studies and training against the CPU. Writes benchmarks/results/gpu_*.json.
#   bash benchmarks/gpu/all.sh [--allow-dirty]
# PYTHON chooses the interpreter; the package must be built (make build) or on PYTHONPATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
unset TRITON_INTERPRET

"$PYTHON" - <<'CHECK' || exit 1
import importlib.util
import sys

for name in ("torch", "triton"):
    if importlib.util.find_spec(name) is None:
        sys.exit(f'benchmarks/gpu/all.sh: {name} is not installed: pip install "lvvol[gpu]"')
import torch

if not torch.cuda.is_available():
    sys.exit("benchmarks/gpu/all.sh: expected a CUDA GPU that torch can use, got none")
print(torch.cuda.get_device_name())
CHECK

# What fails does not keep the rest from being measured; the script then ends with 1.
failed=()
part() {
  local limit=$1 name=$2
  shift 2
  echo "== $name"
  timeout "$limit" "$@" || failed+=("$name")
}
part 150 "tests" "$PYTHON" -m pytest -q -x tests/kernels tests/networks/test_gpu.py
part 150 "studies and training" "$PYTHON" -m benchmarks.gpu.product "$@"
part 170 "kernels" "$PYTHON" -m benchmarks.gpu.kernels "$@"
if [ ${#failed[@]} -gt 0 ]; then
  echo "benchmarks/gpu/all.sh: failed: $(IFS=,; echo "${failed[*]}")" >&2
  exit 1
fi
