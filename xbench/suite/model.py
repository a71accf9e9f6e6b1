"""The schema of a suite. The descriptions here are the ones of `docs/suite.md` and of the JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ..quantities import Duration, Share
from ..records.base import Record
from ..records.comparison import AA_SUFFIX
from ..records.evaluation import Evaluation
from ..records.load import Scenario
from ..records.policy import RESERVED, GateRule
from ..records.recipe import Distillation, Expectation, Recipe, Reference
from .rules import PolicySpec, known_gate
from .units import Errors, Memory, Time

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Size = Annotated[int, Field(ge=1, le=1_000_000)]
# LoadGen's own, in mlperf.conf: samples_per_query of MultiStream, target_latency_percentile of Server.
_MULTISTREAM_SAMPLES = 8
_SERVER_PERCENTILE = 0.99


class InputSpec(Record):
    """One input of a module that a factory makes."""

    shape: tuple[Size | Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], ...] = Field(
        description="Sizes; a word in place of a size makes that axis dynamic and names it."
    )
    dtype: Literal["float32", "int64"] = Field(default="float32", description="Element type.")


class ModelSpec(Record):
    """Where the dense model comes from: exactly one of `transformers`, `factory`, `onnx`."""

    transformers: str | None = Field(
        default=None, description="Folder of a Transformers model (config.json and weights)."
    )
    package: str | None = Field(
        default=None, description="Installed Python package that `transformers` is a folder of."
    )
    factory: Reference | None = Field(
        default=None, description="`module:function` that returns the module; run only with --trust."
    )
    checkpoint: str | None = Field(
        default=None,
        description="Weights for the factory's module: .safetensors, or a state dict of PyTorch.",
    )
    onnx: str | None = Field(default=None, description="A finished ONNX file; then nothing can be pruned.")
    exporter: str | None = Field(
        default=None, description="Exporter plug-in; none: `optimum` for Transformers folders, else `dynamo`."
    )
    opset: int | None = Field(default=None, ge=13, le=26, description="ONNX opset; none: the exporter's own.")
    task: Literal["feature-extraction", "text-generation", "text-generation-with-past"] | None = Field(
        default=None,
        description="What a Transformers folder is exported for; none: text-generation-with-past for a decoder that "
        "was saved with its head, else feature-extraction.",
    )
    slim: bool = Field(default=False, description="Let onnxslim simplify each exported file.")
    inputs: dict[str, InputSpec] = Field(
        default={}, description="Inputs of a factory's module, by the names of forward's parameters."
    )

    @model_validator(mode="after")
    def _one_source(self) -> ModelSpec:
        given = [name for name in ("transformers", "factory", "onnx") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of transformers, factory, onnx; here: {', '.join(given) or 'none'}")
        if self.package and not self.transformers:
            raise ValueError("package goes with transformers")
        if self.checkpoint and not self.factory:
            raise ValueError("checkpoint goes with factory")
        if self.factory and not self.inputs:
            raise ValueError("a factory needs inputs: the shape and dtype of each of the module's inputs")
        if self.inputs and not self.factory:
            raise ValueError("inputs go with factory")
        if self.task and not self.transformers:
            raise ValueError("task goes with transformers")
        if self.onnx and (self.exporter or self.opset or self.slim):
            raise ValueError("a finished ONNX file is not exported: leave out exporter, opset and slim")
        return self


Drop = Annotated[float, Field(ge=0, le=1_000_000)]


class GateSpec(Record):
    """What a pruned variant must hold to ship. An empty gate asks for nothing; a policy says more (policy.md)."""

    min_speedup: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Least measured speedup over the baseline, such as 1.2; below fp32 it is the one over dense in "
        "the same precision.",
    )
    max_latency_p99_ms: Time | None = Field(
        default=None, description="Longest that 99 of 100 calls or queries may take, in ms."
    )
    max_memory_mib: Memory | None = Field(default=None, description="Highest peak of memory, in MiB.")
    max_error_rate: Errors | None = Field(
        default=None, description="Largest share of the examples that could not be answered or scored."
    )
    max_drop: dict[str, Drop] = Field(
        default={},
        description="How much worse a metric may be than the baseline's, by metric, in its own units.",
    )
    max_slice_drop: dict[str, Drop] = Field(
        default={},
        description="How much worse the first metric may be than the baseline's on a slice, by slice.",
    )

    @model_validator(mode="before")
    @classmethod
    def _checks_that_there_are(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            for name in RESERVED:
                if name in given:
                    known_gate(name)
        return given

    @property
    def rules(self) -> tuple[GateRule, ...]:
        """The same as a policy's rules."""
        levels = ("min_speedup", "max_latency_p99_ms", "max_memory_mib", "max_error_rate")
        asked = {name: getattr(self, name) for name in levels}
        return (
            *(GateRule(gate=name, bound=bound) for name, bound in asked.items() if bound is not None),
            *(GateRule(gate="max_drop", metric=name, bound=bound) for name, bound in self.max_drop.items()),
            *(
                GateRule(gate="max_slice_drop", slices=(name,), bound=bound)
                for name, bound in self.max_slice_drop.items()
            ),
        )


