# xbench on a CPU: ONNX Runtime, OpenVINO, and torch without CUDA, so that it can prune and export too.
#
#   docker build -f docker/cpu.Dockerfile -t xbench:cpu .
#
# The base is pinned by its tag; its digest could not be looked up where this file was written. Pin it yourself
# where that matters: docker buildx imagetools inspect python:3.11.14-slim-bookworm
FROM python:3.11.14-slim-bookworm

# For torch.compile, which a profile of the runner `torch` can ask for.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CONSTRAINT=/usr/src/xbench/constraints.txt \
    PIP_BUILD_CONSTRAINT=/usr/src/xbench/constraints.txt \
    ORT_DISABLE_TELEMETRY=1

ARG EXTRAS=cpu,torch,optimum,slim,openvino,examples

WORKDIR /usr/src/xbench
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY xbench ./xbench
COPY exporters ./exporters
COPY runners ./runners
COPY hardware_profiles ./hardware_profiles
COPY examples ./examples
RUN python -m venv /usr/local/venv \
    && /usr/local/venv/bin/pip install --constraint constraints.txt \
    --extra-index-url https://download.pytorch.org/whl/cpu ".[${EXTRAS}]"
ENV PATH=/usr/local/venv/bin:$PATH

RUN useradd --create-home --uid 10001 xbench \
    && install -d -o xbench -g xbench /data /data/results
USER 10001:10001
WORKDIR /data
VOLUME ["/data/results"]
ENTRYPOINT ["xbench"]
CMD ["doctor"]
