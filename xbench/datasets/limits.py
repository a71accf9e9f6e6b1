"""How much is read at most: data may come from strangers, and a few kilobytes can unpack to more than there is."""

MAX_EXAMPLES = 10_000_000
"""Examples of one data set. Each has a score, an id and a place in every slice, which are held in memory."""

MAX_LINE_BYTES = 16 * 2**20
"""One line of a JSONL file."""

MAX_ROW_BYTES = 2 * 2**20
"""One row of a CSV file. It is Arrow's block, of which it reads up to 32 ahead."""

MAX_BATCH_BYTES = 2**30
"""One column of one batch, unpacked."""

MAX_COLUMNS = 10_000
"""Columns of one data set."""

MAX_DEPTH = 8
"""Lists inside lists."""

MAX_JSON_BYTES = 16 * 2**20
"""The description of a Hugging Face dataset."""

MAX_ID_LENGTH = 200
"""Characters of the name of an example. The array of them is as wide as the longest."""

MAX_SLICES = 100
"""Values of a column that is sliced by."""

MAX_NAME_LENGTH = 100
"""Characters of a value that gives a slice its name."""

MAX_CLASSES = 100_000
"""Classes that have no names, only numbers."""
