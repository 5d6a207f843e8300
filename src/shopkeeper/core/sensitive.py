"""What must not be inferred or targeted: special categories of personal data, and minors.

Source: GDPR Art. 9(1); EU Digital Services Act Art. 26(3) and 28(2); China's PIPL Art. 28.
"""

import re
from collections.abc import Sequence
from typing import Final

SENSITIVE: Final = (
    "health", "medic", "medicine", "pharma", "disease", "illness", "disab", "pregnan", "fertility", "contracept",
    "condom", "incontinen", "hiv", "religio", "religion", "church", "mosque", "ethnic", "racial", "politic", "union",
    "sexual", "orientation", "genetic", "biometric", "criminal", "conviction", "健康", "疾病", "医疗", "药", "怀孕",
    "孕妇", "避孕", "宗教", "信仰", "民族", "种族", "政治", "工会", "性取向", "性生活", "基因", "生物识别", "残疾",
    "犯罪",
)  # fmt: skip
"""Beginnings of words (Chinese: parts of them). A shop may add to them in ``[privacy] sensitive``."""
ADULT: Final = 18
"""Nobody younger is in an audience."""
_LATIN: Final = re.compile(r"[a-z]+")


def is_sensitive(text: str, more: Sequence[str] = ()) -> bool:
    """Whether the name of a field, a category or a tag speaks of something that may not be targeted."""
    lower = text.lower()
    words = _LATIN.findall(lower)
    for each in (*SENSITIVE, *more):
        sign = each.lower()
        if sign.isascii() and sign.isalpha():
            if any(word.startswith(sign) for word in words):
                return True
        elif sign and sign in lower:
            return True
    return False
