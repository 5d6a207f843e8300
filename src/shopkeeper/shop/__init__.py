"""The wiring: settings -> Shop. The only floor that knows both learning and deciding."""

from shopkeeper.shop.shop import Shop

__all__ = ["Shop"]
