"""Goes SignVTCL's whole way: each stream alone, all from these, and again with alignment.

    python -m launch.signvtcl --config configs/signvtcl.py --workdir runs/signvtcl_stages

The stages are runs of sign_jax.main, in the folders `video`, `keypoint` and `flow`, each of one
stream; `teacher`, of all of them from these, without alignment; and `full`, again from these, whose
alignment follows the paths of the teacher. TwoStream-SLR (--config.model.variant=base), and
whatever has no alignment, ends with `joint` in place of these two; a model of one stream is its own
teacher. The same command resumes, whatever has stopped it, and trains nothing twice.

--config.KEY=VALUE changes a setting of all stages. --config.init.video=FILE, init.keypoint and
init.flow are what the streams begin with where they are alone, such as an S3D that was trained on
Kinetics-400.

At the end stands a table of all stages; table.txt and results.json hold it, the latter as
"STAGE/test/wer" and so on, and the numbers of the last stage as those of a single run.
"""

import pathlib
import sys

from tqdm import tqdm

from launch import notes
from launch.stages import Stages
from sign_jax.errors import UserError, crash_status, one_sentence
from sign_jax.files import existing_file, user_path
from sign_jax.run import checks, command_line
from sign_jax.systems.signvtcl import gloss_tokens, mbart_text, settings
from sign_jax.systems.signvtcl import streams as names
from sign_jax.train import report

_UNALIGNED = {"model.align.gloss": 0.0, "model.align.sentence": 0.0}
_SPLITS = ("validation", "test")
# Of a table: word errors, and where it is known when each gloss is signed, how well the segments of
# the references' glosses agree with that; percent.
_COLUMNS = {
    "wer": "WER", "substitutions": "substitutions", "deletions": "deletions",
    "insertions": "insertions", "segments": "segments",
}
_WIDTH = 15
# What this program decides itself, and what to do instead.
_NOT_HERE = {
    "init.model": "pass what a stream begins with, such as --config.init.video",
    "init.teacher": "it is the stage before the last",
    "model.align.source": "alignment follows a teacher here; sign_jax.main trains without one",
}


class Way(Stages):
  """The stages, each of which is skipped where its result is there.

  Attributes:
    streams: that the last model has.
    last: the name of the last stage.
    teacher: the name of the stage that the last one follows; "" where nothing is aligned.
  """

  def __init__(self, root, config, given, flags):
    """Begins nothing.

    Args:
      root: pathlib.Path, absolute.
      config: ml_collections.ConfigDict of the whole configuration.
      given: the configuration's file, FILE or FILE:DATASET.
      flags: those of the command line that change it, --config.KEY=VALUE.

    Raises:
      UserError: on settings with which a stage cannot work.
    """
    super().__init__(root)
    self._config, self._given, self._flags = config, given, flags
    self._init = {name: config.init[name] for name in names.STREAMS}
    section = settings.decided(config.model)
    self.streams = settings.streams_of(section)
    is_aligned, is_alone = settings.is_aligned(section), len(self.streams) == 1
    joint = "teacher" if is_aligned else "joint"
    self.stages = {name: self._alone(name) for name in self.streams}
    if not is_alone:
      self.stages[joint] = {**_UNALIGNED, **self._from_streams()}
    self.teacher = "" if not is_aligned else self.streams[0] if is_alone else joint
    if is_aligned:
      self.stages["full"] = {
          "model.align.source": "teacher", "init.teacher": root / self.teacher,
          **self._from_streams(),
      }
    self.last = list(self.stages)[-1]
    for name in self.stages:
      system = checks.check(self.configuration(name))
      if not (root / name).exists():
        system.check_beginning(self.configuration(name))

  def _alone(self, name):
    begin = {f"init.{other}": self._init[name] if other == name else "" for other in names.STREAMS}
    return {"model.streams": name, **_UNALIGNED, **begin}

  def _from_streams(self):
    return {
        f"init.{name}": self.root / name if name in self.streams else "" for name in names.STREAMS
    }

  def configuration(self, stage):
    """The whole configuration of a stage."""
    config = self._config.copy_and_resolve_references()
    values = {key: self._value(x) for key, x in self.stages[stage].items()}
    config.update_from_flattened_dict(values)
    return config

  @staticmethod
  def _value(value):
    return str(value) if isinstance(value, pathlib.Path) else value

  def train(self, stage):
    """Trains a stage."""
    values, folder = self.stages[stage], self.root / stage
    own = {f"--config.{key}" for key in values}
    flags = [flag for flag in self._flags if flag.partition("=")[0] not in own]
    data = self._config.data
    self.run(
        folder / report.RESULTS, "sign_jax.main", "--config", self._given, "--workdir", folder,
        *flags, *(f"--config.{key}={value}" for key, value in values.items()),
        made_from=self._made_from(values),
        configuration=notes.settings_digest(self._config, ("init.",)),
        data=notes.data_fingerprint(data.name, data.data_dir or None),
    )

  def _made_from(self, values):
    """Files that tell what a stage begins with and follows."""
    values = {"init.glosses": self._config.init.glosses, **values}
    paths = [user_path(x) for key, x in values.items() if key.startswith("init.") and x]
    own = [self.root / stage for stage in self.stages]
    notes_of_stages = [self.note(x / report.RESULTS) for x in paths if x in own]
    others = [x / report.RESULTS if x.is_dir() else x for x in paths if x not in own]
    return [*notes_of_stages, *others]


