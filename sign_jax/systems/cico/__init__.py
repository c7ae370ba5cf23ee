"""CiCo (Cheng et al., CVPR 2023)."""
