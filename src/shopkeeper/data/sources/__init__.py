"""Where data comes from: each source reads its files as rows of text, believing nothing."""
