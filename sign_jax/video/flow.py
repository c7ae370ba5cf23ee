"""Optical flow: how far each pixel moves from one frame to the next."""

import numpy as np

from sign_jax.errors import UserError

# What OpenCV's DIS needs of the longer side of a picture.
LEAST_SIDE = 12


def fields(frames):
  """The fields of `stream`, stacked.

  Args:
    frames: (T, H, W, 3) uint8 RGB, T at least 1, or an iterable of (H, W, 3).

  Returns:
    (T, H, W, 2) float32: pixels to the right and pixels down.

  Raises:
    UserError: as `stream`, and where there are no frames.
  """
  found = list(stream(frames))
  if not found:
    raise UserError("optical flow of no frames was asked for: pass at least one")
  return np.stack(found)


def stream(frames):
  """Optical flow from each frame to the next, with two frames in memory at a time.

  OpenCV's DIS ("Fast Optical Flow using Dense Inverse Search", Kroeger et al., 2016) with its
  preset "medium", on grey pictures of the frames' own size. One thread computes it, whatever the
  machine has; work is shared by videos.

  Args:
    frames: iterable of (H, W, 3) uint8 RGB, all of one size.

  Yields:
    (H, W, 2) float32 for each frame: pixels to the right and pixels down. The last frame has the
    field of the one before it, the only frame of a video zeros.

  Raises:
    UserError: OpenCV is not installed, frames are too small for it, or differ in size.
  """
  library = _library()
  dis = library.DISOpticalFlow_create(library.DISOPTICAL_FLOW_PRESET_MEDIUM)
  before, field = None, None
  for frame in frames:
    grey = _grey(library, frame)
    if before is not None:
      if grey.shape != before.shape:
        raise UserError(
            f"a frame of {_size(grey)} pixels follows one of {_size(before)}: optical flow needs "
            "frames of one size, make them so"
        )
      field = _field(library, dis, before, grey)
      yield field
    before = grey
  if before is not None:
    yield np.zeros((*before.shape, 2), np.float32) if field is None else field.copy()


def _field(library, dis, before, grey):
  try:
    return dis.calc(before, grey, None)
  except library.error as error:  # of pictures that are too narrow for its patches
    raise UserError(
        f"OpenCV finds no optical flow between frames of {_size(grey)} pixels: use larger ones"
    ) from error


def version():
  """OpenCV's version; raises `UserError` where it is not installed."""
  return _library().__version__


def _library():
  try:
    import cv2
  except ImportError as error:
    raise UserError(
        "optical flow needs OpenCV: install it with `pip install -e '.[flow]'` in the checkout"
    ) from error
  cv2.setNumThreads(1)  # how DIS divides a picture goes by their number
  return cv2


def _grey(library, frame):
  frame = np.ascontiguousarray(frame)
  if max(frame.shape[:2]) < LEAST_SIDE:
    raise UserError(
        f"a frame has {_size(frame)} pixels: optical flow needs at least {LEAST_SIDE} one way"
    )
  return library.cvtColor(frame, library.COLOR_RGB2GRAY)


def _size(picture):
  return f"{picture.shape[1]} x {picture.shape[0]}"
