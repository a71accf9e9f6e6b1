#!/bin/sh
# Builds a folder with an arm64 Python that has this xbench, for the profile arm64-emulated (docs/emulation.md).
# Needs Debian or its kin, whose Python is the one that runs xbench; changes nothing of the system.
#
#   scripts/arm64_root.sh DIR        and then: export XBENCH_ARM64_ROOT=DIR
#
# PYTHON names the Python that runs xbench; python3 if it is not set.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
mkdir -p "$1"
root=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$("$python" -c 'import sys; print(".".join(map(str, sys.version_info[:2])))')

# apt with lists and a state of its own: the system's packages stay as they are.
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs"
: > "$work/state/status"
apt() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$work/state" \
        -o Dir::State::status="$work/state/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}
apt update
(cd "$work/debs" && apt download "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib" \
    libc6 libgcc-s1 libstdc++6 zlib1g libssl3 libexpat1 libffi8 libbz2-1.0 liblzma5 libuuid1 libsqlite3-0)
for package in "$work"/debs/*.deb; do
    dpkg -x "$package" "$root"
done

# What a worker imports, in the versions that xbench is tested with, and xbench itself.
packages=$root/usr/local/lib/python$version/dist-packages
rm -rf "$packages"
"$python" -m pip install --quiet --no-deps --target "$packages" --only-binary=:all: --python-version "$version" \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 \
    --platform manylinux2014_aarch64 --constraint "$here/constraints.txt" \
    numpy scipy onnx onnxruntime protobuf flatbuffers ml_dtypes psutil PyYAML packaging \
    pydantic pydantic_core annotated-types typing_extensions typing-inspection
mkdir "$work/source"  # built there, since setuptools leaves a folder beside what it builds
(cd "$here" && cp -r pyproject.toml README.md LICENSE xbench exporters runners hardware_profiles examples "$work/source")
"$python" -m pip install --quiet --no-deps --target "$packages" "$work/source"

# qemu-user before 8.2 shows arm64 programs the host's /proc/cpuinfo, and ONNX Runtime 1.31 dies of it. A file in
# this folder stands before it. It is that of the CPU that arm64-emulated plays: a Cortex-A76 (its main ID register
# is 0x414fd0b1 in target/arm/cpu64.c of QEMU).
mkdir -p "$root/proc"
: > "$root/proc/cpuinfo"
for cpu in $(seq 0 $(($(nproc) - 1))); do
    cat >> "$root/proc/cpuinfo" <<CPU
processor	: $cpu
BogoMIPS	: 100.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1

CPU
done
echo "export XBENCH_ARM64_ROOT=$root"
