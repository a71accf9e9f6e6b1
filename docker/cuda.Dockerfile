# xbench on an NVIDIA GPU with ONNX Runtime's CUDA provider.
#
#   docker build -f docker/cuda.Dockerfile -t xbench:cuda .
#   docker run --rm --gpus all xbench:cuda doctor
#
# onnxruntime-gpu 1.31.1 asks for CUDA 13 and cuDNN 9 (libcudart.so.13, libcublas.so.13, libcudnn.so.9), so the base
# has these, and the host needs driver 580 or later. The base is pinned by its tag; its digest could not be looked up
# where this file was written: docker buildx imagetools inspect nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04
FROM nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04

# Ubuntu 24.04 brings Python 3.12.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3.12 python3.12-venv \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CONSTRAINT=/usr/src/xbench/constraints.txt \
    PIP_BUILD_CONSTRAINT=/usr/src/xbench/constraints.txt \
    ORT_DISABLE_TELEMETRY=1

# What measures finished ONNX files. To prune and export too: --build-arg EXTRAS=gpu,torch,optimum,examples
ARG EXTRAS=gpu

WORKDIR /usr/src/xbench
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY xbench ./xbench
COPY exporters ./exporters
COPY runners ./runners
COPY hardware_profiles ./hardware_profiles
COPY examples ./examples
RUN python3.12 -m venv /usr/local/venv \
    && /usr/local/venv/bin/pip install --constraint constraints.txt ".[${EXTRAS}]"
ENV PATH=/usr/local/venv/bin:$PATH

RUN useradd --create-home --uid 10001 xbench \
    && install -d -o xbench -g xbench /data /data/results
USER 10001:10001
WORKDIR /data
VOLUME ["/data/results"]
ENTRYPOINT ["xbench"]
CMD ["doctor"]
