"""What a browser runs on, in one word."""

import pytest

from shopkeeper.apps.http.device import device_of

_MOZILLA = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {}"


@pytest.mark.parametrize(
    ("headers", "device"),
    [
        ({"user-agent": _MOZILLA.format("iPhone; CPU iPhone OS 17_0 like Mac OS X", "Mobile/15E148")}, "mobile"),
        ({"user-agent": _MOZILLA.format("Linux; Android 14; Pixel 8", "Chrome/120 Mobile Safari/537.36")}, "mobile"),
        ({"user-agent": _MOZILLA.format("Linux; Android 14; SM-X900", "Chrome/120 Safari/537.36")}, "tablet"),
        ({"user-agent": _MOZILLA.format("iPad; CPU OS 16_0 like Mac OS X", "Mobile/15E148")}, "tablet"),
        ({"user-agent": _MOZILLA.format("Windows NT 10.0; Win64; x64", "Chrome/120 Safari/537.36")}, "desktop"),
        ({"user-agent": "Mozilla/5.0 (X11)", "sec-ch-ua-mobile": "?1"}, "mobile"),
        ({"user-agent": "python-requests/2.31"}, ""),
        ({}, ""),
    ],
)
def test_known_browsers(headers: dict[str, str], device: str) -> None:
    """Each header of a known browser gives its word; what says nothing gives none."""
    assert device_of(headers) == device
