"""Shopkeeper 掌柜: a personalised-marketing engine for online shops."""

__version__ = "0.1.0"
