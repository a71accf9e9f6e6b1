"""Data sets: examples of the user's, streamed, hashed, and cut into slices."""
