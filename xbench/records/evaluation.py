"""What a suite asks of quality: the data, the slices of it, the task, and the metrics."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import Record
from .recipe import Ratio, Reference

Column = Annotated[str, Field(min_length=1, max_length=200)]
"""Name of a column of the data."""

BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]
SklearnName = Literal["breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"]
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


class DataSpec(Record):
    """Examples of the user's: exactly one of `file`, `folder`, `sklearn`, `iterator`."""

    file: str | None = Field(
        default=None, description="A file of examples: .npz, .parquet, .csv or .jsonl; its ending tells which."
    )
    folder: str | None = Field(
        default=None,
        description="A folder: a Hugging Face dataset on disk, Parquet files, or a .npy for each column.",
    )
    split: str | None = Field(default=None, description="Which split of a folder that holds several.")
    sklearn: SklearnName | None = Field(default=None, description="A data set that scikit-learn brings.")
    iterator: Reference | None = Field(
        default=None,
        description="`module:function` that returns an iterable of examples, each a mapping of columns to values; "
        "called once for each pass; run only with --trust.",
    )
    version: Annotated[str, Field(max_length=200)] = Field(
        default="", description="What you call this state of the data; recorded beside its digest."
    )
    sha256: str | None = Field(
        default=None, description="Digest that the data must have, as a run records it; refused if it is another."
    )
    id: Column | None = Field(default=None, description="Column that names an example; none: its number, from 0.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("file", "folder", "sklearn", "iterator") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of file, folder, sklearn, iterator; here: {', '.join(given) or 'none'}"
            )
        if self.split is not None and self.folder is None:
            raise ValueError("split goes with folder")
        if self.sha256 is not None and not _SHA256.match(self.sha256):
            raise ValueError("sha256 is 64 hexadecimal digits in lower case")
        return self


class SliceSpec(Record):
    """A part of the examples that is looked at by itself: each value of a column, or where an expression holds."""

    column: Column | None = Field(default=None, description="Each value of this column is a slice.")
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        default=None, description="What the slice of an expression is called."
    )
    where: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="Expression over columns, such as `len(text) > 200 and language in ['de', 'fr']`.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.column is None) == (self.where is None):
            raise ValueError("a slice is either `column: NAME` or `name: NAME` with `where: EXPRESSION`")
        if (self.where is None) != (self.name is None):
            raise ValueError("name and where go together")
        return self


class _Evaluated(Record):
    """What all tasks have."""

    metrics: tuple[str, ...] = Field(
        default=(), description="Metrics; the first is the one that tables show. None: the task's own."
    )
    slices: tuple[SliceSpec, ...] = Field(default=(), description="Parts of the data that are looked at apart.")
    correction: Literal["holm", "benjamini-hochberg"] = Field(
        default="holm",
        description="How alarms over slices are corrected: none false in 95 of 100 runs, or 5 % of them at most.",
    )
    expected_change: Ratio = Field(
        default=0.05,
        description="Share of the examples that pruning is expected to change; what is planned with before the run.",
    )

    @property
    def data(self) -> tuple[DataSpec, ...]:
        """The data of the user's that are read; none where the data come with xbench."""
        found = (getattr(self, key, None) for key in ("dataset", "documents", "judgements"))
        return tuple(spec for spec in found if isinstance(spec, DataSpec))


class _TextOrArrays(_Evaluated):
    """A task of rows: arrays by the names of the model's inputs, or texts that a tokenizer turns into inputs."""

    inputs: dict[str, Column] = Field(
        default={}, description="Columns by the names of the model's inputs; none: the columns of the same names."
    )
    text: tuple[Column, ...] = Field(
        default=(),
        max_length=2,
        description="Column with text, or two for pairs of texts; then a tokenizer is needed.",
    )
    tokenizer: str | None = Field(
        default=None, description="Folder with tokenizer.json; none: the Transformers folder of the model."
    )
    max_length: BatchSize = Field(default=128, description="Tokens after which a text is cut.")

    @model_validator(mode="after")
    def _arrays_or_texts(self) -> Self:
        if self.inputs and self.text:
            raise ValueError("give either inputs, which are arrays, or text, which goes through a tokenizer")
        return self


