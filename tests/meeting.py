"""Meets the other processes that the environment names: `python -m tests.meeting`."""

from sign_jax.errors import one_sentence
from sign_jax.train import distributed

if __name__ == "__main__":
  with one_sentence():
    distributed.start()
