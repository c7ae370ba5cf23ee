"""What a configuration of spotting leaves open (None): how large things are for each encoder."""

import ml_collections

_OPEN = {  # by the encoder, of the simulator and then of other corpora
    "features": ({"archive": "small", "steps": 700, "batch_size": 128},) * 2,
    # Small enough for two cores. Films are 48 pixels wide, and a sign lasts twelve frames.
    "i3d": (
        {"archive": "study", "size": 32, "stride": 4, "steps": 1200, "batch_size": 16},
        {"size": 224, "stride": 1, "steps": 4000, "batch_size": 32},
    ),
}
_FINE_TUNED = {"steps": 0, "batch_size": 4}  # from weights of a file, as configs/sign_encoder.py


def fill(spotting: ml_collections.ConfigDict) -> None:
  """Gives values to what the section leaves open, in place; `steps` 0 goes by epochs."""
  values = dict(_OPEN[spotting.encoder][bool(spotting.captions)])
  if spotting.encoder == "i3d" and spotting.captions and spotting.weights:
    values |= _FINE_TUNED
  for key, value in values.items():
    if spotting[key] is None:
      spotting[key] = value


def configuration(spotting: ml_collections.ConfigDict) -> str:
  """The file of the configuration, FILE or FILE:DATASET, that encoders are trained by."""
  if spotting.encoder == "features":
    return "configs/feature_encoder.py"
  is_fine_tuned = spotting.captions and spotting.weights
  return f"configs/sign_encoder.py:{'how2sign' if is_fine_tuned else 'signing_sim'}"
