"""Text augmentation of CiCo and UPRet: a random swap of two words (EDA, Wei and Zou 2019)."""


def random_swap(text, rng, probability=0.5):
  """`text` with two of its words exchanged, or as it is.

  Args:
    text: str; its words are what white space separates.
    rng: np.random.Generator.
    probability: of a swap. A text of fewer than two words never changes.

  Returns:
    str; swapped words are joined by single blanks.
  """
  words = text.split()
  if len(words) < 2 or rng.random() >= probability:
    return text
  first, second = rng.choice(len(words), size=2, replace=False)
  words[first], words[second] = words[second], words[first]
  return " ".join(words)
