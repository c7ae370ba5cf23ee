"""The rounds, and then retrieval on the last encoder's features: CM, SR and both."""

from data_builders.signing_sim import archive as simulator
from launch import notes
from launch.spotting.rounds import DONE, RETRIEVED, Rounds
from sign_jax.data import pipeline
from sign_jax.files import link, user_path
from sign_jax.run import settings
from sign_jax.train import report
from sign_jax.untrusted import budget

# Of this program, or of stages before the run that reads the features.
_NOT_OF_RETRIEVAL = (
    "spotting.", "fusion.", "sr.", "data.name", "data.data_dir", "data.alignment",
    "model.text.lemmas",
)


class Retrieval(Rounds):
  """All stages; arguments as of `Rounds`, and those of the command line.

  `file` is that of the configuration, FILE or FILE:DATASET; `flags` are --config.KEY=VALUE.
  """

  def __init__(self, root, config, given, file, flags):
    super().__init__(root, config, given)
    self._file = file
    name = lambda flag: flag.removeprefix("--config.")
    self._flags = [x for x in flags if not name(x).startswith(_NOT_OF_RETRIEVAL)]
    self.dataset, self.cm = root / "dataset", root / "cm"

  def simulate(self):
    """Writes the simulator's archive."""
    folder = self.given.captions.parent
    self.run(
        folder / DONE, "data_builders.signing_sim.archive", "--out", folder,
        "--config", self.spotting.archive, "--seed", self.config.seed,
        *(["--long"] if self.config.data.alignment == "speech" else []), *self._films(),
        products=[folder], is_marked=True,
    )

  def _films(self):
    if self.encoder == "features":
      return ()
    videos = simulator.corpus.videos(simulator.CONFIGS[self.spotting.archive])
    return "--films", sum(map(len, videos.values()))

  def build(self):
    """The data set of the last encoder's features."""
    self.dataset.mkdir(parents=True, exist_ok=True)
    features = self.folder(0, joint=False) / "features" / RETRIEVED
    for name, place in (("captions.csv", self.retrieved[0]), ("features", features)):
      link(self.dataset / name, place)
    self.start(  # which itself knows whether what is there was built from the same files
        "data_builders.build", "video_folder", "--manual_dir", self.dataset,
        "--data_dir", self.dataset / "tfds",
    )

  def embed(self):
    """Trains the cross-modal embeddings."""
    self.run(
        self.cm / report.RESULTS, "sign_jax.main", *self._command(),
        configuration=notes.settings_digest(self.config, _NOT_OF_RETRIEVAL),
        words=self._words_digest(),
        data=notes.data_fingerprint("video_folder", self.dataset / "tfds"),
    )

  def _words_digest(self):
    file = self.config.model.text.file
    is_there = bool(file) and user_path(file).is_file()
    return notes.sample_digest(user_path(file)) if is_there else None

  def fuse(self):
    """Measures embeddings, recognised signs and both, by both protocols."""
    sr, final = self.config.sr, self.folder(0, joint=False)
    files = {
        "sr.recognized": sr.recognized or final / "recognized",
        "sr.classes": sr.classes or final / "classes.txt", "sr.translations": sr.translations,
    }
    for protocol in self.protocols:
      self.start(
          "sign_jax.main", *self._command(), "--mode", "evaluate",
          *_flags(files | self._measures(protocol)),
      )

  @property
  def protocols(self):
    """What counts as right: the configuration's protocol, and then the other one."""
    return sorted(pipeline.COUNTED, key=lambda name: name != self.config.protocol)

  def _measures(self, protocol):
    sr = self.config.sr
    return {
        "fusion.systems": "comb", "protocol": protocol, "sr.lemmatize": sr.lemmatize,
        "sr.source": sr.source, "sr.threshold": sr.threshold,
    }

  def measured(self):
    """The numbers of `fuse`, {protocol: {name: number}}."""
    before = settings.flat(settings.of_run(self.cm))
    changed = lambda protocol: [
        f"{key}={value}" for key, value in self._measures(protocol).items() if before[key] != value
    ]
    return {
        x: budget.read_json(self.cm / report.results_name(changed(x))) for x in self.protocols
    }

  def _command(self):
    values = {
        "data.name": "video_folder", "data.data_dir": self.dataset / "tfds",
        "model.text.lemmas": self.given.lemmas,
    }
    return "--config", self._file, "--workdir", self.cm, *_flags(values), *self._flags

  def stages(self):
    """As of `Rounds`, with those of retrieval."""
    return [
        *super().stages(), ("data set", self.build), ("embeddings", self.embed),
        ("retrieval", self.fuse),
    ]


def _flags(values):
  return [f"--config.{key}={value}" for key, value in values.items()]
