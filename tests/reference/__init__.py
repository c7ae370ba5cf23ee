"""The released computation in PyTorch, compact: to compare numbers and speed with."""
