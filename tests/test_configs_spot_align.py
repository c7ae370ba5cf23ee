"""The settings of configs/spot_align.py: as published, all rows, refused where they cannot work."""

import re

import pytest

from configs import spot_align
from launch import reproduce
from launch.reproductions import rows
from launch.tables import TABLES
from sign_jax.errors import UserError
from sign_jax.run import checks
from sign_jax.systems import base
from sign_jax.systems.spot_align import settings
from sign_jax.systems.spot_align.card import SYSTEM
from tests import program

OURS = {name: table for name, table in TABLES.items() if name.startswith("spot_align/table")}
INPUTS = {"text": [[30, 300], "float32"]}


def parse(monkeypatch, *overrides, dataset="how2sign"):
  args = [f"--config.{override}" for override in overrides]
  return program.parse(monkeypatch, "--config", f"configs/spot_align.py:{dataset}", *args)


@pytest.mark.parametrize("dataset", [name for name in settings.DATASETS if name != "signing_sim"])
def test_published_settings(dataset, monkeypatch):
  config = parse(monkeypatch, dataset=dataset)
  assert (config.batch_size, config.epochs, config.steps) == (128, 40, 0)
  optim = config.optim
  assert (optim.name, optim.lr, optim.weight_decay) == ("radam", 1e-3, 1e-5)
  assert (optim.b1, optim.b2, optim.schedule, optim.gamma) == (0.9, 0.999, "exponential", 0.95)
  assert (config.protocol, config.ties, config.data.sample) == ("pair", "expected", "pair")
  assert config.data.text_length == 30
  model = base.resolve(SYSTEM, config.model)
  assert (model.embed_dim, model.margin, model.loss) == (512, 0.2, "mean")
  assert (model.video.aggregation, model.video.projection) == ("mean", "geu")
  text = model.text
  assert (text.clusters, text.ghost_clusters, text.mask_padding) == (20, 1, False)


def test_the_variant_paper_is_its_switches(monkeypatch):
  decided = lambda *overrides: base.resolve(SYSTEM, parse(monkeypatch, *overrides).model).to_dict()
  switches = ("text.mask_padding=True", "loss=batch", "video.projection=linear")
  paper = decided("model.variant=paper")
  assert {**decided(*(f"model.{x}" for x in switches)), "variant": "paper"} == paper
  assert paper != decided()


def text_rows():
  """Every row of the tables in the text of configs/spot_align.py, as a list of overrides."""
  text = spot_align.__doc__.split("at once:")[1].split("The paper leaves open")[0]
  for line in text.splitlines():
    pairs = re.findall(r"([a-z_.]+)=([\w.]+(?:, [\w.]+)*)", line)
    if not pairs or re.match(r" +table", line):
      assert re.search(r"table \d|\(default\)$|^\s*$", line), line
      continue
    several = [(key, values.split(", ")) for key, values in pairs]
    for number in range(max(len(values) for _, values in several)):
      chosen = [(key, values[min(number, len(values) - 1)]) for key, values in several]
      full = lambda key: f"model.{key}" if key.startswith(("video", "text")) else key
      yield [f"{full(key)}={value}" for key, value in chosen]


def test_all_rows_of_the_text_are_found():
  assert len(list(text_rows())) == (2 + 1 + 3) + 1 + 5 + 5 + 1 + 3 + 3


@pytest.mark.parametrize("overrides", list(text_rows()), ids=" ".join)
def test_every_row_of_the_text_is_a_configuration(overrides, monkeypatch):
  config = parse(monkeypatch, *overrides)
  checks.check(config)
  assert SYSTEM.build(config.model, INPUTS).embed_dim == 512


@pytest.mark.parametrize("name", OURS)
def test_rows_of_tables_are_configurations_and_have_all_numbers(name):
  table = OURS[name]
  found = [rows.configuration(row, table.dataset, 0, ()) for row in table.rows]
  for row, config in zip(table.rows, found, strict=True):
    checks.check(config)
    assert len(row.published) == len(table.columns)
    assert None not in row.published
  assert len({row.label for row in table.rows}) == len(table.rows)
  assert len({str(config) for config in found}) == len(found)
  assert reproduce._parser().parse_args([name, f"--dataset={table.dataset}"])


@pytest.mark.parametrize("name", ["spot_align/switches", "spot_align/words"])
def test_tables_of_the_simulator_are_configurations(name):
  found = [rows.configuration(row, "signing_sim", 0, ()) for row in TABLES[name].rows]
  for config in found:
    checks.check(config)
  decided = [str(base.resolve(SYSTEM, config.model)) for config in found]
  assert len(set(decided)) == len(decided)


def test_all_seven_tables_are_there():
  assert OURS.keys() == {f"spot_align/table{number}" for number in range(1, 8)}
  assert [len(table.rows) for table in OURS.values()] == [2 + 2 * 7, 2, 5, 5, 4, 3, 3]


@pytest.mark.parametrize(("override", "words"), [
    ("model.loss=sum", "model.loss='sum' is not one of mean, batch, diagonal"),
    ("model.video.projection=gue", "model.video.projection='gue' is not one of.*did you mean"),
    ("model.video.aggregation=min", "model.video.aggregation='min' is not one of mean, max"),
    ("model.text.embedding=glove", "model.text.embedding='glove' is not one of file, corpus"),
    ("model.text.clusters=0", "model.text.clusters=0 must be greater than 0"),
    ("model.text.ghost_clusters=-1", "model.text.ghost_clusters=-1 must not be negative"),
    ("model.margin=-0.1", "model.margin=-0.1 must not be negative"),
    ("model.dtype=float16", "model.dtype='float16' is not one of auto, float32, bfloat16"),
    ("optim.gamma=1.5", "optim.gamma=1.5 is not between 0 and 1"),
    ("optim.b2=0.0", "optim.name=radam needs a second moment"),
    ("optim.precision=released_float16", "is the arithmetic of released_adam, not of radam"),
    ("sr.threshold=1.5", "sr.threshold=1.5 is not between 0 and 1"),
    ("sr.source=speech", "sr.source='speech' is not one of recognition, translation"),
    ("spotting.vocabulary=all", "spotting.vocabulary='all' is not one of full, mouthing"),
    ("spotting.iterations=-1", "spotting.iterations=-1 must not be negative"),
    ("data.alignment=sign", "data.alignment='sign' is not one of signing, speech"),
    ("ties=average", "ties='average' is not one of expected, released, averaged.*did you mean"),
])
def test_numbers_that_cannot_work(override, words, monkeypatch):
  with pytest.raises(UserError, match=words):
    checks.check(parse(monkeypatch, override))


def test_pieces_of_a_batch_would_have_statistics_of_their_own():
  assert not SYSTEM.can_cache_gradients


def test_a_data_set_without_settings():
  with pytest.raises(UserError, match="'phoenix': choose one of signing_sim.*'phoenix14t'"):
    spot_align.get_config("phoenix")
