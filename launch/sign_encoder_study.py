"""Measures whether a domain-aware sign encoder helps, on simulated videos.

    python -m launch.sign_encoder_study --workdir runs/sign_encoder

Renders a source and a target corpus, trains an I3D on the source (the domain-agnostic encoder),
labels the target's training videos with it, fine-tunes a copy on these pseudo-labels (the aware
encoder), extracts features with both, and trains CiCo on either stream and on their sum. The same
command resumes. `settings/` notes what each result was made with; results that were made with other
settings are refused, and so is what followed from them. The agnostic encoder is trained once; seeds
are those of fine-tuning and retrieval. Writes table.txt.
"""

import argparse
import os
import shutil
import statistics

from tqdm import tqdm

from launch import notes, stages
from sign_jax.errors import one_sentence
from sign_jax.files import path_argument
from sign_jax.untrusted import csv_table

SIZE, VIDEO_SIZE = 48, 80  # of the encoders' frames and of the rendered videos, pixels
STRIDE = 4  # of the features; the labels' is half
COMBINE = ("agnostic", "aware", "sum")
COLUMNS = ("t2v/R@1", "t2v/R@5", "t2v/MnR", "v2t/R@1", "v2t/R@5")
ENCODER = {"data.size": SIZE, "log_every": 25}
FINE_TUNING = {"steps": 400, "eval_every": 100, "optim.lr": 1e-3}
RETRIEVAL = {
    "batch_size": 64, "eval_batch_size": 50, "steps": 300, "eval_every": 50,
    "data.video_length": 20, "data.text_length": 20, "data.alpha": 0.5,
}


class Study(stages.Stages):
  """The steps, each of which is skipped when its result is there."""

  def __init__(self, root, config="study"):
    super().__init__(root)
    self.config = config
    self.source, self.target = root / "source", root / "target"
    self.agnostic, self.labels = root / "agnostic.safetensors", root / "labels.csv"

  def render(self):
    """Videos of both corpora."""
    for look, folder in (("source", self.source), ("warm", self.target)):
      self.run(
          folder / "classes.txt", "data_builders.signing_sim.videos", "--out", folder,
          "--config", self.config, "--look", look, "--size", VIDEO_SIZE,
      )

  def train_agnostic(self, extra=()):
    """The encoder that knows the source alone."""
    workdir = self.root / "agnostic"
    self._train_encoder(workdir, self.source / "signs.csv", self.source, {}, extra)
    self.run(
        self.agnostic, "sign_jax.export", "--workdir", workdir, "--out", self.agnostic,
        made_from=[self.note(workdir / "results.json")],
    )

  def label(self):
    """Pseudo-labels of the target's training videos."""
    self.run(
        self.labels, "sign_jax.pseudo_labels", *self._videos(), "--weights", self.agnostic,
        "--out", self.labels, "--size", SIZE, "--stride", STRIDE // 2, "--batch_size", 32,
        "--extend", "nearest", "--classes", self.source / "classes.txt",
        made_from=[self.agnostic, self.source / "classes.txt", *self._corpus(self.target)],
    )

  def fine_tune(self, seed, extra=()):
    """The aware encoder of a seed."""
    settings = {**FINE_TUNING, "init.i3d": self.agnostic, "seed": seed}
    self._train_encoder(self._aware(seed), self.labels, self.target, settings, extra)

  def extract(self, seed):
    """Features of both encoders, where `video_folder` looks for them."""
    manual = self._manual(seed)
    manual.mkdir(parents=True, exist_ok=True)
    shutil.copy(self.target / "captions.csv", manual)
    shared = self.root / "features"
    aware = self.note(self._aware(seed) / "results.json")
    for weights, made_from, out in (
        (self.agnostic, self.agnostic, shared),
        (self._aware(seed), aware, manual / "features_aware"),
    ):
      self.run(
          out / "complete", "sign_jax.extract", *self._videos(), "--weights", weights, "--out", out,
          "--size", SIZE, "--stride", STRIDE, "--batch_size", 32,
          made_from=[made_from, *self._corpus(self.target)],
      )
      (out / "complete").touch()
    if not (manual / "features").exists():
      (manual / "features").symlink_to(os.path.relpath(shared, manual))

  def train_retrieval(self, seed, combine, extra=()):
    """CiCo on one stream, or on the sum."""
    data_dir = self._manual(seed) / "tfds"
    self.start(  # which itself knows whether what is there was built from the same files
        "data_builders.build", "video_folder", "--manual_dir", self._manual(seed),
        "--data_dir", data_dir,
    )
    settings = {
        **RETRIEVAL, "data.data_dir": data_dir, "data.combine": combine, "seed": seed,
    }
    self._train(
        "configs/cico.py:video_folder", self.retrieval(seed, combine), settings, extra,
        data=notes.data_fingerprint("video_folder", data_dir),
    )

  def retrieval(self, seed, combine):
    """The workdir of a retrieval run."""
    return self.root / f"seed{seed}" / combine

  def _aware(self, seed):
    return self.root / f"seed{seed}" / "encoder"

  def _manual(self, seed):
    return self.root / f"seed{seed}" / "dataset"

  def _videos(self):
    return "--videos", self.target / "videos", "--csv", self.target / "captions.csv"

  def _train_encoder(self, workdir, labels, corpus, settings, extra):
    made_from = [labels, *self._corpus(corpus)]
    if weights := settings.get("init.i3d"):
      made_from.append(weights)
    settings = {**ENCODER, "data.labels": labels, "data.videos": corpus / "videos", **settings}
    self._train("configs/sign_encoder.py:signing_sim", workdir, settings, extra, made_from)

  def _train(self, config, workdir, settings, extra, made_from=(), **facts):
    flags = [f"--config.{key}={value}" for key, value in settings.items()]
    self.run(
        workdir / "results.json", "sign_jax.main", "--config", config, "--workdir", workdir, *flags,
        *extra, made_from=made_from, configuration=notes.configuration_digest(config), **facts,
    )

  def _corpus(self, folder):
    """Files that tell a rendered corpus from another one."""
    return folder / "settings.json", folder / "captions.csv"


