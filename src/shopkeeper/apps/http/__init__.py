"""The HTTP API: requests parsed, the shop called, answers rendered. No logic of its own."""
