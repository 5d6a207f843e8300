# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""WooCommerce customers, as the two usual export plugins write them. A customer is known by the e-mail address, as in the
orders export; orders that bear only their telephone number find them by it."""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, full_name
from shopkeeper.data.sources.known.telephone import telephone

_ATTRIBUTES: Final = {
    "woocommerce_id": "coalesce(customer_id, ID)", "city": "coalesce(billing_city, shipping_city)",
    "country": "coalesce(billing_country, shipping_country)",
}  # fmt: skip
_PAIRS: Final = ", ".join(f"('{name}', {value})" for name, value in _ATTRIBUTES.items())
_SELECT: Final = f"""
SELECT {{line}}, coalesce(lower(coalesce(email, user_email)), nullif(coalesce(customer_id, ID), '0')) AS id,
  {full_name("coalesce(first_name, billing_first_name)", "coalesce(last_name, billing_last_name)")} AS name,
  lower(coalesce(email, user_email)) AS email,
  {telephone("coalesce(billing_phone, phone)", "coalesce(billing_country, shipping_country)")} AS phone,
  coalesce(date_registered, user_registered) AS registered_at,
  nullif(to_json(map_from_entries(list_filter([{_PAIRS}], lambda e: e[2] IS NOT NULL)))::VARCHAR, '{{{{}}}}') AS attributes
FROM {{rows}}
"""

WOOCOMMERCE_CUSTOMERS: Final = Known(
    name="WooCommerce customers",
    needs=(),
    any_of=(("email", "user_email"), ("date_registered", "user_registered"), ("billing_phone", "billing_country", "billing_email")),
    unlike=("order_id", "order_number", "line_items", "action", "event"),
    uses=(
        "customer_id", "ID", "email", "user_email", "first_name", "last_name", "billing_first_name", "billing_last_name",
        "billing_phone", "phone", "billing_country", "shipping_country", "billing_city", "shipping_city", "date_registered", "user_registered",
    ),
    parts=(Part(kind="customers", select=_SELECT),),
)  # fmt: skip
