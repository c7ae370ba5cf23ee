"""A built data set: every record is read and decoded, and compared with all that is noted of it."""

from tqdm import tqdm

from data_builders.checks.report import ERROR, NOTE, WARNING, Report
from data_builders.writing import skipped
from sign_jax.data import description, digest, folder, index, source
from sign_jax.data.records import SplitSource
from sign_jax.errors import UserError

_MB = 1e6


def check(name, data_dir=None):
  """Checks a built data set, reading all of it.

  Args:
    name, data_dir: as for `folder.find`.

  Returns:
    `report.Report`.

  Raises:
    UserError: as `description.read`, or it is not built.
  """
  known = description.read(folder.find(name, data_dir))
  found = Report(known.label, "", str(known.folder))
  columns = {split: _read(found, known, split) for split in known.splits}
  if all(columns.values()):
    content = digest.compute(known)
    _check_note(found, known, content)
    for split in known.splits:
      _check_index(found, known, content, split, columns[split])
  _check_skipped(found, known)
  return found


def _read(report, known, split):
  """The columns of `index.columns` from the records themselves, or None where they are damaged."""
  try:
    opened = SplitSource(known.folder, split)
    examples = opened.read(range(len(opened)), tuple(opened.feature_specs))
    title = f"{known.label} {split}"
    with tqdm(examples, title, len(opened), unit="video", mininterval=0.5) as shown:
      columns = index.collect(opened, source.streams_of(opened), shown)
  except (UserError, ValueError, OSError) as error:  # a text may be no UTF-8
    report.add(ERROR, f"{split} cannot be read: {error}")
    return None
  paths = known.paths(split)
  report.splits[split] = {
    "files": len(paths),
    "records": len(opened),
    "MB": sum(path.stat().st_size for path in paths) / _MB,
  }
  return columns


def _check_note(report, known, content):
  path = known.folder / digest.FILE
  noted, headers = digest.read_note(known.folder)
  if noted is None:
    there = path.exists()
    report.add(
      ERROR if there else NOTE,
      f"{path} is damaged: delete it, the next training writes it anew" if there else
      f"there is no {path}: the next training writes it",
    )  # fmt: skip
  elif noted != content:
    report.add(
      ERROR,
      f"the records are not those that {path} was written for ({content[:16]}, noted "
      f"{noted[:16]}): get them anew if nobody has changed them on purpose",
    )
  elif headers is None or digest.noted(known) is None:
    report.add(NOTE, f"{path} is right, and is of an earlier version or of files written otherwise")
  report.add(NOTE, f"digest of the records: {content}")


def _check_index(report, known, content, split, columns):
  path = known.folder / f"index-{split}.json"
  if not path.exists():
    report.add(NOTE, f"there is no {path}: the next training writes it")
    return
  noted = index.read(path, content)
  if noted is None:
    report.add(
      WARNING, f"{path} is damaged or of other records: it is not used, and will be written anew"
    )
  elif noted != columns:
    different = [name for name in columns if noted.get(name) != columns[name]]
    report.add(
      ERROR, f"{path} does not say what the records do ({', '.join(different)}): delete it"
    )


def _check_skipped(report, known):
  path = known.folder / skipped.SKIPPED
  try:
    built = {split: account["built"] for split, account in
             skipped.read_skipped(known.folder).items()}  # fmt: skip
  except (ValueError, TypeError, KeyError, AttributeError):
    report.add(ERROR, f"{path} is damaged: build the data set again")
    return
  for split, count in built.items():
    there = known.splits[split].num_examples if split in known.splits else 0
    if count != there:
      report.add(ERROR, f"{path} counts {count} videos of {split}, which has {there}")
