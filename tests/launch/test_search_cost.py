"""What searches of a large archive would take: sums that can be done by hand."""

import json

import pytest

from launch import search_cost
from launch.search_cost import Chip, Sizes, Way

CHIP = Chip(narrow=100.0, wide=10.0, powers=5.0, bandwidth=20.0, memory=1e3)
SIZES = Sizes(clips=2, tokens=3, words=4, width=5)


def test_a_way_costs_what_it_reads_and_computes():
  found = search_cost.cost(Way(parts=2), SIZES, CHIP, 10, 0.5, 0.25)
  pairs = 2 * 3 * 4 * 10
  assert found["stored"] == found["bytes"] == 2 * 2 * 3 * 5
  assert found["flop"] == 2 * pairs * 5 * 2
  assert found["read"] == pytest.approx(60 / 5) and found["products"] == pytest.approx(4800 / 50)
  assert found["besides"] == pytest.approx(8 * pairs / 5 + pairs / 2.5)
  assert found["fastest"] == max(found[x] for x in ("read", "products", "besides"))
  assert found["slowest"] == sum(found[x] for x in ("read", "products", "besides"))
  written = search_cost.cost(Way(parts=2, written=True), SIZES, CHIP, 10, 0.5, 0.25)
  assert written["bytes"] == 60 + 12 * pairs and written["stored"] == 60
  wide = search_cost.cost(Way(parts=0), SIZES, CHIP, 10, 0.5, 0.25)
  assert wide["products"] == pytest.approx(2 * pairs * 5 / 5)
  codes = search_cost.cost(Way(columns=2, powers=False), SIZES, CHIP, 1, 0.5, 0.25)
  assert codes["stored"] == 2 * 2 * 3 * 2 and codes["besides"] == pytest.approx(2 * 24 / 5)


def test_a_million_clips_are_as_large_as_they_are(capsys, tmp_path):
  found = search_cost.main(["--json", str(tmp_path / "cost.json")])
  out = capsys.readouterr().out
  assert out.startswith("computed, not measured: 1000000 clips of 65 x 512 on one h100")
  one = found["tokens, float16, fused", 1]
  assert one["bytes"] == 66.56e9 and one["flop"] == pytest.approx(2 * 2.13e12, rel=1e-3)
  assert found["codes", 1]["bytes"] == pytest.approx(8.32e9)
  rows = json.loads((tmp_path / "cost.json").read_text())["computed"]
  assert len(rows) == len(found) == len(search_cost.WAYS) * len(search_cost.BATCHES)
  assert out.count("tokens, float16, fused") == len(search_cost.BATCHES) + 1
  assert "take 74.9 GB of 80\n" in out
  search_cost.main(["--clips=2000000"])
  assert "do not fit" in capsys.readouterr().out


def test_the_verdict_follows_from_the_times():
  slow, quick = {"slowest": 9.0, "fastest": 8.0}, {"slowest": 0.01, "fastest": 0.001}
  between = {"slowest": 0.03, "fastest": 0.02}
  names = list(search_cost.WAYS)
  found = {(name, 1): x for name, x in zip(names, (slow, quick, between, slow), strict=True)}
  found |= {(name, 64): slow for name in names} | {(names[1], 64): {**slow, "slowest": 0.1}}
  said = search_cost.verdict(found)
  assert said[0].endswith("25 ms: no; 500 sentences a second in batches: no")
  assert said[1].endswith("25 ms: yes; 500 sentences a second in batches: yes")
  assert "25 ms: only if all overlaps" in said[2]


@pytest.mark.parametrize("option", ["--clips=0", "--efficiency=nan", "--json=/nowhere/x.json"])
def test_mistakes_are_told(option):
  with pytest.raises(search_cost.UserError, match=option.partition("=")[0]):
    search_cost.main([option])
