"""Goes SPOT-ALIGN's whole way: mouthings, rounds of spotting and training, retrieval.

    python -m launch.spot_align --config configs/spot_align.py --workdir runs/spot_align

On the simulator, unless --config.spotting.captions and the settings beside it name a corpus. The
stages are programs of this library, whose results stay in the folder: `round_1` to `round_3` hold
the annotations (spotted.csv), the encoders that spotted them and their features, `final` the last
encoder, `dataset` what retrieval reads and `cm` its run. The same command resumes, whatever has
stopped it.

At the end stand the paper's table 6 (published beside measured), how many annotations each round
found and, on the simulator, how many of them are right; `results.json` holds the numbers and
spotted.png shows some spotted signs. --config.KEY=VALUE changes settings, such as
--config.spotting.iterations=1.
"""

import sys

from absl import app, flags
from ml_collections import config_flags
from tqdm import tqdm

from launch.spotting import archive, report
from launch.spotting.retrieval import Retrieval
from sign_jax.errors import UserError, crash_status, one_sentence
from sign_jax.files import user_path
from sign_jax.run import checks, workdir

_CONFIG = config_flags.DEFINE_config_file("config", "configs/spot_align.py", "settings")
_WORKDIR = flags.DEFINE_string("workdir", "runs/spot_align", "folder of the results")


def main(argv):
  """The command; returns the numbers of results.json."""
  if len(argv) > 1:
    raise UserError(f"{argv[1]!r} is no flag: pass --config.KEY=VALUE")
  config, root = _CONFIG.value, user_path(_WORKDIR.value).absolute()
  system = checks.check(config)
  if "spotting" not in config:
    raise UserError(f"{system.name} spots no signs: pass --config configs/spot_align.py")
  with workdir.claim(root):
    given = None if config.spotting.captions else archive.simulated(root / "archive")
    run = Retrieval(root, config, given or archive.of_user(config.spotting))
    stages = [("simulator", run.simulate)] if given else []
    stages += run.stages()
    with tqdm(stages, unit="stage") as bar:
      for name, stage in bar:
        bar.set_description(name)
        stage()
    return report.write(run)


if __name__ == "__main__":
  with crash_status(), one_sentence():
    app.run(main, argv=sys.argv)
