"""Of which model an index is: what its scores depend on beside the clips and the sentence."""

import hashlib
import json

from sign_jax.errors import UserError
from sign_jax.run import settings
from sign_jax.search.embedding import Embedding
from sign_jax.train import digest

_SYSTEM, _WEIGHTS, _SETTINGS = "system", "weights", "settings"
# Of the section `data`: how videos and sentences become what a model of a task reads.
_DATA = {
    "retrieval": (
        "video_length", "text_length", "alpha", "combine", "image_size", "max_frames",
        "bottom_margin", "hand_boxes",
    ),
    "recognition": ("frames", "size_stored", "size", "heatmap_size", "crops"),
}  # fmt: skip


def of(model: Embedding) -> dict[str, str]:
  """The system's name, a digest of the weights and one of the settings; {name: text}."""
  run = model.trained
  weights = run.record.get("digest") or digest.of_arrays(run.variables)
  flat = settings.flat(run.config.to_dict())
  free = settings.free_keys(flat)
  wanted = {f"data.{name}" for name in _DATA[run.system.task]}
  used = {
      key: value for key, value in flat.items()
      if key in wanted or key.startswith("model.") and key not in free
  }  # fmt: skip
  text = json.dumps(used, sort_keys=True, default=str)
  return {
      _SYSTEM: run.system.name, _WEIGHTS: str(weights),
      _SETTINGS: hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
  }


def check(noted: dict[str, str], model: Embedding, folder: object) -> None:
  """Raises UserError where an index is of another model."""
  own = of(model)
  different = [name for name in own if noted.get(name) != own[name]]
  if different:
    raise UserError(
        f"{folder} was made with a model of other {' and '.join(different)} than "
        f"{model.trained.workdir} has: pass the run that it was made with, or build it anew"
    )
