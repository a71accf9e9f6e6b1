#!/usr/bin/env bash
# Measures everything that docs/results.md has an empty row for on an NVIDIA GPU, and leaves one bundle.
#
#     scripts/gpu_evidence.sh OUT                          on a machine with a GPU, its driver, Python and pip
#     scripts/gpu_evidence.sh OUT --models DIR             with the files of benchmarks/evidence_models.py made elsewhere
#     scripts/gpu_evidence.sh OUT --hardware cpu --quick   a dry run of the script itself, on any machine
#
# OUT gets results/ (take its bundle in with `xbench results import OUT/bundle.tar.gz`), logs/ and summary.txt.
# Where xbench can be imported already (PYTHONPATH, or an active environment) it is used as it is; otherwise a virtual
# environment is made in OUT/venv. A step that fails is told, and the rest goes on; the status is 1 if any failed.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
export ORT_DISABLE_TELEMETRY=1
python=${PYTHON:-python3}
if ! "$python" -c 'import xbench, onnxruntime' 2>/dev/null; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: PYTHON=python3.12 $0 $out" >&2; exit 2; }
  echo "== setting up $out/venv (once; some minutes)"
  "$python" -m venv "$out/venv"
  "$out/venv/bin/pip" install --quiet --disable-pip-version-check --constraint "$root/constraints.txt" \
    "$root[gpu,torch,optimum,examples]"
  python=$out/venv/bin/python
fi
exec "$python" "$root/benchmarks/gpu_evidence.py" "$out" "$@"
