"""Everything that crosses a boundary: frozen dataclasses of arrays and plain values."""
