"""Draws the signs of one simulated video: `python -m data_builders.signing_sim.preview`."""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from data_builders.signing_sim import corpus, render  # noqa: E402
from sign_jax.files import path_argument


def draw(video, path, size=300):
  """Writes a row of pictures, one in the middle of every sign, with glosses and sentence.

  Args:
    video: `corpus.Video`.
    path: of the picture.
    size: height and width of one frame, in pixels.
  """
  example = corpus.example(video, corpus.SMALL)
  glosses, spans = example["glosses"].split(), example["gloss_spans"]
  points, _ = corpus.simulate(video, corpus.SMALL)  # the record's poses have noise and gaps
  frames = render.frames(points[spans.mean(axis=1).astype(int)], size)
  figure, axes = plt.subplots(1, len(glosses), figsize=(1.7 * len(glosses), 2.3), squeeze=False)
  for axis, frame, gloss, (first, last) in zip(axes[0], frames, glosses, spans, strict=True):
    axis.imshow(frame)
    axis.set_title(gloss, fontsize=9)
    axis.set_xlabel(f"frames {first}-{last}", fontsize=7)
    axis.set(xticks=[], yticks=[])
  figure.suptitle(f"{example['text']}  ({example['video_id']}, {example['signer']})", fontsize=10)
  figure.tight_layout()
  figure.savefig(path, dpi=110)
  plt.close(figure)


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(prog="python -m data_builders.signing_sim.preview")
  parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
  parser.add_argument("--index", type=int, default=0, help="of the video in the split")
  parser.add_argument("--out", default="signing_sim.png", type=path_argument)
  args = parser.parse_args(argv)
  videos = corpus.videos(corpus.SMALL)[args.split]
  if not 0 <= args.index < len(videos):
    parser.error(f"--index must be from 0 to {len(videos) - 1}")
  try:
    draw(videos[args.index], args.out)
  except (OSError, ValueError) as error:
    parser.error(f"--out {args.out} cannot be written: {error}")
  print(f"wrote {args.out}")


if __name__ == "__main__":
  main()
