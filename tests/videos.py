"""Renders small videos for tests."""

import av
import numpy as np
from PIL import Image

FORMATS = {".ogv": "ogg"}  # of extensions that say none, or one with other codecs


def render(
  path, num_frames, size=(48, 64), codec="mpeg4", seed=0, title="", gop_size=None, **options
):
  """Writes a video of coloured noise that drifts, 25 frames per second; returns `path`."""
  height, width = size
  rng = np.random.default_rng(seed)
  picture = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
  picture = picture.repeat(8, axis=0).repeat(8, axis=1)
  path.parent.mkdir(parents=True, exist_ok=True)
  with av.open(str(path), "w", FORMATS.get(path.suffix), options=options) as container:
    stream = container.add_stream(codec, rate=25)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.gop_size = gop_size or stream.codec_context.gop_size
    container.metadata["title"] = title
    for index in range(num_frames):
      frame = av.VideoFrame.from_ndarray(np.roll(picture, index, axis=1), format="rgb24")
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
  return path


def render_constant(path, colors, size=(48, 64), codec="mpeg4", gop_size=None):
  """Writes one frame of each RGB colour, 25 frames per second."""
  with av.open(str(path), "w", FORMATS.get(path.suffix)) as container:
    stream = container.add_stream(codec, rate=25)
    stream.codec_context.gop_size = gop_size or stream.codec_context.gop_size
    stream.height, stream.width = size
    stream.pix_fmt = "yuv420p"
    for color in colors:
      pixels = np.broadcast_to(np.array(color, np.uint8), (*size, 3))
      frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
  return path


def picture_folder(path, frames, name="images{:04d}.png"):
  """Writes (H, W, 3) uint8 frames as pictures, counted from 1; returns `path`."""
  path.mkdir(parents=True)
  for number, frame in enumerate(frames, 1):
    Image.fromarray(frame).save(path / name.format(number))
  return path


def truncate(path, share):
  """Keeps the first `share` of a file's bytes."""
  content = path.read_bytes()
  path.write_bytes(content[: int(len(content) * share)])
