"""The model card of a folder for the Hugging Face hub: front matter in YAML, then Markdown."""

import json
import re

from sign_jax.train import report
from sign_jax.untrusted import budget

_MOST_BYTES = 2**20
_UNKNOWN = "unknown"
_DATA_SET = re.compile(r"\w+(/[\w.+-]+)?(:[\w.]+)?")  # NAME[/CONFIG][:VERSION]
_TITLES = {
    "retrieval": "sign-language retrieval", "recognition": "isolated sign recognition",
    "continuous": "continuous sign recognition",
}
# What results count and do not measure.
_COUNTS = ("/sentences", "/videos", "/signs", "/listed", "/missing", "/words", "/empty", "/unknown",
           "/infeasible")  # fmt: skip
_SEGMENTS = "/segments"  # a count, or how well segments overlap with the signs, which is no int
_UNITS = {"continuous": "Word error rate (wer) and its parts in percent of the references' words."}
_KEPT = ("batch_size", "epochs", "steps", "seed", "optim.name", "optim.lr", "model.variant",
         "model.streams", "data.combine", "data.alpha", "data.video_length", "data.text_length",
         "data.size")  # fmt: skip


def text(run, content, license, data_license):
  """The card.

  Args:
    run: `trained.Trained` of a run.
    content: of config.json, see `run.hub`.
    license, data_license: "" where the owner says nothing.

  Returns:
    str.
  """
  results = _results(run.workdir)
  data = _data_set(results, run.config.data)
  return "\n".join([
      *_front_matter(run, results, data, license), "",
      f"# {run.system.name}: {_TITLES.get(run.system.task, run.system.task)}", "",
      f"Trained with sign_jax on {_cell(data or _UNKNOWN)}.", "",
      *_how_to_load(run), "",
      *_results_table(results, run.system.task), "",
      *_data(results, data), "",
      *_training(run, content), "",
      *_licences(license, data_license, content), "",
  ])  # fmt: skip


def _results(workdir):
  """results.json of a run, {} where it has none."""
  try:
    content = budget.read_json(workdir / report.RESULTS, _MOST_BYTES)
  except (OSError, ValueError):
    return {}
  return content if isinstance(content, dict) else {}


def _data_set(results, section):
  """The name of a data set, "" where there is none: a table of labels is a file of the owner's."""
  names = (results.get("data"), section.get("name")) if "name" in section else ()
  return next((x for x in names if isinstance(x, str) and _DATA_SET.fullmatch(x)), "")


def _numbers(results):
  return {
      name: value for name, value in results.items()
      if type(value) in (int, float) and "/" in name
      and not name.endswith(_COUNTS) and not (name.endswith(_SEGMENTS) and type(value) is int)
  }  # fmt: skip


def _front_matter(run, results, data, license):
  # A JSON text is a YAML text, whatever is in it.
  quoted = json.dumps
  lines = [
      "---", f"license: {quoted(license or _UNKNOWN)}", "library_name: sign_jax", "tags:",
      "- sign-language", f"- {quoted(_TITLES.get(run.system.task, run.system.task))}", "- jax",
      "- flax", f"- {quoted(run.system.name)}",
  ]
  name = re.split("[/:]", data)[0]
  if name:
    lines += ["datasets:", f"- {quoted(name)}"]
  tested = {name: x for name, x in _numbers(results).items() if name.startswith("test/")}
  if tested:
    measures = sorted({key.rpartition("/")[2] for key in tested})
    lines += ["metrics:", *(f"- {quoted(measure)}" for measure in measures)]
  if tested and name:  # the hub takes no results without a data set
    lines += [
        "model-index:", f"- name: {quoted(run.system.name)}", "  results:", "  - task:",
        f"      type: {quoted(run.system.task)}", "    dataset:", f"      name: {quoted(data)}",
        f"      type: {quoted(name)}", "      split: test", "    metrics:",
    ]
    for key, value in sorted(tested.items()):
      lines += [f"    - type: {quoted(key.removeprefix('test/'))}", f"      value: {value}"]
  return [*lines, "---"]


def _how_to_load(run):
  uses = {
      "retrieval": "model.similarity(videos, [\"a sentence\"])  # videos: list of (windows, "
                   "channels) sign features",
      "recognition": f"model.recognize(\"video.mp4\", top=5{_keypoints(run)})",
      "continuous": f"model.recognize(\"video.mp4\"{_keypoints(run)})  # glosses, with seconds",
  }  # fmt: skip
  return ["```python", "import sign_jax", "", "model = sign_jax.load(\"path/to/this/folder\")",
          uses.get(run.system.task, ""), "```"]  # fmt: skip


def _keypoints(run):
  """The argument of a model that reads keypoints beside the video."""
  judge = run.system.recognizer
  reads = judge is not None and "keypoints" in judge.fields(run.config)
  return ", keypoints=\"video.pose\"" if reads else ""


def _results_table(results, task):
  numbers = sorted(_numbers(results).items())
  if not numbers:
    return ["## Results", "", "The run has not been evaluated."]
  rows = [f"| {_cell(name)} | {value:.2f} |" for name, value in numbers]
  unit = _UNITS.get(task, "R@K and accuracies in percent.")
  return ["## Results", "", unit, "", "| | |", "| --- | ---: |", *rows]


def _data(results, data):
  facts = {"data set": data or _UNKNOWN, **{key: results.get(key) for key in (
      "fingerprint", "protocol", "evaluation_protocol", "caption", "streams", "combine", "ties",
      "versions", "crops", "decode", "clean", "validation/sentences", "validation/videos",
      "validation/words", "test/sentences", "test/videos", "test/words", "validation/signs",
      "test/signs", "test/listed", "test/missing",
  )}}  # fmt: skip
  rows = [f"- {name}: {_cell(value)}" for name, value in facts.items() if value is not None]
  return ["## Data and protocol", "", *rows]


def _training(run, content):
  config = run.config
  rows = []
  for key in _KEPT:
    section, _, name = key.rpartition(".")
    values = config.get(section, {}) if section else config
    if name in values:
      rows.append(f"- {key}: {_cell(values[name])}")
  begun = content["initialised_from"]
  rows += [f"- began with the weights of a file: {_cell(name)}" for name in begun]
  return ["## Training", "", f"- step of this checkpoint: {run.record.get('step', _UNKNOWN)}",
          *rows]  # fmt: skip


def _licences(license, data_license, content):
  mine = _cell(license) if license else "not stated: ask the owner before you use them"
  data = _cell(data_license) if data_license else "not stated: ask the owner of the corpus"
  rows = [f"- Weights: {mine}.", f"- Data that they were trained on: {data}."]
  if content["initialised_from"]:
    rows.append("- Training began with the weights of other files, which have licences of their "
                "own (CLIP's, for example).")  # fmt: skip
  rows.append("- Corpora of sign language have licences of their own, which may restrict what was "
              "trained on them.")  # fmt: skip
  return ["## Licences", "", *rows]


def _cell(value):
  """A text on one line that Markdown and HTML take for text."""
  plain = " ".join(str(value).split())[:500]
  return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in plain)
