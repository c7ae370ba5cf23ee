"""Retrieval metrics: golden numbers, ties, groups, refusals."""

import itertools
import json
import pathlib

import numpy as np
import pytest

from sign_jax.golden import seeded
from sign_jax.metrics import retrieval

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "retrieval_metrics.json"
CASES = json.loads(GOLDEN.read_text())
RELEASED_NAME = {"R@1": "R1", "R@5": "R5", "R@10": "R10", "MedR": "MedianR", "MnR": "MeanR"}


def golden_inputs(case):
  sentence_of_video = np.repeat(np.arange(len(case["groups"])), case["groups"])
  shape = (len(sentence_of_video), len(case["groups"]))
  similarity = seeded.normal(case["name"] + "/sim", shape)
  similarity[np.arange(shape[0]), sentence_of_video] += 1.8
  return (np.round(similarity, 1) if case["ties"] else similarity), sentence_of_video


def golden_modes():
  for case in CASES:
    for ties in ["released"] if case["ties"] else ["released", "expected"]:
      yield pytest.param(case, ties, id=f"{case['name']}-{ties}")


@pytest.mark.parametrize("case, ties", list(golden_modes()))
def test_equals_the_released_numbers(case, ties):
  measured = retrieval.retrieval_metrics(*golden_inputs(case), ties=ties)
  expected = {
    f"{direction}/{ours}": case[direction][theirs]
    for direction in ["t2v", "v2t"]
    for ours, theirs in RELEASED_NAME.items()
  }
  assert measured == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_std_of_ranks_equals_the_released_number(case):
  ranks = retrieval.v2t_ranks(*golden_inputs(case), ties="released")
  assert retrieval.rank_std(ranks) == pytest.approx(case["v2t"]["Std_Rank"], rel=1e-9)


def test_ranks_of_a_matrix_worked_by_hand():
  # Videos 0 and 2 show sentence 1, video 1 shows sentence 0.
  similarity = np.array([[0.9, 0.5], [0.3, 0.4], [0.1, 0.8]])
  sentence_of_video = np.array([1, 0, 1])
  np.testing.assert_array_equal(retrieval.v2t_ranks(similarity, sentence_of_video), [2, 2, 1])
  # Sentence 0: group 0 scores 0.3, group 1 scores max(0.9, 0.1). Sentence 1: 0.4 and 0.8.
  np.testing.assert_array_equal(retrieval.t2v_ranks(similarity, sentence_of_video), [2, 1])


def test_a_perfect_and_a_constant_model():
  sentence_of_video = np.repeat(np.arange(20), 2)
  perfect = np.eye(20)[sentence_of_video]
  at_best = retrieval.retrieval_metrics(perfect, sentence_of_video)
  assert all(at_best[f"{d}/R@1"] == 100 and at_best[f"{d}/MnR"] == 1 for d in ["t2v", "v2t"])
  chance = retrieval.retrieval_metrics(np.zeros((40, 20)), sentence_of_video)
  for direction in ["t2v", "v2t"]:
    values = [chance[f"{direction}/{name}"] for name in RELEASED_NAME]
    assert values == pytest.approx([5.0, 25.0, 50.0, 10.5, 10.5])


def test_expected_ties_are_the_mean_over_all_orders_of_the_tied():
  similarity = np.array([[2.0, 1.0, 1.0, 1.0, 3.0, 0.0]] * 6)
  sentence_of_video = np.array([1, 0, 2, 3, 4, 5])
  own_rank = [
    sorted([(-2.0, 0), (-1.0, order[0]), (-1.0, order[1]), (-1.0, order[2]), (-3.0, 0)]).index(
      (-1.0, order[0])
    )
    + 1
    for order in itertools.permutations([1, 2, 3])
  ]
  assert retrieval.v2t_ranks(similarity, sentence_of_video)[0] == np.mean(own_rank) == 4.0
  recall = retrieval.retrieval_metrics(similarity, sentence_of_video)["v2t/R@5"]
  at_most_5 = [1, 1, 1, 1, 1, 0]  # ranks 2, 3 to 5 thrice, 1, and 6 for the last sentence
  assert recall == pytest.approx(100 * np.mean(at_most_5))


