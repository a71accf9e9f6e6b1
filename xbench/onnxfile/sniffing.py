"""Knows by their first bytes the files that are mistaken for ONNX."""

from __future__ import annotations

from typing import NamedTuple

EXPORT = "export the model to ONNX first"


class Guess(NamedTuple):
    """What a file is, and what to do about it."""

    found: str
    remedy: str


_BY_START = (
    (
        b"version https://git-lfs.github.com/spec/",
        Guess("this is a Git LFS pointer, not the model itself", "run `git lfs pull` in its repository"),
    ),
    (b"PK\x03\x04", Guess("it is a zip archive: a PyTorch checkpoint (.pt, .pth) or an .npz", EXPORT)),
    (b"\x1f\x8b", Guess("it is compressed with gzip", "unpack it first")),
    (b"\x89HDF", Guess("it is an HDF5 file (Keras)", EXPORT)),
    (b"GGUF", Guess("it is a GGUF file (llama.cpp)", EXPORT)),
)
_PICKLE_PROTOCOLS = range(2, 6)


def what_it_is(content: bytes) -> Guess | None:
    """The known kind of a file that is not ONNX; None where the bytes may be ONNX."""
    for start, guess in _BY_START:
        if content.startswith(start):
            return guess
    text = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return Guess("it is a web page or XML, not a model", "download the file itself, not the page about it")
    # Safetensors: eight bytes of length, then JSON.
    if content[8:10] in (b'{"', b"{}", b"{ "):
        return Guess("it is a .safetensors file: weights without a graph", EXPORT)
    if content[:1] == b"\x80" and content[1:2] and content[1] in _PICKLE_PROTOCOLS:
        return Guess("it is a Python pickle (an old PyTorch checkpoint)", EXPORT)
    if content[4:8] == b"TFL3":
        return Guess("it is a TensorFlow Lite file", EXPORT)
    if content[4:8] == b"ORTM":
        return Guess("it is ONNX Runtime's own .ort format", "name the .onnx file that it was made from")
    return None
