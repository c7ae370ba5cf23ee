"""A split without rows, for programs that only need to know how large one is."""

import numpy as np


class SplitSizes:
  """Stands in for `source.RetrievalSplit`: it has sizes and no rows."""

  left_out, poses = {}, None

  def __init__(self, sentences, dim):
    """Sets as many videos as sentences, and `dim` channels of the features of both streams."""
    self.num_sentences = self.num_videos = sentences
    self.dims = {"agnostic": dim, "aware": dim}
    self.dtypes = dict.fromkeys(self.dims, np.dtype(np.float16))
