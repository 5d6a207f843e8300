"""Numbers about a visitor, a customer or a product, as of a moment."""
