"""What features can be stored in."""

FEATURE_DTYPES = ("float16", "float32")  # the default first
