"""What signs are spotted from: mouthings, and the isolated signs of lexicons."""

import collections

import numpy as np

from data_builders.signing_sim import corpus, exemplars, lexicon, mouthed, wording


def heard(seed):
  """[(video, sign's spans, mouthing)] of all training videos of `small`, with spans made up."""
  for video in corpus.videos(corpus.SMALL)["train"]:
    spans = np.array([(20 * k + 10, 20 * k + 15) for k in range(len(video.glosses))], np.int32)
    for found in mouthed.mouthings(video, spans, 20 * len(spans) + 10, seed):
      yield video, spans, found


def test_mouthings_are_some_of_the_signs_and_some_are_wrong():
  found, known = list(heard(0)), mouthed.mouthed_words(0)
  signs = sum(word in known for video in corpus.videos(corpus.SMALL)["train"]
              for word in (wording.said(video.sentence)[lexicon.concept(g)]
                           for g in video.glosses))
  assert 0.08 < len(found) / signs < 0.12
  near = 0
  for video, spans, mouthing in found:
    said = wording.said(video.sentence)
    own = [span.mean() for g, span in zip(video.glosses, spans, strict=True)
           if said[lexicon.concept(g)] == mouthing.word]
    near += any(abs(mouthing.time * corpus.FPS - middle) <= 2.5 for middle in own)
    assert mouthing.word in known and len(mouthing.word) >= 4
    assert 0.3 <= mouthing.confidence <= 1
  assert 0.75 < near / len(found) < 0.92


def test_seeds_draw_words_and_signs_that_are_mouthed():
  assert mouthed.mouthed_words(0) != mouthed.mouthed_words(1)
  counts = [collections.Counter(x.word for *_, x in heard(seed)) for seed in (0, 1)]
  assert counts[0] != counts[1]
  for seed in (0, 1):  # of synonyms that no lexicon has, too
    assert mouthed.mouthed_words(seed) & mouthed.synonyms()
    assert 60 < len(mouthed.mouthed_words(seed) & exemplars.words("first")) < 80


def test_lexicons_have_three_exemplars_of_every_sign_and_two_of_half_of_the_words():
  for name, count, share in (("first", 3, 1.0), ("second", 2, 0.5)):
    signs = collections.Counter(x.gloss for x in exemplars.exemplars(name, corpus.SMALL))
    assert set(signs.values()) == {count}
    assert len(exemplars.words(name)) == share * len(exemplars.words("first"))
  rain = [x for x in exemplars.exemplars("first", corpus.SMALL) if x.word == "rain"]
  assert [x.gloss for x in rain] == ["RAIN"] * 3 + ["RAIN-2"] * 3
  assert len({x.name for x in exemplars.exemplars("first", corpus.SMALL)}) == 480


def test_signers_of_lexicons_sign_nothing_else_slowly_and_largely():
  people = {name: {x.signer for x in exemplars.exemplars(name, corpus.SMALL)}
            for name in exemplars.NAMES}
  known = {video.signer.name for videos in corpus.videos(corpus.SMALL).values() for video in videos}
  names = [{x.name for x in people[name]} for name in exemplars.NAMES]
  assert not names[0] & names[1] and not (names[0] | names[1]) & known
  assert {(x.speed, x.amplitude) for x in people["first"] | people["second"]} == {(0.65, 1.15)}
