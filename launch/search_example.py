"""The search of an archive from its films to a page in the browser, on the simulator.

    python -m launch.search_example --folder runs/search

Films weather forecasts, most of them with subtitles; trains a sign encoder on the places of the
signs in those, extracts sign features, trains a retrieval system (CiCo) on the sentences of the
subtitles, and indexes all films. Everything that is found comes from the films' pixels. At the end
stand what a sentence finds, how often the sentences of the films without subtitles are found at
their place, and the address of the page (until Ctrl-C). --no_page stops before the page.

The same command resumes: what is done stays. The programs' own output is in log.txt; `settings/`
notes what each result was made with, and results of other settings are refused.

    archive/films/          *.mp4, and *.vtt beside those with subtitles
    archive/captions.csv    the place of every sentence in the films
    encoder/                the run of the sign encoder
    dataset/                features of the sentences, and the data set built from them
    retrieval/              the run of the retrieval system
    index/                  what is searched
"""

import argparse
import sys
from typing import NamedTuple

from tqdm import tqdm

from data_builders.signing_sim import broadcasts
from launch import notes, search_truth, search_videos, stages
from sign_jax.api import loading
from sign_jax.data import clip_table
from sign_jax.errors import crash_status, one_sentence
from sign_jax.files import path_argument, replacing
from sign_jax.run import compile_cache
from sign_jax.search import report
from sign_jax.search.index import Index
from sign_jax.train.report import RESULTS, write_json

_ENCODER_CONFIG, _RETRIEVAL_CONFIG = "configs/sign_encoder.py:signing_sim", "configs/cico.py:{}"
_DATASET = "video_folder"
_BATCH = 32  # windows that the encoder reads at once


class Size(NamedTuple):
  """How large an example is.

  Attributes:
    films: a key of `broadcasts.CONFIGS`.
    pixels: height and width of the films.
    stride: frames from one window of the features to the next.
    encoder, retrieval: settings of the two trainings.
  """

  films: str
  pixels: int
  stride: int
  encoder: dict[str, object]
  retrieval: dict[str, object]


SIZES = {
    "example": Size(
        "example", 256, 3,
        {"data.size": 32, "batch_size": 16, "steps": 2000, "eval_every": 500, "log_every": 25},
        {
            "batch_size": 64, "eval_batch_size": 32, "steps": 200,
            "eval_every": 200,  # 24 validation sentences are all found long before
            "data.video_length": 32, "data.text_length": 20,
        },
    ),
    "tiny": Size(
        "tiny", 32, 16,
        {
            "data.size": 32, "batch_size": 4, "eval_batch_size": 16, "steps": 2, "eval_every": 2,
            "model.width": 0.0625,
        },
        {
            "batch_size": 4, "eval_batch_size": 8, "steps": 2, "eval_every": 2,
            "data.video_length": 8, "data.text_length": 12,
        },
    ),
}  # fmt: skip


