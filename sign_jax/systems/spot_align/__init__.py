"""SPOT-ALIGN (Duarte et al., CVPR 2022)."""
