"""The library's Python interface: what `import sign_jax` offers, with numpy in and out."""