class ClassificationSpec(_TextOrArrays):
    """Classification: the class of the highest output is the answer."""

    task: Literal["classification"] = Field(description="Take the class with the highest score.")
    dataset: Literal["digits"] | DataSpec = Field(
        description="digits: 540 held-out images of scikit-learn's, float32, 1x8x8, 0 to 1; or data of your own."
    )
    input: str | None = Field(
        default=None, description="Name of the module's input that takes the images of `digits`; none: `image`."
    )
    target: Column = Field(default="label", description="Column with the number of the right class, or its name.")
    classes: tuple[str, ...] = Field(
        default=(),
        description="Names of the classes in the order of the model's outputs; needed where labels are names.",
    )
    outputs: Literal["logits", "probabilities"] = Field(
        default="logits", description="What the model's first output is: `logits` go through a softmax."
    )
    batch: BatchSize = Field(default=64, description="Examples in one inference.")

    @model_validator(mode="after")
    def _keys_of_the_data(self) -> Self:
        if self.dataset != "digits" and self.input is not None:
            raise ValueError("input goes with the data set digits; for data of your own: inputs: {INPUT: COLUMN}")
        if self.dataset == "digits" and (self.inputs or self.text or self.classes or self.target != "label"):
            raise ValueError("inputs, text, target and classes go with data of your own, not with digits")
        return self


class MultiLabelSpec(_TextOrArrays):
    """Multi-label classification: each class is right or not by itself."""

    task: Literal["multi-label"] = Field(description="Take every class whose probability reaches the threshold.")
    dataset: DataSpec = Field(description="Data of your own.")
    target: Column = Field(
        default="labels",
        description="Column with a list of the right classes' numbers or names, or of 0 and 1 for each.",
    )
    classes: tuple[str, ...] = Field(default=(), description="Names of the classes in the order of the outputs.")
    outputs: Literal["logits", "probabilities"] = Field(
        default="logits", description="What the model's first output is: `logits` go through a sigmoid."
    )
    threshold: Ratio = Field(default=0.5, description="Probability from which on a class is given.")
    batch: BatchSize = Field(default=64, description="Examples in one inference.")


class RegressionSpec(_TextOrArrays):
    """Regression: the first output is the prediction, one number or several for each example."""

    task: Literal["regression"] = Field(description="Take the first output as the prediction.")
    dataset: DataSpec = Field(description="Data of your own.")
    target: Column = Field(default="target", description="Column with the true value, or a list of them.")
    batch: BatchSize = Field(default=64, description="Examples in one inference.")


class SimilaritySpec(_Evaluated):
    """Similarity of two texts: the cosine of their embeddings against what people said."""

    task: Literal["similarity"] = Field(description="Embed both texts, and take the cosine.")
    dataset: DataSpec = Field(description="Data of your own.")
    text: tuple[Column, ...] = Field(
        default=("first", "second"), min_length=2, max_length=2, description="Columns with the two texts."
    )
    target: Column = Field(default="score", description="Column with the similarity that is held to be true.")
    tokenizer: str | None = Field(
        default=None, description="Folder with tokenizer.json; none: the Transformers folder of the model."
    )
    max_length: BatchSize = Field(default=128, description="Tokens after which a text is cut.")
    batch: BatchSize = Field(default=16, description="Texts in one inference.")
    pooling: Literal["mean", "cls"] = Field(default="mean", description="How token vectors become one.")


