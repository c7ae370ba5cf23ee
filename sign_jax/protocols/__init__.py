"""What the rooms know of each other: the training loop of a task, a task of a system."""

from sign_jax.protocols.kinds import (
    NO_KINDS,
    Batch,
    Inputs,
    Outcome,
    ParameterKinds,
    Place,
    Selection,
    Variables,
)
from sign_jax.protocols.recognizers import GlossRecognizer, Recognizer, Words
from sign_jax.protocols.systems import System, TextReader
from sign_jax.protocols.tasks import Task, Trainer

__all__ = [
    "Batch", "GlossRecognizer", "Inputs", "NO_KINDS", "Outcome", "ParameterKinds", "Place",
    "Recognizer", "Selection", "System", "Task", "TextReader", "Trainer", "Variables", "Words",
]  # fmt: skip
