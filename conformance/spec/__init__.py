"""The spec language: model, expressions and shapes, parsing, catalogue of files."""
