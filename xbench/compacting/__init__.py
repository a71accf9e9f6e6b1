"""Takes out of an ONNX file what is only zeroed: channels, neurons and heads that nobody would miss."""
