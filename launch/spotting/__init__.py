"""SPOT-ALIGN's rounds of spotting and training; `launch.spot_align` is the program."""
