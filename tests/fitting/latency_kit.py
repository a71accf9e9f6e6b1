"""A target whose layers take what a formula says, and whoever listens to nothing."""

from __future__ import annotations

from xbench.fitting.batch import COPIES, label_of
from xbench.fitting.layers import FittedLayer
from xbench.progress import Journey
from xbench.records.latency import LatencyPoint, LatencyTable, LayerSignature
from xbench.records.profile import HardwareProfile

OVERHEAD_US = 40.0
CONV = LayerSignature(
    op_type="Conv", dtype="float32", shape=(1, 8, 8), kernel=(3, 3), strides=(1, 1), pads=(1,) * 4, dilations=(1, 1)
)
POINTWISE = CONV.model_copy(update={"kernel": (1, 1), "pads": (0,) * 4})
DEPTHWISE = CONV.model_copy(update={"depthwise": True})
PRODUCT = LayerSignature(op_type="MatMul", dtype="float32", shape=(1, 4))


class Quiet:
    """A listener that keeps what it is told."""

    def __init__(self):
        self.notes, self.shown = [], []

    def show(self, stage, case, done, left_seconds):
        self.shown.append((stage, case, done, left_seconds))

    def note(self, text):
        self.notes.append(text)

    def close(self):
        pass


def journey():
    return Journey(Quiet())


def layer(signature, node="layer", inputs=64, outputs=64):
    groups = inputs if signature is not None and signature.depthwise else 1
    return FittedLayer(node, "Conv", "", inputs, outputs, groups, None, None, signature)


def scripts_of(truth, points, signatures=(CONV,), **more):
    """For each point the scripts of both files: what the call itself takes, and the layer so often."""
    return {
        label_of(one, i, o, copies): {"latency_us": OVERHEAD_US + copies * truth(i, o), **more}
        for one in signatures
        for i, o in points
        for copies in COPIES
    }


def scripted(scripts, name="sim", **more):
    return HardwareProfile(
        schema="xbench.profile/1",
        name=name,
        title="scripted",
        runner="fake",
        options={"scripts": scripts},
        evidence="-",
        **more,
    )


def point(inputs, outputs, us, batch="b", spread=0.0):
    figures = tuple(us * (1 + spread * share) for share in (-1, -0.5, 0, 0, 0.5, 1))
    return LatencyPoint(
        inputs=inputs,
        outputs=outputs,
        latency_us=us,
        latency_low_us=min(figures),
        latency_high_us=max(figures),
        process_latencies_us=figures,
        samples=6,
        batch=batch,
    )


def table(points, signature=CONV, noise=0.001, **more):
    fields = {
        "profile": "sim",
        "runner": "fake",
        "options": {},
        "precision": "fp32",
        "threads": "all",
        "fingerprint_sha256": "0" * 64,
        "created": "2026-11-22T00:00:00+00:00",
        "xbench_version": "0",
        "simulated": True,
        "signature": signature,
        "confidence": 0.96875,
        "noise": noise,
        "points": tuple(points),
    }
    return LatencyTable(**(fields | more))
