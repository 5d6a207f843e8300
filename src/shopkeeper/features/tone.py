"""The tone of a review, from -1 (bad) to 1 (good): its stars, or where there are none a small list of words.

The words are few and common, in English and Chinese, and were chosen by hand; irony, comparisons and mixed texts are
beyond them. A good word behind a denial ("not good") counts as a bad one; good and bad words together are 0; a text
with none of them says nothing. The patterns are read alike by RE2, Java and Python.
"""

import re
from math import floor
from typing import Final

LIKED: Final = (
    r"\b(good|great|excellent|perfect|love|loved|loves|lovely|amazing|awesome|best|happy|nice|wonderful|fantastic|recommend"
    r"|recommended|satisfied|comfortable|beautiful|delicious|fresh|sturdy|worth)\b"
    r"|好|不错|喜欢|满意|棒|赞|值得|推荐|舒服|舒适|漂亮|好吃|完美|实惠|方便|划算|给力|超值|正品|精致|新鲜|很香|很甜|很快|爱不释手|开心"
)
"""Words of praise."""
DISLIKED: Final = (
    r"\b(bad|poor|terrible|awful|horrible|worst|broke|broken|waste|disappointed|disappointing|disappointment|refund|useless"
    r"|cheaply|defective|faulty|damaged|rotten|hate|hated|dirty|slow|never again|fell apart|stopped working)\b"
    r"|差|烂|坏|垃圾|失望|后悔|退货|退款|假货|骗|上当|难吃|难闻|难用|破|臭|恶心|卡顿|死机|故障|投诉|糟|脏|掉色|起球|褪色|不值|次品|异味|霉|忽悠|无语|郁闷"
)
"""Words of blame."""
NEGATED: Final = (
    r"\b(not|never|isn't|wasn't|don't|didn't|doesn't|cannot|can't|won't|hardly)( \w+)? "
    r"(good|great|happy|nice|recommend|satisfied|comfortable|worth|like|love|work|working|fresh)\b"
    r"|(不|没|没有|不太|不怎么|不是很|不够|并不)(好|喜欢|满意|推荐|值得|舒服|舒适|漂亮|方便|新鲜|划算|实惠|正|清|行|能用|合适|开心|会再)"
)
"""Words of praise behind a denial."""
PATTERNS: Final = {"liked": LIKED, "disliked": DISLIKED, "negated": NEGATED}
"""The parameters of ``customer_reviews.sql``."""
THOUSANDTHS: Final = 1000
_LIKED, _DISLIKED, _NEGATED = (re.compile(each, re.ASCII) for each in (LIKED, DISLIKED, NEGATED))


def tone_of(rating: float | None, text: str) -> int | None:
    """The tone in thousandths, as ``customer_reviews.sql`` says it; None where nothing tells."""
    if rating is not None:
        return floor(max(-1.0, min(1.0, (rating - 3.0) / 2.0)) * THOUSANDTHS + 0.5)
    small = text.lower()
    liked, disliked, negated = (bool(each.search(small)) for each in (_LIKED, _DISLIKED, _NEGATED))
    if liked and not negated:
        return 0 if disliked else THOUSANDTHS
    return -THOUSANDTHS if disliked or negated else None
