import numpy as np

from sign_jax.metrics import lookalikes

# Glosses 0 and 1 mean nearly the same, 2 means something else, 3 has no vector.
EMBEDDINGS = np.array([[2.0, 0.1], [1.0, 0.0], [-1.0, 1.0], [0.0, 0.0]])
SHARES = np.array([
    [0.45, 0.40, 0.10, 0.05],  # 0 or 1
    [0.36, 0.05, 0.44, 0.15],  # 2 or 0
    [0.55, 0.40, 0.03, 0.02],  # sure
    [0.05, 0.05, 0.44, 0.46],  # 3 or 2
])


def test_kinds_by_margin_and_meaning():
  # Logarithms of probabilities count, whatever is added to each row.
  scores = np.log(SHARES) + np.arange(4.0)[:, None]
  np.testing.assert_array_equal(lookalikes.kinds(scores, EMBEDDINGS), [2, 1, 0, 1])
  np.testing.assert_array_equal(lookalikes.kinds(scores, EMBEDDINGS, margin=0.04), [0, 0, 0, 1])
  # The cosine of 0 and 1 is 0.9988.
  found = lookalikes.kinds(scores, EMBEDDINGS, similarity=0.9999)
  np.testing.assert_array_equal(found, [1, 1, 0, 1])


def test_accuracies_by_kind():
  found = np.array([2, 1, 0, 1])
  labels = np.array([0, 0, 0, 3])
  assert lookalikes.accuracies(found, SHARES, labels) == {
      "others/top1": 100.0, "unrelated/top1": 50.0, "related/top1": 100.0, "top1": 75.0
  }
  only = lookalikes.accuracies(np.zeros(4, int), SHARES, labels)
  assert only == {"others/top1": 75.0, "top1": 75.0}