class VariantSpec(Record):
    """The model and one recipe; or a finished ONNX file of its own."""

    name: Name = Field(description="How the variant is called in tables.")
    baseline: bool = Field(default=False, description="Whether the others are compared with this one.")
    prune: Recipe | None = Field(default=None, description="The recipe; none leaves the model as it is.")
    checkpoint: str | None = Field(
        default=None,
        description="Weights that were pruned elsewhere: .safetensors, or a state dict of PyTorch.",
    )
    finetune: Reference | Distillation | None = Field(
        default=None,
        description="What trains the pruned module: `module:function`, run only with --trust, or `distill`.",
    )
    expect: Expectation | None = Field(default=None, description="What the recipe is expected to do.")
    onnx: str | None = Field(default=None, description="A finished ONNX file, in place of pruning and export.")
    dense: bool = Field(
        default=False,
        description="Another dense model, such as one of another seed: the examples that a pruned one loses "
        "are told of those that all dense models answer rightly.",
    )
    gate: GateSpec | None = Field(default=None, description="A gate for this variant, in place of the suite's.")

    @model_validator(mode="after")
    def _no_recipe_for_a_finished_file(self) -> VariantSpec:
        if self.onnx and (self.prune or self.finetune or self.checkpoint):
            raise ValueError(
                "a finished ONNX file cannot be pruned or trained: leave out prune, finetune and checkpoint"
            )
        if self.dense and self.prune:
            raise ValueError("a dense model is not pruned: leave out dense or prune")
        if self.checkpoint and self.prune:
            raise ValueError("a checkpoint that was pruned elsewhere comes as it is: leave out prune")
        return self

    @property
    def code(self) -> tuple[str, ...]:
        """The functions that the variant names: making it runs them."""
        loss = getattr(self.prune, "loss", None)
        return tuple(named for named in (loss, self.finetune) if isinstance(named, str))


class WorkloadSpec(Record):
    """What is fed to the model while it is timed."""

    name: Name = Field(description="How the workload is called in tables.")
    batch: Size | None = Field(default=None, description="Size of the batch axis; none: what the file fixes, else 1.")
    axes: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default={}, description="Sizes of other dynamic axes, by their names; 0 is for a decoder's past alone."
    )
    shapes: dict[str, tuple[Annotated[int, Field(ge=0)], ...]] = Field(
        default={}, description="Whole shapes, by the names of inputs; they win over batch and axes."
    )
    scenario: Scenario = Field(default="SingleStream", description="MLPerf's name of the load.")
    samples_per_query: Size | None = Field(
        default=None, description="Samples in a query of MultiStream; none: 8. A multiple of the batch."
    )
    latency_objective: Duration | None = Field(
        default=None, description="What a query of Server may take from its arrival on; needed there."
    )
    latency_percentile: float = Field(
        default=_SERVER_PERCENTILE,
        gt=0.5,
        lt=1,
        description="Share of the queries of Server that must meet the objective.",
    )

    @model_validator(mode="after")
    def _what_goes_with_the_scenario(self) -> WorkloadSpec:
        if self.samples_per_query is not None and self.scenario != "MultiStream":
            raise ValueError(f"samples_per_query goes with scenario MultiStream, not with {self.scenario}")
        if self.scenario == "Server":
            if self.latency_objective is None:
                raise ValueError("scenario Server needs latency_objective: what a query may take, such as 20ms")
        elif self.latency_objective is not None or self.latency_percentile != _SERVER_PERCENTILE:
            raise ValueError(
                f"latency_objective and latency_percentile go with scenario Server, not with {self.scenario}"
            )
        if self.batch is not None:
            self.calls_per_query(self.batch)
        return self

    def calls_per_query(self, batch: int) -> int:
        """How many calls of `batch` samples serve one query, one after the other.

        Raises ValueError where samples would be left over: a call with fewer of them is another workload.
        """
        if self.scenario != "MultiStream":
            return 1
        samples = self.samples_per_query or _MULTISTREAM_SAMPLES
        if samples % batch:
            raise ValueError(
                f"a query of {samples} samples cannot be made of batches of {batch}: "
                "batch must divide samples_per_query"
            )
        return samples // batch


class CalibrationSpec(Record):
    """Real inputs without labels: what Wanda, Taylor, distillation and integer quantisation look at."""

    file: str | None = Field(
        default=None,
        description="A .npz with one array for each input, its first axis the samples; none: examples of the "
        "evaluation's data set that are not scored.",
    )
    samples: Size = Field(default=64, description="How many are used.")
    batch: Size = Field(default=8, description="Samples in one inference.")


class MeasureSpec(Record):
    """How long and how precisely to measure. Each device and workload has this budget."""

    precision: Share = Field(
        default=0.01, description="Half-width of each speedup's interval at which measuring may stop."
    )
    budget: Duration = Field(default=60.0, description="Time for one device and workload, all variants together.")
    margin: Share = Field(default=0.02, description="Equivalence margin: differences within it count as `same`.")
    time_limit: Duration = Field(default=120.0, description="Longest that loading, or one answer, may take.")
    seed: int = Field(default=0, ge=0, description="Seed of the order of blocks, of inputs, and of the bootstrap.")