def test_small_chunks_change_nothing(monkeypatch):
  inputs = golden_inputs(CASES[1])
  whole = retrieval.retrieval_metrics(*inputs)
  monkeypatch.setattr(retrieval, "_CHUNK_ELEMENTS", 700)
  assert retrieval.retrieval_metrics(*inputs) == whole


def test_the_order_of_the_videos_does_not_matter():
  similarity, sentence_of_video = golden_inputs(CASES[1])
  order = np.random.default_rng(0).permutation(len(similarity))
  shuffled = retrieval.retrieval_metrics(similarity[order], sentence_of_video[order])
  assert shuffled == pytest.approx(retrieval.retrieval_metrics(similarity, sentence_of_video))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(value):
  similarity = np.eye(4)
  similarity[2, 3] = value
  with pytest.raises(ValueError, match="not finite"):
    retrieval.retrieval_metrics(similarity, np.arange(4))


def test_a_sentence_without_a_video_and_wrong_shapes_are_refused(without_type_checks):
  with pytest.raises(ValueError, match="each of the 3 sentences"):
    retrieval.retrieval_metrics(np.zeros((2, 3)), np.array([0, 2]))
  with pytest.raises(ValueError, match="sentence_of_video"):
    retrieval.retrieval_metrics(np.zeros((3, 3)), np.arange(2))
  with pytest.raises(ValueError, match="ties"):
    retrieval.retrieval_metrics(np.eye(2), np.arange(2), ties="optimistic")


def test_averaged_ties_worked_by_hand():
  # Rows are videos. Video 0 finds its sentence alone at the top; video 1 ties with one other
  # there, at position 0.5; video 2 with two others behind one, at position 2.
  similarity = np.array([
      [5.0, 1.0, 1.0, 0.0, 0.0], [0.0, 3.0, 3.0, 1.0, 1.0], [9.0, 2.0, 2.0, 2.0, 0.0],
      [0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0, 0.0],
  ])
  found = retrieval.retrieval_metrics(similarity, np.arange(5), ties="averaged")
  positions = [0.0, 0.5, 2.0, 1.0, 2.0]
  assert found["v2t/R@1"] == pytest.approx(20)  # a tie at the top is not the top
  assert found["v2t/R@5"] == found["v2t/R@10"] == 100
  assert found["v2t/MedR"] == np.median(positions) + 1 == 2
  assert found["v2t/MnR"] == pytest.approx(np.mean(positions) + 1)


def test_averaged_positions_of_a_constant_model_and_recall_below_k():
  constant = np.zeros((9, 9))
  found = retrieval.retrieval_metrics(constant, np.arange(9), ties="averaged")
  for direction in ("t2v", "v2t"):  # all at position 4
    assert [found[f"{direction}/R@{k}"] for k in (1, 5, 10)] == [0, 100, 100]
    assert found[f"{direction}/MedR"] == found[f"{direction}/MnR"] == 5
  found = retrieval.retrieval_metrics(np.zeros((11, 11)), np.arange(11), ties="averaged")
  assert [found[f"t2v/R@{k}"] for k in (1, 5, 10)] == [0, 0, 100]  # position 5 is not below 5


@pytest.mark.parametrize("case", [c for c in CASES if not c["ties"]], ids=lambda case: case["name"])
def test_without_ties_all_ways_to_count_them_agree(case):
  inputs = golden_inputs(case)
  averaged, expected = (
    retrieval.retrieval_metrics(*inputs, ties=ties) for ties in ("averaged", "expected")
  )
  assert averaged == pytest.approx(expected)


def test_geometric_means_of_recalls():
  numbers = {f"{d}/R@{k}": 10.0 * k + n for n, d in enumerate(["t2v", "v2t"]) for k in (1, 5, 10)}
  expected = {"t2v": (10 * 50 * 100) ** (1 / 3), "v2t": (11 * 51 * 101) ** (1 / 3)}
  assert retrieval.geometric_means(numbers) == pytest.approx(
    {f"{direction}/geometric_mean": mean for direction, mean in expected.items()}
  )
