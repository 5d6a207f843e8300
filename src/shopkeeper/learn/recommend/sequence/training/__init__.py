"""How sequence models are learned: the only place that imports torch (extra ``deep``)."""
