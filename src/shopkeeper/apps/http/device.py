"""What a browser runs on, in one word: no more of it is kept."""

from collections.abc import Mapping

from shopkeeper.core.decision import Device


def device_of(headers: Mapping[str, str]) -> Device:
    """By the client hint where there is one, else by the usual words of ``User-Agent``; "" where neither tells.

    Source: User-Agent Client Hints (WICG); browser detection by "Mobi": MDN.
    """
    agent = headers.get("user-agent", "")
    if "iPad" in agent or "Tablet" in agent or ("Android" in agent and "Mobi" not in agent):
        return "tablet"
    if headers.get("sec-ch-ua-mobile") == "?1" or "Mobi" in agent:
        return "mobile"
    return "desktop" if agent.startswith("Mozilla/") else ""
