"""Goes SPOT-ALIGN's whole way: mouthings, rounds of spotting and training, retrieval.

    python -m launch.spot_align --config configs/spot_align.py --workdir runs/spot_align

On the simulator, unless --config.spotting.captions and the settings beside it name a corpus. The
stages are programs of this library, whose results stay in the folder: `round_1` to `round_3` hold
the annotations (spotted.csv), the encoders that spotted them and their features, `final` the last
encoder, `dataset` what retrieval reads and `cm` its run. The same command resumes, whatever has
stopped it.

Several processes or machines that see the folder may share the work: the same command, with
--shard 1/3, 2/3 and 3/3. The first does what cannot be divided.

At the end stand the paper's table 6 (published beside measured), how many annotations each round
found and, on the simulator, how many of them are right, beside windows at random; `results.json`
holds the numbers and spotted.png shows some spotted signs. --config.KEY=VALUE changes settings,
such as --config.spotting.iterations=1; --config.spotting.encoder=i3d trains an I3D on films.
"""

import sys

from absl import flags as absl_flags
from tqdm import tqdm

from launch.reproductions import rows
from launch.sharing import Shard
from launch.spotting import archive, report, sizes
from launch.spotting.retrieval import Retrieval
from launch.spotting.rounds import DIVIDED
from sign_jax.errors import UserError, crash_status, one_sentence
from sign_jax.files import existing_path, user_path
from sign_jax.run import checks, command_line

absl_flags.DEFINE_string("shard", "", "Which part of the work this start does, such as 1/3.")


def main(argv):
  """The command; returns the numbers of results.json."""
  if {"-h", "--help"} & set(argv[1:]):
    print(__doc__ + command_line.options())
    return {}
  return go(*command_line.for_stages(argv, own=("shard",)), absl_flags.FLAGS.shard)


def go(config, root, given, flags, shard=""):
  """All stages, and what they end with.

  Args:
    config: ml_collections.ConfigDict.
    root: pathlib.Path of the folder.
    given: the configuration's file, FILE or FILE:DATASET.
    flags: those of the command line that change the configuration, --config.KEY=VALUE.
    shard: "2/3" for the second of three starts that share the work, "" for all of it.

  Returns:
    The numbers of results.json; {} of a shard that is not the first.

  Raises:
    UserError: on settings that cannot work, a stage that fails, or another start at work there.
  """
  digest = rows.settings_digest(config)  # before anything is filled in
  system = checks.check(config)
  if "spotting" not in config:
    raise UserError(f"{system.name} spots no signs: pass --config configs/spot_align.py")
  shard = Shard(root.absolute(), shard)
  with shard.at_work():
    run = _run(root.absolute(), config, given, flags, shard)
    run.settings_digest = digest
    if shard.is_first:
      return report.write(run)
    print(f"shard {shard} has done its parts; shard 1/{shard.count} goes on alone")
    return {}


# What this program decides itself, and what to do instead.
_NOT_HERE = {
    "fusion.runs": "combine other runs with the folder cm, by sign_jax.main --mode evaluate",
    "fusion.weights": "combine with weights by sign_jax.main --mode evaluate",
    "model.text.lemmas": "set --config.spotting.lemmas, which all stages read",
    "spotting.pad": "it is for features of whole videos, which sign_jax.spot reads",
}


def _check(config, flags):
  for flag in flags:
    key = flag.removeprefix("--config.").partition("=")[0]
    if key in _NOT_HERE:
      raise UserError(f"leave --config.{key} out: {_NOT_HERE[key]}")
  spotting = config.spotting
  if spotting.weights:
    existing_path(
        user_path(spotting.weights), "--config.spotting.weights",
        "pass a file of weights or the folder of a run",
    )
  is_filmed = spotting.encoder == "i3d" and not spotting.captions
  if is_filmed and config.data.alignment == "speech":
    raise UserError(
        "the simulator films no long videos: leave --config.data.alignment or "
        "--config.spotting.encoder out"
    )


def _run(root, config, given, flags, shard):
  _check(config, flags)
  spotting = config.spotting
  sizes.fill(spotting)
  is_simulated = not spotting.captions
  corpus = (
      archive.simulated(root, spotting.encoder) if is_simulated else archive.of_user(spotting)
  )
  run = Retrieval(root, config, corpus, given, flags)
  run.shard = shard
  work(run, [("simulator", run.simulate)] if is_simulated else [])
  return run


def work(run, before=()):
  """Goes through the stages; a shard that is not the first does its parts of those divided.

  Args:
    run: `stages.Stages` with stages of its own, pairs of a name and a function.
    before: further ones.

  Raises:
    UserError: a stage fails, or another shard.
  """
  shard, stages = run.shard, [*before, *run.stages()]
  is_divided = lambda name: name.endswith(DIVIDED)
  if not shard.is_first:  # behind the last one that is divided there is nothing to do
    stages = stages[: 1 + max(n for n, (name, _) in enumerate(stages) if is_divided(name))]
  with tqdm(stages, unit="stage") as bar:
    for name, stage in bar:
      bar.set_description(name)
      if shard.is_first or is_divided(name):
        stage()
      else:
        shard.wait(1, name, lambda name=name: shard.noted(name) is not None)
      if shard.is_first:
        shard.note(name)


if __name__ == "__main__":
  with crash_status(), one_sentence():
    main(sys.argv)
