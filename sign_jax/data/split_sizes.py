"""A split without rows, for programs that only need to know how large one is."""

import numpy as np

from sign_jax.data import streams


class SplitSizes:
  """Stands in for `source.RetrievalSplit`: it has sizes and no rows."""

  left_out, poses = {}, None

  def __init__(self, sentences, dim, combine="sum"):
    """Sets as many videos as sentences, and `dim` channels of the streams that are combined.

    Raises:
      UserError: `combine` is no way to do so, see `streams.parse`.
    """
    self.num_sentences = self.num_videos = sentences
    self.dims = dict.fromkeys(streams.parse(combine)[1] or streams.TWO, dim)
    self.dtypes = dict.fromkeys(self.dims, np.dtype(np.float16))
