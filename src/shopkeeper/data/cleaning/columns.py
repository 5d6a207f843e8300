"""The kinds of file that can be imported and the columns of each, with the names people give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, get_args

from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import MapFile

Kind = Literal[
    "order_lines", "events", "products", "customers", "prices", "competitor_prices", "attributes", "stock", "baskets"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SHAPES: Final[frozenset[Kind]] = frozenset({"stock", "baskets"})
"""Kinds of file without a table of their own: stock levels become events, baskets become order lines."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its form (values.FORMS), where it lands in the lake (default: its own name) and its other names."""

    name: str
    form: str = "text"
    lands: str = ""
    required: bool = False
    synonyms: tuple[str, ...] = ()

    @property
    def lake(self) -> str:
        return self.lands or self.name


def _column(name: str, form: str = "text", synonyms: str = "", *, lands: str = "", required: bool = False) -> Column:
    return Column(name, form, lands, required, tuple(synonyms.split()))


_AT: Final = "time timestamp datetime date created_at occurred_at event_time 时间 日期 下单时间"
_CUSTOMER: Final = "customer_id user user_id userid buyer member_id household_id 顾客 客户 会员编号 用户编号"
_PRODUCT: Final = "product_id item item_id itemid sku stock_code stockcode 商品 商品编号"
_PRICE: Final = "unit_price unitprice price_each item_price 价格 单价"
_ORDER: Final = "order_id orderid invoice invoice_no invoiceno basket_id transaction_id 订单 订单号 订单编号"
_AMOUNTS: Final = (
    _column("discount", "amount", "discount_amount line_discount 优惠 折扣", lands="discount_minor"),
    _column("tax", "amount", "tax_amount 税", lands="tax_minor"),
    _column("refund", "amount", "refund_amount refunded 退款", lands="refund_minor"),
)
COLUMNS: Final[Mapping[Kind, tuple[Column, ...]]] = {
    "order_lines": (
        _column("order", "id", _ORDER, lands="order_id", required=True),
        _column("line", "position", "line_number line_no"),
        _column("at", "time", _AT + " ordered_at order_date invoicedate", required=True),
        _column("visitor", "person", "visitor_id anonymous_id"),
        _column("customer", "person", _CUSTOMER),
        _column("product", "id", _PRODUCT, required=True),
        _column("variant", "id", "variant_id 规格"),
        _column("quantity", "quantity", "qty amount_of_units count 数量"),
        _column("price", "amount", _PRICE, lands="price_minor"),
        *_AMOUNTS,
        _column("currency", "currency", "currency_code 币种"),
        _column("decision", "id", "decision_id recommendation_id"),
        _column("event", "id", lands="event_id"),
    ),
    "events": (
        _column("id", "id", "event_id eventid message_id messageid"),
        _column("at", "time", _AT, required=True),
        _column("action", "action", "event event_type type event_name 行为", required=True),
        _column("visitor", "person", "visitor_id visitorid anonymous_id anonymousid cookie_id"),
        _column("customer", "person", _CUSTOMER),
        _column("session", "id", "session_id sessionid"),
        _column("product", "id", _PRODUCT),
        _column("variant", "id", "variant_id"),
        _column("quantity", "level", "qty 数量"),
        _column("price", "amount", _PRICE, lands="price_minor"),
        _column("currency", "currency", "currency_code"),
        _column("order", "id", _ORDER, lands="order_id"),
        _column("decision", "id", "decision_id recommendation_id"),
        _column("placement"),
        _column("position", "position", "slot rank"),
        _column("query", "text", "search_term search_query"),
        _column("path", "text", "page_path url page"),
        _column("dwell_seconds", "seconds", "dwell duration_seconds"),
        _column("rating", "rating", "stars score 评分"),
        _column("text", "text", "review review_text comment 评论"),
        _column("coupon", "text", "coupon_code coupon_id"),
        _column("campaign", "text", "campaign_id"),
        _column("channel"),
        _column("properties"),
    ),
    "products": (
        _column("id", "id", _PRODUCT + " handle", required=True),
        _column("name", "text", "title product_name description_short 名称 商品名称", required=True),
        _column("category_1", "text", "category department 类目 分类"),
        *(_column(f"category_{level}") for level in range(2, 6)),
        _column("brand", "text", "vendor manufacturer 品牌"),
        _column("description", "text", "body 描述"),
        _column("price", "amount", _PRICE + " list_price", lands="price_minor"),
        _column("cost", "amount", "cost_price cost_per_item 成本", lands="cost_minor"),
        _column("currency", "currency", "currency_code"),
        _column("stock", "integer", "inventory stock_quantity 库存"),
        _column("active", "flag", "published is_active"),
        _column("url", "text", "link"),
        _column("image_url", "text", "image image_link"),
        _column("tags"),
        _column("variants"),
        _column("at", "time", "updated_at valid_from"),
    ),
    "customers": (
        _column("id", "person", _CUSTOMER, required=True),
        _column("registered_at", "time", "created_at signup_date 注册时间"),
        _column("name", "text", "full_name customer_name 姓名"),
        _column("email", "text", "e_mail email_address 邮箱"),
        _column("phone", "text", "phone_number mobile 手机"),
        _column("language", "text", "locale"),
        _column("attributes"),
        _column("at", "time", "updated_at valid_from"),
    ),
    "prices": (
        _column("product", "id", _PRODUCT, required=True),
        _column("at", "time", _AT + " valid_from", required=True),
        _column("price", "amount", _PRICE, lands="price_minor", required=True),
        _column("currency", "currency", "currency_code"),
    ),
    "competitor_prices": (
        _column("product", "id", _PRODUCT, required=True),
        _column("competitor", "id", "rival competitor_name competitor_id seller 竞争对手 竞品店铺", required=True),
        _column("at", "time", _AT + " seen_at checked_at", required=True),
        _column("price", "amount", _PRICE + " competitor_price", lands="price_minor", required=True),
        _column("currency", "currency", "currency_code"),
        _column("url", "text", "link"),
    ),
    "attributes": (
        _column("customer", "person", _CUSTOMER, required=True),
        _column("name", "id", "attribute attribute_name key 属性", required=True),
        _column("value", "text", "attribute_value 值", required=True),
        _column("origin", "text", "source provider third_party data_source 来源", required=True),
        _column("consent", "agreed", "agreed consented opt_in 同意 授权", required=True),
        _column("consent_source", "text", "consent_record consent_reference"),
        _column("at", "time", _AT + " collected_at"),
    ),
    "stock": (
        _column("product", "id", _PRODUCT, required=True),
        _column(
            "level",
            "quantity",
            "stock stock_level quantity qty on_hand available inventory stock_quantity 库存 数量",
            required=True,
        ),
        _column("at", "time", _AT + " counted_at updated_at"),
        _column("location", "text", "warehouse store 仓库"),
    ),
    "baskets": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Which of a file's columns is which of ours; ``unused`` of theirs are reported."""

    theirs: Mapping[str, str]
    unused: tuple[str, ...]


def match(kind: Kind, present: Sequence[str], mapping: MapFile, file: str, *, partly: bool = False) -> Matched:
    """Find our columns among a file's, by the map file, then by name, then by synonym. ``partly``: none must be there.

    Raises:
        DataError: a required column is missing, or the map names a column of ours or theirs that does not exist.
    """
    ours = {column.name: column for column in COLUMNS[kind]}
    for name, their in mapping.columns.items():
        if name not in ours:
            raise DataError("map_unknown_column", kind=kind, name=name, allowed=", ".join(ours))
        if their not in present:
            raise DataError(
                "column_missing", file=file, name=their, found=", ".join(present), hint=_near(their, present)
            )
    for name in mapping.values:
        if not any(column.name == name for columns in COLUMNS.values() for column in columns):
            raise DataError("map_unknown_column", kind=kind, name=name, allowed=", ".join(ours))
    plain = {_plain(their): their for their in reversed(present)}
    theirs = dict(mapping.columns)
    for column in COLUMNS[kind]:
        if column.name in theirs or column.name in mapping.constants:
            continue
        for name in (column.name, column.lake, *column.synonyms):
            candidate = plain.get(_plain(name))
            if candidate is not None and candidate not in theirs.values():
                theirs[column.name] = candidate
                break
    for column in COLUMNS[kind]:
        if not partly and column.required and column.name not in theirs and column.name not in mapping.constants:
            raise DataError(
                "column_missing",
                file=file,
                name=column.name,
                found=", ".join(present),
                hint=_near(column.name, present),
            )
    used = set(theirs.values())
    return Matched(theirs=theirs, unused=tuple(name for name in present if name not in used))


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _near(name: str, present: Sequence[str]) -> str:
    """The most similar name, or "-"."""
    return next(iter(get_close_matches(name, present, 1, 0.5)), "-")
