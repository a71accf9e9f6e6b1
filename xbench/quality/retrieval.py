"""Retrieval by text embeddings: recall at 1 and mean reciprocal rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, InvalidError
from ..protocols import Feeds, Outputs, all_finite
from .docstrings import TextPairs
from .tasks import Scores, Unscored, first_output

# Inputs of text models, and what the tokenizer calls them.
_SOURCES = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


def reciprocal_ranks(similarity: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """1 / rank of the right document for each query. `similarity`: shape (n, n); right is the diagonal.

    A document that is as similar as the right one counts as ranked before it: ties are never in one's favour.
    Raises InvalidError for NaN and infinity.
    """
    if not all_finite(similarity):
        raise InvalidError("The similarities of texts are not finite", "vectors overflow when they are pooled")
    right = np.diag(similarity)[:, None]
    better = (similarity >= right).sum(axis=1)
    ranks: NDArray[np.float64] = better.astype(np.float64)
    return np.reciprocal(ranks)


def pool(vectors: NDArray[Any], mask: NDArray[Any], how: str) -> NDArray[np.float32]:
    """One vector of length 1 for each text. `vectors`: (batch, tokens, width); `mask`: (batch, tokens)."""
    if how == "cls":
        pooled = vectors[:, 0].astype(np.float32)
    else:
        weights = mask[..., None].astype(np.float32)
        pooled = (vectors * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    norms = np.linalg.norm(pooled, axis=1, keepdims=True)
    return np.asarray(pooled / np.maximum(norms, 1e-12), dtype=np.float32)


class RetrievalTask:
    """Queries first, documents after them; similarity is the cosine."""

    metrics: tuple[str, ...] = ("recall_at_1", "mrr")
    sample_inputs: Mapping[str, str] = dict.fromkeys(_SOURCES, "int64")

    def __init__(self, pairs: TextPairs, tokenizer: Path, max_length: int, batch: int, pooling: str) -> None:
        self.dataset_sha256 = pairs.sha256
        self._pairs = len(pairs.queries)
        self._pooling = pooling
        texts = [*pairs.queries, *pairs.documents]
        encoder = self._encoder = _tokenizer(tokenizer, max_length)
        self._unscored = pairs.unscored
        self._encoded = [encoder.encode_batch(texts[start : start + batch]) for start in range(0, len(texts), batch)]
        self.batches = len(self._encoded)

    def feeds(self, inputs: Mapping[str, str]) -> Iterator[Feeds]:
        """Token ids, mask and segment ids, padded to the longest text of the batch."""
        for batch in self._encoded:
            yield _fed(batch, inputs)

    def unscored(self, inputs: Mapping[str, str], samples: int, batch: int) -> Unscored | None:
        """Other texts of the same kind, queries and documents in turn, each batch padded to its longest."""
        texts = self._unscored[:samples]
        if not texts:
            return None
        encoded = (self._encoder.encode_batch(texts[start : start + batch]) for start in range(0, len(texts), batch))
        batches = tuple(_fed(one, inputs) for one in encoded)
        return Unscored(batches, f"{len(texts)} texts of the data set, none of which is scored")

    def reduce(self, batch: int, outputs: Outputs) -> Outputs:
        """One vector for each text."""
        mask = np.asarray([text.attention_mask for text in self._encoded[batch]])
        vectors = first_output(outputs)
        if vectors.ndim != 3 or vectors.shape[:2] != mask.shape:
            raise InvalidError(
                "The retrieval task needs token vectors as the first output, shape (batch, tokens, width)",
                f"the model gave {vectors.shape} for {mask.shape} tokens",
            )
        return {"pooled": pool(vectors, mask, self._pooling)}

    def score(self, kept: Sequence[Outputs]) -> Scores:
        """Recall at 1 (0 or 1) and reciprocal rank of each query."""
        embedded = np.concatenate([batch["pooled"] for batch in kept])
        ranks = reciprocal_ranks(embedded[: self._pairs] @ embedded[self._pairs :].T)
        return {"recall_at_1": (ranks == 1.0).astype(np.float64), "mrr": ranks}


def _fed(encoded: Sequence[Any], inputs: Mapping[str, str]) -> Feeds:
    """One batch of encoded texts as the model's inputs. Raises InputError for an input that no tokenizer makes."""
    unknown = sorted(set(inputs) - set(_SOURCES))
    if unknown:
        asked = f"The retrieval task cannot feed the input {unknown[0]!r}"
        raise InputError(asked, f"it knows {', '.join(_SOURCES)}")
    return {
        name: np.asarray([getattr(text, _SOURCES[name]) for text in encoded], dtype=dtype)
        for name, dtype in inputs.items()
    }


def _tokenizer(folder: Path, max_length: int) -> Any:
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise InputError(
            f"The retrieval task needs a tokenizer, and {file} does not exist", "", "set evaluate.tokenizer"
        )
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise InputError(
            "The retrieval task needs the package tokenizers", "", "pip install 'xbench[optimum]'"
        ) from error
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(max_length)
    tokenizer.enable_padding()
    return tokenizer
