#!/usr/bin/env bash
# Installs a wheel into an empty environment, without torch, and runs bare `pytest` of the core's tests there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
wheel=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --constraint "$root/constraints.txt" \
  "$wheel[cpu]" pytest hypothesis
cp -r "$root/tests" "$work/tests"
# What is left out needs torch all through; what needs the checkout skips itself by name.
rm -rf "$work"/tests/{pruning,exporters,sources,prepare,examples}
cd "$work/tests"
"$work/venv/bin/pytest" -q -p no:cacheprovider .