def main(argv):
  """The command; returns the numbers of results.json."""
  if {"-h", "--help"} & set(argv[1:]):
    print(__doc__ + command_line.options())
    return {}
  return go(*command_line.for_stages(argv))


def go(config, root, given, flags):
  """All stages, and what they end with.

  Args:
    config: ml_collections.ConfigDict.
    root: pathlib.Path of the folder.
    given: the configuration's file, FILE or FILE:DATASET.
    flags: those of the command line that change the configuration, --config.KEY=VALUE.

  Returns:
    The numbers of results.json.

  Raises:
    UserError: on settings that cannot work, a stage that fails, or another start at work there.
    Stopped: it was asked to stop.
  """
  if config.model.name != "signvtcl":
    raise UserError(f"{config.model.name} has no such stages: pass --config configs/signvtcl.py")
  _check(config, flags)
  run = Way(root.absolute(), config, given, flags)
  with run.shard.at_work(), tqdm(run.stages, unit="stage") as bar:
    for stage in bar:
      bar.set_description(stage)
      run.train(stage)
  return write(run)


def _check(config, flags):
  for flag in flags:
    key = flag.removeprefix("--config.").partition("=")[0]
    if key in _NOT_HERE:
      raise UserError(f"leave --config.{key} out: {_NOT_HERE[key]}")
  checks.check(config.copy_and_resolve_references())
  text = config.text  # which the last stage alone reads, days later
  if settings.is_aligned(settings.decided(config.model)) and text.encoder == "mbart":
    for path, option in (
        (text.weights, mbart_text.OPTION), (text.vocabulary, gloss_tokens.OPTION)
    ):
      if not path:
        raise UserError(f"the alignment of the last stage reads mBART: pass its file by {option}")
      existing_file(user_path(path), option, "pass mBART's file")


def write(run):
  """Writes results.json and table.txt into the folder, and prints the table.

  Args:
    run: `Way`, all of whose stages are done.

  Returns:
    What results.json holds: {"STAGE/SPLIT/wer": percent, ...}, and those of the last stage.
  """
  found = {stage: run.results(run.root / stage) for stage in run.stages}
  numbers = {
      f"{stage}/{key}": value for stage, results in found.items() for key, value in results.items()
      if key.startswith(tuple(f"{split}/" for split in _SPLITS))
  }
  numbers = found[run.last] | numbers
  report.write_json(run.root / report.RESULTS, numbers)
  text = _table(run, found)
  (run.root / "table.txt").write_text(text + "\n")
  print(f"{text}\nresults are in {run.root}: {report.RESULTS}, table.txt")
  return numbers


def _table(run, found):
  """Word error rates of all stages, split by split."""
  parts = []
  for split in (x for x in _SPLITS if f"{x}/wer" in found[run.last]):
    columns = [x for x in _COLUMNS if f"{split}/{x}" in found[run.last]]
    lines = [f"{split:12}" + "".join(f"{_COLUMNS[x]:>{_WIDTH}}" for x in columns)]
    for stage, results in found.items():
      cells = (results.get(f"{split}/{x}") for x in columns)
      lines.append(f"{stage:12}" + "".join(map(_cell, cells)))
    parts.append("\n".join(lines))
  return "\n\n".join(parts)


def _cell(number):
  return f"{'-':>{_WIDTH}}" if number is None else f"{number:{_WIDTH}.1f}"


if __name__ == "__main__":
  with crash_status(), one_sentence():
    main(sys.argv)
