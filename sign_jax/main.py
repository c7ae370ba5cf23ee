"""Trains or evaluates a system.

    python -m sign_jax.main --config configs/upret.py --workdir runs/upret

The same command with the same --workdir continues where it stopped. `--mode evaluate` measures the
best checkpoint of a run once more; with `--config.init.model=FILE`, in a folder without a run, it
measures the weights of a file, of whatever sizes its model is.
"""

import sys

from sign_jax.errors import crash_status, one_sentence
from sign_jax.run import (
  checks,
  command_line,
  compile_cache,
  from_weights,
  host_memory,
  settings,
  task,
  text_notes,
  weights,
  workdir,
)
from sign_jax.train import checkpoint, distributed, loop


def main(argv):
  """Runs the mode that the flags ask for; returns the results."""
  if {"-h", "--help"} & set(argv[1:]):
    print(__doc__ + command_line.options())
    return {}
  config, folder, mode = command_line.parse(argv)
  distributed.start()
  changed, of_run = (), checkpoint.exists(folder / "checkpoints")
  if mode == "evaluate" and (of_run or not weights.named(config)):
    config, changed = settings.for_evaluation(config, folder, argv)
  elif mode == "evaluate":
    config = from_weights.sized(config, settings.given(argv))
  # Or what each process sees in the folder: a network's file systems may lag.
  said = f"{mode} {of_run} {config.to_json()}"
  distributed.check_same(said, "the mode, the configuration or the run in --workdir")
  compile_cache.enable()
  if mode == "train":
    checks.check_training(config, is_new=not of_run)
  inputs = settings.inputs_of_run(folder) if of_run else None
  made = task.make(config, notes=_notes(config, folder, mode, of_run), inputs=inputs)
  with distributed.together(), workdir.claim(folder):
    if mode == "train":
      noted = (getattr(made, name, None) for name in ("class_names", "flow_note", "clip_windows"))
      distributed.on_first(lambda: _begin(folder, config, made, *noted))
      text_notes.share(made, folder)
      return loop.train(made, config, folder)
    if of_run:
      distributed.on_first(lambda: workdir.note_inputs(folder, made.inputs))
      return loop.evaluate(made, config, folder, changed)
    return loop.evaluate_weights(made, config, folder, weights.facts(config))


def _notes(config, folder, mode, of_run):
  if of_run:
    return text_notes.path(folder)
  return text_notes.path(weights.path(config)) if mode == "evaluate" else None


def _begin(folder, config, made, *noted):
  workdir.begin(folder, config, made.inputs, *noted)
  text_notes.write(made, folder)


if __name__ == "__main__":
  host_memory.keep_freed()
  with crash_status(), one_sentence():
    main(sys.argv)