class Example(stages.Stages):
  """The steps, each of which is skipped where its result is there."""

  def __init__(self, root, size="example"):
    super().__init__(root)
    self.size = SIZES[size]
    self.archive = root / "archive"
    self.films, self.captions = self.archive / "films", self.archive / broadcasts.CAPTIONS
    self.encoder, self.retrieval = root / "encoder", root / "retrieval"
    self.dataset, self.index = root / "dataset", root / "index"

  def steps(self):
    """[(what a progress bar calls it, function)]."""
    return [
        ("films", self.film), ("sign encoder", self.train_encoder), ("features", self.extract),
        ("data set", self.build), ("retrieval", self.train_retrieval), ("index", self.fill_index),
    ]  # fmt: skip

  def film(self):
    """The films, subtitles of most, and tables of what is signed in all of them."""
    self.run(
        self.captions, "data_builders.signing_sim.broadcasts", "--out", self.archive,
        "--config", self.size.films, "--size", self.size.pixels,
    )

  def rows(self):
    """The sentences of all films, `clip_table.Row`s."""
    return clip_table.read(self.captions, ("video", "sentence")).rows

  def train_encoder(self):
    """The sign encoder, from random weights, on the signs of the films with subtitles."""
    labels = self.archive / broadcasts.SIGNS
    settings = {"data.labels": labels, "data.videos": self.films, "quick_compile": True}
    self._train(
        _ENCODER_CONFIG, self.encoder, settings | self.size.encoder, [labels, self.captions])

  def extract(self):
    """Features of the sentences."""
    self.dataset.mkdir(exist_ok=True)
    with replacing(self.dataset / "captions.csv") as partial:
      partial.write_bytes(self.captions.read_bytes())
    out = self.dataset / "features"
    self.run(
        self.dataset / "extracted", "sign_jax.extract", *self._videos(), "--csv", self.captions,
        "--out", out, made_from=[self.note(self.encoder / RESULTS), self.captions], is_marked=True,
    )

  def build(self):
    """The data set of these, which itself knows whether what is there was built from them."""
    self.start(
        "data_builders.build", _DATASET, "--manual_dir", self.dataset, "--data_dir", self._data_dir)

  def train_retrieval(self):
    """The retrieval system."""
    self._train(
        _RETRIEVAL_CONFIG.format(_DATASET), self.retrieval,
        {"data.data_dir": self._data_dir, **self.size.retrieval},
        data=notes.data_fingerprint(_DATASET, self._data_dir),
    )

  def fill_index(self):
    """The index of all films; one that is begun is gone on with."""
    self.run(
        self.root / "indexed", "sign_jax.search", "build", "--index", self.index,
        "--workdir", self.retrieval, *self._videos(), is_marked=True,
        made_from=[self.note(self.encoder / RESULTS), self.note(self.retrieval / RESULTS)],
    )

  def start(self, *command):
    """As all stages; an index is made once, and then added to."""
    if command[:2] == ("sign_jax.search", "build") and (self.index / "manifest.json").exists():
      command = ("sign_jax.search", "add", *command[2:])
    super().start(*command)

  @property
  def _data_dir(self):
    return self.dataset / "tfds"

  def _videos(self):
    return (
        "--videos", self.films, "--weights", self.encoder, "--stride", self.size.stride,
        "--batch_size", _BATCH,
    )  # fmt: skip

  def _train(self, config, workdir, settings, made_from=(), **facts):
    flags = [f"--config.{key}={value}" for key, value in settings.items()]
    self.run(
        workdir / RESULTS, "sign_jax.main", "--config", config, "--workdir", workdir, *flags,
        made_from=made_from, configuration=notes.configuration_digest(config), **facts,
    )


def conclude(example: Example) -> str:
  """Searches for all sentences of the films without subtitles.

  Returns:
    What one of them finds, and how many are found where they are signed.
  """
  rows = example.rows()
  wanted = [row for row in rows if row.split not in broadcasts.WITH_SUBTITLES]
  index = Index.open(example.index, loading.load(example.retrieval))
  answers = index.search([row.sentence for row in wanted], k=search_truth.MOST)
  found = search_truth.measure(wanted, answers, search_truth.seconds(rows))
  write_json(example.root / RESULTS, found)
  films, silent = (len({row.video for row in x}) for x in (rows, wanted))
  shown = next((n for n, x in enumerate(wanted) if search_truth.rank(x, answers[n]) == 1), 0)
  return "\n".join([
      f"{films} films with {len(rows)} sentences; {silent} films with {len(wanted)} sentences "
      "have no subtitles, and nothing was trained on them", "",
      *report.table(answers[shown]), f"  {search_truth.place(wanted[shown])}", "",
      *search_truth.table(found),
  ])  # fmt: skip


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(
      prog="python -m launch.search_example", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("--folder", default="runs/search", type=path_argument,
                      help="receives everything (default: runs/search)")  # fmt: skip
  parser.add_argument("--size", default="example", choices=SIZES, help="tiny is for tests")
  search_videos.add_page(parser)
  args = parser.parse_args(argv)
  with one_sentence():
    example = Example(args.folder.absolute(), args.size)
    with tqdm(example.steps(), unit="step") as bar:
      for name, step in bar:
        bar.set_description(name)
        step()
    compile_cache.enable()
    text = conclude(example)
    print(text)
    (example.root / "table.txt").write_text(text + "\n")
  if not args.no_page:
    search_videos.serve(example.index, example.retrieval, example.films, args.port)


if __name__ == "__main__":
  with crash_status(), one_sentence():
    main(sys.argv[1:])
