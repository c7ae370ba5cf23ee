"""Names of the classes of a model that recognises."""

import os

from sign_jax.data import label_table
from sign_jax.run import settings


def of_run(run):
  """Names of the classes of a run, as it has noted them, or as its table of labels has them.

  Args:
    run: `trained.Trained`.

  Returns:
    list of str, the number of a class that has no name; None where neither names them.

  Raises:
    UserError: the table is damaged.
  """
  table, classes = run.config.get("data", {}).get("labels"), (run.inputs or {}).get("classes")
  noted = settings.labels_of_run(run.workdir) if classes else None
  if noted and len(noted) == classes:
    return noted
  if not classes or not table or not os.path.isfile(table):
    return None
  rows = [row for members in label_table.read(table).values() for row in members]
  names = {row.label: row.gloss for row in rows if row.gloss and row.label < classes}
  return [names.get(number, str(number)) for number in range(classes)] if names else None
