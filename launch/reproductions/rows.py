"""What a row of a table is to the programs: settings, and names of folders and files."""

import ast
import importlib

from launch import notes
from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.run import settings
from sign_jax.systems import registry

SCORER = "fusion.systems"  # setting that names which of a system's scorers a row measures
_PREFIX = "--config."


def folder_name(row):
  """Of a row's runs: its system and overrides, so that tables share what they have in common."""
  measures_all = bool(scorer(row))
  kept = {k: v for k, v in row.overrides.items() if not (measures_all and k == SCORER)}
  overrides = (f"{key.removeprefix('model.')}={value}" for key, value in kept.items())
  return ",".join([row.system, *([program(row)] if measures_all else []), *overrides])


def program(row):
  """The module that trains a row: the one that goes the system's whole way, where it takes that."""
  return registry.get(row.system).program if scorer(row) else "sign_jax.main"


def scorer(row):
  """Which of the scorers a row measures, of a program that measures all; "" for `sign_jax.main`."""
  system, asked = registry.get(row.system), row.overrides.get(SCORER, "")
  needs = any(key.startswith((*system.only_of_program, "sr.")) for key in row.overrides)
  is_model = asked in ("", next(iter(system.scorers), ""))
  return asked if asked and (needs or not is_model) else ""


def arguments(row, dataset, seed, extra):
  """The flags that configure one row with one seed."""
  overrides = [f"{_PREFIX}{key}={value}" for key, value in {**row.overrides, "seed": seed}.items()]
  return [f"--config=configs/{row.system}.py:{dataset}", *overrides, *extra]


def following(row, table, dataset, seed, extra, root):
  """A row with the folder of its teacher's run, where its configuration follows one's path."""
  align = configuration(row, dataset, seed, extra).model.get("align", {})
  if not row.teacher or align.get("source") != "teacher":
    return row
  taught_by = next(other for other in table.rows if other.label == row.teacher)
  folder = root / folder_name(taught_by) / f"seed{seed}"
  return row._replace(overrides={**row.overrides, "init.teacher": str(folder)})


def full_name(column):
  """Of a column's number in results.json."""
  return column if column.startswith(("validation/", "test/")) else f"test/{column}"


def sharing(row, root):
  """The flags by which runs of the program that goes a system's whole way share their stages."""
  key = registry.get(row.system).shared
  return [f"{_PREFIX}{key}={root / 'shared'}"] if scorer(row) and key else []


def settings_digest(config):
  """Of what a run of that program is made with, which measures all scorers, wherever it shares."""
  apart = (SCORER, registry.get(config.model.name).shared)
  return notes.settings_digest(config, filter(None, apart))


def settings_of(extra):
  """{dotted name: value} of arguments for all rows, each --config.KEY=VALUE."""
  pairs = (argument.removeprefix(_PREFIX).partition("=") for argument in extra)
  return {key: _value(text) for key, _, text in pairs}


def configuration(row, dataset, seed, extra):
  """The configuration that `arguments` describes.

  Raises:
    UserError: `extra` has what no configuration takes.
  """
  config = importlib.import_module(f"configs.{row.system}").get_config(dataset)
  config.update_from_flattened_dict({**row.overrides, "seed": seed})
  for argument in extra:
    key = argument.removeprefix(_PREFIX).partition("=")[0]
    if key not in (known := settings.flat(config.to_dict())):
      raise UserError(f"the configuration has no key {shown(key)}" + did_you_mean(key, known))
    try:
      config.update_from_flattened_dict(settings_of([argument]))
    except (AttributeError, KeyError, TypeError) as error:
      raise UserError(f"{argument} does not fit configs/{row.system}.py") from error
  return config


def check_extra(table, extra):
  """Raises UserError where an argument for all rows changes what makes a row."""
  wrong = [argument for argument in extra if not argument.startswith(_PREFIX)]
  if wrong:
    raise UserError(f"{wrong[0]!r} is not an argument: overrides are {_PREFIX}KEY=VALUE")
  if any(argument.startswith(f"{_PREFIX}seed") for argument in extra):
    raise UserError(f"the seeds of a table are --seeds, not {_PREFIX}seed")
  keys = settings_of(extra).keys()
  for row in table.rows:
    if own := sorted(keys & row.overrides.keys()):
      raise UserError(f"the row {row.label!r} sets {own[0]} itself: leave {_PREFIX}{own[0]} out")


def _value(text):
  """What a flag's text stands for: true, false, a number, or the text itself."""
  try:
    return ast.literal_eval(text.title() if text in ("true", "false") else text)
  except (ValueError, SyntaxError):
    return text
