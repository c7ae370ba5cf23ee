"""Files that people annotate and subtitle videos with: WebVTT, SubRip (.srt) and ELAN (.eaf).

They are read as sentences with times; subtitles and documents of ELAN are written by `subtitles`
and `sign_jax.search.annotations`. Files come from strangers: sizes are limited, nothing that they
name is opened, and what cannot be read is named with its line.
"""
