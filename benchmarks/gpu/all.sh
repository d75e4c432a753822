#!/usr/bin/env bash
# Everything that needs a card, in under 8 minutes on one: the tests on it, every kernel against
# plain torch, whole studies and training against the CPU. Writes benchmarks/results/gpu_*.json.
#   bash benchmarks/gpu/all.sh [--allow-dirty]
# PYTHON chooses the interpreter; the package must be built (make build) or on PYTHONPATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
unset TRITON_INTERPRET

# What fails does not keep the rest from being measured; the script then ends with 1. Without a card
# nothing can be: --op ends with the exit code of a DeviceError.
no_card=38
failed=()
part() {
  local limit=$1 code=0
  shift
  timeout "$limit" "$PYTHON" -m "$@" || code=$?
  [ "$code" -ne "$no_card" ] || exit "$code"
  [ "$code" -eq 0 ] || failed+=("$*")
}
part 110 benchmarks.gpu --op product "$@"
part 110 benchmarks.gpu --op hypercolumn --limit-s 80 "$@"
part 70 benchmarks.gpu --op patch_scoring --limit-s 40 "$@"
part 70 benchmarks.gpu --op hypercolumn_conv --limit-s 40 "$@"
part 110 pytest -q -x tests/kernels tests/networks/test_gpu.py
if [ ${#failed[@]} -gt 0 ]; then
  printf 'benchmarks/gpu/all.sh: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
