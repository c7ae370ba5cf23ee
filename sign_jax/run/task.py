"""The task of a configuration."""

from sign_jax.run import checks, fusion


def make(config, source=None, notes=None, inputs=None):
  """The `protocols.Task` of a configuration, which is checked first.

  Args:
    config: ml_collections.ConfigDict, the whole configuration.
    source: what the task reads in place of its data set, {split: ...} (tests).
    notes: pathlib.Path of what a run has noted of its texts, see `text_notes`; None for nothing.
    inputs: `protocols.Inputs` that a run has noted, so that nothing is read to know them; None for
      nothing.

  Raises:
    UserError: on settings that cannot work, or data that cannot be read.
  """
  system = checks.check(config)
  more = {"notes": notes} if notes and system.text_reader else {}
  if inputs and config.task == "continuous":
    more["noted"] = inputs
  made = checks.TASKS[config.task](config, system, source, **more)
  if runs := config.get("fusion", {}).get("runs", ""):
    made.others = fusion.others(runs, config)
  return made
