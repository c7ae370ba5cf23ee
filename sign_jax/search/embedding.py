"""What an index asks of a model: tokens of videos, and their score."""

from typing import Any, Protocol

from sign_jax.api import loading
from sign_jax.api import model as api_model
from sign_jax.api.retrieval import EncodedTexts, EncodedVideos, RetrievalModel
from sign_jax.api.sign_recognition import SignModel
from sign_jax.errors import UserError
from sign_jax.run.trained import Trained


class Embedding(Protocol):
  """A model whose videos can be kept and compared.

  `api.retrieval.RetrievalModel` is one: its index answers sentences and videos. So is
  `api.sign_recognition.SignModel`: its index is a dictionary, whose clips are single signs of one
  vector each, and which answers videos alone.

  Attributes:
    system: its system's name.
    trained: with a Flax module whose `score` takes variables, the tokens of A videos and of B
      queries, and gives (A, B) float32.
    variables: of this module, on the device.
    video_form: the tokens of one video, as a tree of jax.ShapeDtypeStruct (1, ...).
    windows: the most windows of a video whose times an index keeps.
  """

  system: str
  trained: Trained
  variables: Any
  video_form: Any
  windows: int

  def encode_videos(self, videos: Any, **options: Any) -> EncodedVideos:
    """The tokens of any number of videos."""

  def encode_texts(self, texts: Any) -> EncodedTexts:
    """The tokens of sentences; raises UserError where the model reads none."""


def of(model: Any) -> Embedding:
  """What `sign_jax.load` gives or takes, as a model that an index can be of.

  Raises:
    UserError: it is of a system that gives no such tokens.
  """
  found = model if isinstance(model, api_model.Model) else loading.load(model)
  if isinstance(found, RetrievalModel) or is_of_signs(found) and found.has_vectors:
    return found
  raise UserError(
      f"{found} gives nothing that a search compares: pass a run of a system that retrieves or, "
      "for a dictionary of signs, of nla_slr"
  )


def is_of_signs(model: Any) -> bool:
  """Whether an index of the model is a dictionary of single signs."""
  return isinstance(model, SignModel)
