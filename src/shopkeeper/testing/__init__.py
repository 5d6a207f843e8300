"""Laws that every part of a kind must keep, shipped with the product so that your own parts can be held to them."""
