"""The poses that SEDS releases: of what pictures they are, and how its code reads them."""

from typing import NamedTuple

from sign_jax.data.hand_boxes import BOTTOM


class Released(NamedTuple):
  """The poses of a corpus.

  Attributes:
    image_size: (width, height) in pixels of the pictures that they were estimated on.
    bottom: px, see `hand_boxes.find`.
  """

  image_size: tuple
  bottom: int = BOTTOM


# How2Sign's pictures are CiCo's, of the signer alone. The code for PHOENIX has no rule on forearms
# near the bottom. SEDS has no poses of PHOENIX-2014: those are its released pictures.
CORPORA = {
  "how2sign": Released((256, 256)),
  "phoenix14": Released((210, 260), bottom=0),
  "phoenix14t": Released((210, 260), bottom=0),
  "csl_daily": Released((512, 512)),
}
