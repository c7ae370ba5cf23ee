"""SEDS (Jiang et al., ACM MM 2024)."""