def in_precision(variant: str, precision: str) -> str:
    """What a variant is called in a precision: its own name in fp32."""
    return variant if precision == "fp32" else f"{variant}@{precision}"


def _kind_of_policy(given: Any) -> str:
    return "inline" if isinstance(given, Mapping | PolicySpec) else "file"


class Suite(Record):
    """A whole suite."""

    schema_: Literal["xbench.suite/1"] = Field(alias="schema", description="Name and version of this format.")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        description="Letters, digits, dot, dash and underscore: it becomes part of the run's name."
    )
    model: ModelSpec | None = Field(
        default=None, description="The dense model; may be left out where each variant is an ONNX file."
    )
    variants: tuple[VariantSpec, ...] = Field(min_length=1, description="Exactly one of them is the baseline.")
    workloads: tuple[WorkloadSpec, ...] = Field(
        default=(WorkloadSpec(name="default"),), min_length=1, description="What is fed while timing."
    )
    hardware: tuple[str, ...] = Field(
        default=("auto",), min_length=1, description="Names of hardware profiles; auto: all that are here."
    )
    precisions: tuple[Literal["fp32", "fp16", "int8"], ...] = Field(
        default=("fp32",),
        min_length=1,
        description="Each variant is made in each of these; below fp32 it is compared with dense in that precision.",
    )
    calibration: CalibrationSpec = Field(default=CalibrationSpec(), description="Real inputs without labels.")
    evaluate: Evaluation | None = Field(default=None, description="How quality is scored.")
    gate: GateSpec = Field(default=GateSpec(), description="What each pruned variant must hold to ship.")
    policy: (
        Annotated[
            Annotated[str, Field(min_length=1), Tag("file")] | Annotated[PolicySpec, Tag("inline")],
            Discriminator(_kind_of_policy),
        ]
        | None
    ) = Field(default=None, description="More rules, waivers and what is in production: a policy file, or its keys.")
    measure: MeasureSpec = Field(default=MeasureSpec(), description="Budget and precision.")

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        names = [variant.name for variant in self.variants]
        baselines = [variant.name for variant in self.variants if variant.baseline]
        if len(baselines) != 1:
            raise ValueError(f"exactly one variant has `baseline: true`; here: {', '.join(baselines) or 'none'}")
        for kind, found in (("variants", names), ("workloads", [w.name for w in self.workloads])):
            twice = sorted({name for name in found if found.count(name) > 1})
            if twice:
                raise ValueError(f"two {kind} have the same name: {', '.join(twice)}")
        if self.model is None and any(variant.onnx is None for variant in self.variants):
            raise ValueError("without a model, each variant must be an ONNX file (key onnx)")
        if (
            self.model is not None
            and self.model.onnx
            and any(v.prune or v.finetune or v.checkpoint for v in self.variants)
        ):
            raise ValueError(
                "an ONNX file cannot be pruned or trained: the model must be a Transformers folder or a factory"
            )
        return self

    @model_validator(mode="after")
    def _clear_baseline(self) -> Suite:
        if self.baseline.gate is not None:
            raise ValueError("the baseline has no gate: gates say what the others must hold against it")
        if self.baseline.expect is not None:
            raise ValueError("nothing is expected of the baseline: the others are compared with it")
        if any(variant.name == self.baseline.name + AA_SUFFIX for variant in self.variants):
            raise ValueError(f"{self.baseline.name + AA_SUFFIX!r} is the name of the baseline's own second copy")
        return self

    @model_validator(mode="after")
    def _clear_precisions(self) -> Suite:
        if self.precisions[0] != "fp32" or len(set(self.precisions)) < len(self.precisions):
            raise ValueError(
                "precisions begin with fp32, which the others are made from, and name each one once; "
                f"here: {', '.join(self.precisions)}"
            )
        names = {variant.name for variant in self.variants}
        for variant in self.variants:
            for precision in self.precisions[1:]:
                made = in_precision(variant.name, precision)
                if {made, made + AA_SUFFIX} & names:
                    raise ValueError(f"{made!r} is what {variant.name} is called in {precision}: choose another name")
        return self

    @property
    def baseline(self) -> VariantSpec:
        """The variant that the others are compared with."""
        return next(variant for variant in self.variants if variant.baseline)

    @property
    def code(self) -> tuple[str, ...]:
        """The functions that the suite names: running it runs them."""
        factory = self.model.factory if self.model else None
        data = self.evaluate.data if self.evaluate is not None else ()
        named = (factory, *(name for variant in self.variants for name in variant.code), *(d.iterator for d in data))
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def names_of(self, variant: VariantSpec) -> tuple[str, ...]:
        """What a variant is called in each precision; the first is its own name."""
        return tuple(in_precision(variant.name, precision) for precision in self.precisions)

    def gate_of(self, variant: VariantSpec) -> GateSpec:
        """The variant's own gate, or the suite's."""
        return variant.gate if variant.gate is not None else self.gate


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a suite, for editors."""
    return Suite.model_json_schema(by_alias=True)
