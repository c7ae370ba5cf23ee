"""Golden cases: numbers measured on released PyTorch code, and ours for the same inputs.

A case is STEM.json (facts: parameters, sizes, norms) and STEM.npz (arrays). Its weights and inputs
are functions of names (`seeded`), so nothing large is stored.
"""
