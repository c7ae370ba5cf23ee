"""A trained recognition model of features: each window of a video to a sign."""

from typing import Any

from sign_jax.api import recognized, videos
from sign_jax.api.recognized import Recognized
from sign_jax.encoder.feature_encoder import FeatureEncoder
from sign_jax.run import trained


class FeatureModel(recognized.NamingModel):
  """A model that recognises signs in features of windows.

  Attributes:
    labels: names of the classes, None where they are not known.
    encoder: `encoder.feature_encoder.FeatureEncoder`, which gives the embeddings too.
  """

  does = "recognize signs in features"

  def __init__(self, found: trained.Trained, labels: list[str] | None = None) -> None:
    super().__init__(found, labels)
    self.encoder = FeatureEncoder(found)

  def recognize(self, video: Any, top: int = 5, **options: Any) -> Recognized:
    """The signs that windows show.

    Args:
      video: features of n windows, (n, D) float.
      top: how many signs are named for each window, at most the number of classes.

    Returns:
      `Recognized`, without seconds.

    Raises:
      UserError: features of another form.
    """
    recognized.check_counts(top=top)
    features = videos.array_of(video, "video")
    return self._named(self.encoder(features).probabilities, top, None)
