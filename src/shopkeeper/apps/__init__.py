"""Ways in: parse, call Shop, render; no logic."""
