"""Which sparsity is in an ONNX file, and what it can be worth on which target."""
