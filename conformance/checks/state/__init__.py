"""What a layer remembers: parameters, buffers, modes, calls before."""