class EmbeddingSpec(_TextOrArrays):
    """Embeddings without labels: how near each stays to the dense model's own."""

    task: Literal["embedding"] = Field(description="Compare each embedding with the dense model's: the cosine.")
    dataset: DataSpec = Field(description="Data of your own; no labels are needed.")
    batch: BatchSize = Field(default=16, description="Examples in one inference.")
    pooling: Literal["mean", "cls", "none"] = Field(
        default="mean", description="How token vectors become one; `none`: the first output is (batch, width)."
    )

    @model_validator(mode="after")
    def _tokens_come_from_texts(self) -> Self:
        if self.pooling != "none" and not self.text:
            raise ValueError("pooling mean and cls go with text; for arrays give pooling: none")
        return self


class RetrievalSpec(_Evaluated):
    """Text retrieval by embeddings: each query looks for its document among all of them."""

    task: Literal["retrieval"] = Field(description="Embed queries and documents, and rank by cosine.")
    dataset: Literal["docstrings"] | DataSpec = Field(
        description="docstrings: 275 pairs out of docstrings of Python's standard library; or queries of your own."
    )
    query: Column = Field(default="query", description="Column with the query.")
    document: Column = Field(
        default="document", description="Column with the document: beside its query, or of `documents`."
    )
    documents: DataSpec | None = Field(
        default=None, description="The documents, where they are not beside their queries; they need `id`."
    )
    judgements: DataSpec | None = Field(
        default=None,
        description="Which document answers which query: columns `query_id`, `document_id`, `grade` (from 0).",
    )
    tokenizer: str | None = Field(
        default=None, description="Folder with tokenizer.json; none: the Transformers folder of the model."
    )
    max_length: BatchSize = Field(default=128, description="Tokens after which a text is cut.")
    batch: BatchSize = Field(default=16, description="Texts in one inference.")
    pooling: Literal["mean", "cls"] = Field(default="mean", description="How token vectors become one.")

    @model_validator(mode="after")
    def _judged_together(self) -> Self:
        if (self.documents is None) != (self.judgements is None):
            raise ValueError("documents and judgements go together")
        if self.documents is not None and self.dataset == "docstrings":
            raise ValueError("documents and judgements go with queries of your own, not with docstrings")
        return self


class TokenClassificationSpec(_Evaluated):
    """Token classification: one tag for each word; the first token of a word gives the answer."""

    task: Literal["token-classification"] = Field(description="Take the tag with the highest score for each word.")
    dataset: DataSpec = Field(description="Data of your own.")
    words: Column = Field(default="tokens", description="Column with a list of words.")
    target: Column = Field(default="tags", description="Column with a list of tags, one for each word.")
    classes: tuple[str, ...] = Field(min_length=1, description="The tags in the order of the model's outputs.")
    tokenizer: str | None = Field(
        default=None, description="Folder with tokenizer.json; none: the Transformers folder of the model."
    )
    max_length: BatchSize = Field(default=128, description="Tokens after which a text is cut.")
    batch: BatchSize = Field(default=16, description="Texts in one inference.")


class PluginSpec(_Evaluated):
    """Any other task, such as segmentation or detection: metrics of a plug-in look at the model's outputs."""

    task: Literal["plugin"] = Field(description="Give the outputs and the targets to metrics of a plug-in.")
    dataset: DataSpec = Field(description="Data of your own.")
    metrics: tuple[str, ...] = Field(min_length=1, description="Metrics of plug-ins; the first is what tables show.")
    inputs: dict[str, Column] = Field(
        default={}, description="Columns by the names of the model's inputs; none: the columns of the same names."
    )
    targets: tuple[Column, ...] = Field(default=(), description="Columns that the metrics are given.")
    batch: BatchSize = Field(default=8, description="Examples in one inference.")


EvaluationSpec = (
    RetrievalSpec
    | ClassificationSpec
    | MultiLabelSpec
    | RegressionSpec
    | SimilaritySpec
    | EmbeddingSpec
    | TokenClassificationSpec
    | PluginSpec
)
Evaluation = Annotated[EvaluationSpec, Field(discriminator="task")]
"""How quality is scored: `task` tells which."""
