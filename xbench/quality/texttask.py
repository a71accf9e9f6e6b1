"""What tasks of embedded texts have in common: an example is more than one text, and each text is a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from ..protocols import Outputs
from ..records.artifact import TensorSpec
from .encoding import TEXT_INPUTS, Encoded, Encoder
from .feeding import filled
from .pooling import pooled_output
from .rowtask import Ground
from .tasks import Batch, Chunk, DivergenceKind, Unscored, fixed_rows


class TextTask(ABC):
    """A task of embedded texts; see `tasks.Task`. What is kept of a batch is one vector for each text, float32."""

    divergence_kind: DivergenceKind = "cosine"
    sample_inputs: Mapping[str, str] = dict.fromkeys(TEXT_INPUTS, "int64")

    def __init__(self, ground: Ground, encoder: Encoder, pooling: str, rows: int) -> None:
        """`rows`: how many texts `_texts` gives."""
        self._ground = ground
        self._encoder = encoder
        self._pooling = pooling
        self.rows = rows
        self.metrics = ground.metrics
        self.data = ground.data
        self.examples = ground.examples

    def feeds(self, inputs: Sequence[TensorSpec]) -> Iterator[Batch]:
        """See `Task.feeds`: token ids, mask and segment ids, padded to the longest text of the batch."""
        fixed, texts = fixed_rows(inputs), self._texts()
        while some := list(islice(texts, fixed or self._ground.batch)):
            encoded = self._encoder.encode(some, inputs)
            yield Batch(filled(encoded.feeds, fixed), len(some), encoded)

    def unscored(self, inputs: Sequence[TensorSpec], samples: int, batch: int) -> Unscored | None:
        """Other texts of the same kind, queries and documents in turn, each batch padded to its longest."""
        texts = [] if self._ground.spare is None else self._ground.spare["text"].tolist()[:samples]
        if not texts:
            return None
        parts = [texts[start : start + batch] for start in range(0, len(texts), batch)]
        batches = tuple(self._encoder.encode(part, inputs).feeds for part in parts)
        return Unscored(batches, f"{len(texts)} texts of the data set, none of which is scored")

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """One vector for each text."""
        assert isinstance(batch.context, Encoded)  # noqa: S101 - `feeds` puts it there
        return {"embedding": pooled_output(batch, outputs, batch.context.mask, self._pooling)}

    @abstractmethod
    def _texts(self) -> Iterator[str]:
        """All texts, in the order in which they are fed."""

    @abstractmethod
    def chunks(self, kept: Iterable[Outputs]) -> Iterator[Chunk]:
        """See `Task.chunks`."""

    def label(self, code: int) -> str:
        """See `Task.label`."""
        return str(code)
