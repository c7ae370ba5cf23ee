"""UPRet (Wu et al., ECCV 2024)."""
