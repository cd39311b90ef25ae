"""The text of ``--impl``, turned into a namespace: paths, packages, notebooks, placeholders."""
