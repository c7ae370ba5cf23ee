"""Rows filled from files of weights, such as released checkpoints; nothing is trained."""

import re

from tqdm import tqdm

from launch.reproductions import rows
from launch.tables import LEFT_OUT
from sign_jax.api import evaluation
from sign_jax.errors import UserError, sentences
from sign_jax.files import existing_folder
from sign_jax.run import config_paths, settings
from sign_jax.train import report

_ENDING = re.compile(r"\.(pt|pth|pth\.tar|bin|bin\.[^.]+|safetensors|npz)$", re.IGNORECASE)
_WHOLE = ("pytorch_model.bin", "model.safetensors")  # before all others in a row's folder
_COUNTED = ("sentences", "videos", "signs")  # of a test split
_NO_MODEL = re.compile(r"(pytorch_)?opt", re.IGNORECASE)  # states of optimisers beside the weights


def measure(table, dataset, folder, root, extra):
  """Evaluates the file of every row that has one on the test split, or as its columns say on both.

  Args:
    table: `launch.tables.Table`.
    dataset: the name of a data set, as in `configs/NAME.py:DATASET`.
    folder: pathlib.Path of the files, see `find`.
    root: pathlib.Path; ROW/results.json is written there.
    extra: --config.KEY=VALUE arguments for all rows.

  Returns:
    ({row label: {column: [a number]}}, {row label: why it is not filled}, notes on what was
    measured).

  Raises:
    UserError: there is no such folder, or `extra` has what no configuration takes.
  """
  folder = existing_folder(folder, "--checkpoints", "pass the folder of the checkpoints")
  changes = config_paths.expanded(rows.settings_of(extra))
  for row in table.rows:  # a mistake in an argument is none of a row's
    settings.with_changes(rows.configuration(row, dataset, 0, ()), changes, "--config")
  found, missing, facts, known = {}, {}, {}, {}
  split = None if any(x.startswith("validation/") for x in table.columns) else "test"
  for row in tqdm(table.rows, unit="row"):
    try:
      path = find(folder, dataset, row)
      key = path, rows.folder_name(row)
      if key not in known:
        known[key] = evaluate(row, path, dataset, changes, split)
    except Exception as error:  # what one row meets, such as too little memory, is not the others'
      missing[row.label] = _reason(error)
      continue
    _write(root / rows.folder_name(row), known[key])
    places = {column: rows.full_name(column) for column in table.columns}
    numbers = {c: [known[key][name]] for c, name in places.items() if name in known[key]}
    found[row.label] = numbers | {LEFT_OUT: [known[key].get(f"test/{LEFT_OUT}", 0)]}
    facts[_said(known[key])] = None
  return found, missing, list(facts)


def _reason(error):
  """Why a row is not filled; raises a mistake of ours anew."""
  told = (str(error),) if isinstance(error, UserError) else sentences.of(error)
  if told is None:
    raise error
  return told[0]


def evaluate(row, path, dataset, changes, split="test"):
  """The results of a file of weights, in the settings of a row; its sizes are those of the file.

  Args:
    row: `launch.tables.Row`.
    path: pathlib.Path.
    dataset: as in `measure`.
    changes: {dotted name: value} for all rows.
    split: that is measured; None for validation and test.

  Returns:
    {name: value} as in results.json.
  """
  changes = {**row.overrides, **changes, "init.model": str(path)}
  return evaluation.evaluate(rows.configuration(row, dataset, 0, ()), split, config=changes)


def find(folder, dataset, row):
  """The file of a row.

  FOLDER/DATASET is looked through before FOLDER. Files and folders fit that are called as the row
  is in its table or as `rows.folder_name` calls it, perhaps with the data set's name before or
  behind: case and punctuation do not count.

  Returns:
    pathlib.Path.

  Raises:
    UserError: there is none, or there are several.
  """
  names = dict.fromkeys(filter(None, map(_plain, (row.label, rows.folder_name(row)))))
  inside = [path for path in _listed(folder) if path.is_dir() and _plain(path.name) == dataset]
  places = {**dict.fromkeys(inside, names), folder: [*names, *_with_dataset(names, dataset)]}
  for place, wanted in places.items():
    for name in wanted:
      fitting = [path for path in _listed(place) if _plain(_ENDING.sub("", path.name)) == name]
      if len(fitting) > 1:
        raise UserError(f"{' and '.join(map(str, fitting))} all fit the row: leave one of them")
      if fitting:
        return _weights_in(fitting[0]) if fitting[0].is_dir() else fitting[0]
  asked = " or ".join(str(folder / dataset / f"{name}.bin") for name in names)
  raise UserError(f"no checkpoint: put it into {asked}, or into a folder of that name")


def _weights_in(folder):
  there = [path for path in _listed(folder) if path.is_file() and not _NO_MODEL.match(path.name)]
  whole = [path for path in there if path.name in _WHOLE]
  fitting = whole or there
  if len(fitting) != 1:
    some = f"{len(fitting)} files of weights, among them {fitting[0].name}" if fitting else "none"
    raise UserError(f"{folder} must hold one file of weights or {_WHOLE[0]}, and holds {some}")
  return fitting[0]


def _listed(folder):
  """Folders, and files that end as weights do."""
  paths = sorted(folder.iterdir()) if folder.is_dir() else []
  return [path for path in paths if path.is_dir() or _ENDING.search(path.name)]


def _with_dataset(names, dataset):
  return [x for name in names for x in (f"{name}_{dataset}", f"{dataset}_{name}")]


def _plain(name):
  return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def _write(folder, results):
  folder.mkdir(parents=True, exist_ok=True)
  report.write_json(folder / report.RESULTS, results)


def _said(results):
  protocol = f" ({results['protocol']})" if results.get("protocol") else ""
  sizes = [f"{results[f'test/{x}']} {x}" for x in _COUNTED if f"test/{x}" in results]
  ties = f"; ties: {results['ties']}" if "ties" in results else ""
  return f"{results['data']}{protocol}, test: {', '.join(sizes)}{ties}"