def label_accuracy(labels, signs):
  """Compares pseudo-labels with the simulator's truth.

  Args:
    labels, signs: rows of tables with video, start, end and label, all texts.

  Returns:
    (share, of the labels, of those that name the sign whose middle is nearest to theirs; share of
    those whose class is signed at a middle inside the label's segment).
  """
  by_video = {}
  for row in signs:
    middle = (float(row["start"]) + float(row["end"])) / 2
    by_video.setdefault(row["video"], []).append((middle, row["label"]))
  nearest = inside = 0
  for row in labels:
    start, end = float(row["start"]), float(row["end"])
    truth = by_video[row["video"]]
    nearest += min(truth, key=lambda sign: abs(sign[0] - (start + end) / 2))[1] == row["label"]
    inside += any(start <= middle < end and name == row["label"] for middle, name in truth)
  return nearest / len(labels), inside / len(labels)


def _rows(path):
  return [row for _, row in csv_table.read(path, ("video", "start", "end", "label"))]


def _cell(numbers):
  text = f"{statistics.mean(numbers):.1f}"
  return f"{text} ± {statistics.stdev(numbers):.1f}" if len(numbers) > 1 else text


def table(study, seeds):
  """The study's results as a text."""
  labels, signs = _rows(study.labels), _rows(study.target / "signs.csv")
  source = study.results(study.root / "agnostic")
  videos = len({row["video"] for row in signs if row["split"] == "train"})
  nearest, inside = label_accuracy(labels, signs)
  lines = [
      f"agnostic encoder on its own domain, unseen sentences: top-1 {source['test/top1']:.1f} %",
      f"{len(labels)} pseudo-labels in {videos} videos, of {len({x['label'] for x in labels})} "
      f"classes; the nearest sign: {100 * nearest:.1f} %, signed inside: {100 * inside:.1f} %",
      f"{'test split':12}" + "".join(f"{column:>14}" for column in COLUMNS),
  ]
  for combine in COMBINE:
    found = [study.results(study.retrieval(seed, combine)) for seed in seeds]
    cells = (_cell([numbers[f"test/{column}"] for numbers in found]) for column in COLUMNS)
    lines.append(f"{combine:12}" + "".join(f"{cell:>14}" for cell in cells))
  return "\n".join([*lines, f"mean ± standard deviation over seeds {', '.join(map(str, seeds))}"])


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(
    prog="python -m launch.sign_encoder_study", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("--workdir", default="runs/sign_encoder", type=path_argument,
                      help="folder of the study")  # fmt: skip
  parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2],
                      help="of fine-tuning and retrieval")  # fmt: skip
  parser.add_argument("--config", default="study", help="size of the corpora: tiny, study, small")
  args = parser.parse_args(argv)
  study = Study(args.workdir.absolute(), args.config)
  steps = [study.render, study.train_agnostic, study.label]
  for seed in args.seeds:
    steps += [lambda seed=seed: study.fine_tune(seed), lambda seed=seed: study.extract(seed)]
    steps += [
        lambda seed=seed, combine=combine: study.train_retrieval(seed, combine)
        for combine in COMBINE
    ]
  with one_sentence():
    for step in tqdm(steps, unit="step"):
      step()
    text = table(study, args.seeds)
    print(text)
    (study.root / "table.txt").write_text(text + "\n")


if __name__ == "__main__":
  main()
