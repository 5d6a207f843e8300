"""A Flink job that keeps the live profiles; it runs in an environment of its own (``make flink``)."""
