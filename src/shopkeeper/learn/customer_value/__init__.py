"""How often customers will buy, what they will spend, and what they are worth."""
