"""The shop's words: frozen dataclasses and protocols. Standard library and numpy only, no I/O."""
