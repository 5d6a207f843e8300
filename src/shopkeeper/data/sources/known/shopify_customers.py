# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Shopify's customers export, old and new. A customer is known by the e-mail address, as in the orders export; orders that bear
only their telephone number find them by it."""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, full_name
from shopkeeper.data.sources.known.telephone import telephone

_USES: Final = (
    "Customer ID", "Phone", "City", "Country Code", "Zip", "Default Address City", "Default Address Country Code",
    "Default Address Zip", "Default Address Phone", "Accepts Email Marketing", "Accepts Marketing",
    "Accepts SMS Marketing", "Total Spent", "Total Orders", "Tags", "Note", "Tax Exempt",
)  # fmt: skip
_ATTRIBUTES: Final = {
    "shopify_id": '"Customer ID"', "city": 'coalesce("Default Address City", "City")',
    "country": 'coalesce("Default Address Country Code", "Country Code")',
    "accepts_email": 'coalesce("Accepts Email Marketing", "Accepts Marketing")',
    "accepts_sms": '"Accepts SMS Marketing"', "tags": '"Tags"', "tax_exempt": '"Tax Exempt"',
}  # fmt: skip
_PAIRS: Final = ", ".join(f"('{name}', ltrim({value}, ''''))" for name, value in _ATTRIBUTES.items())
_COUNTRY: Final = 'coalesce("Default Address Country Code", "Country Code")'
_SELECT: Final = f"""
SELECT {{line}}, coalesce(lower("Email"), {telephone('"Phone"', _COUNTRY)}, ltrim("Customer ID", '''')) AS id,
  {full_name('"First Name"', '"Last Name"')} AS name, lower("Email") AS email,
  {telephone('coalesce("Phone", "Default Address Phone")', _COUNTRY)} AS phone,
  nullif(to_json(map_from_entries(list_filter([{_PAIRS}], lambda e: e[2] IS NOT NULL)))::VARCHAR, '{{{{}}}}') AS attributes
FROM {{rows}}
"""

SHOPIFY_CUSTOMERS: Final = Known(
    name="Shopify customers",
    needs=("First Name", "Last Name", "Email", "Total Spent", "Total Orders"),
    uses=tuple(name for name in _USES if name not in ("Total Spent", "Total Orders")),
    parts=(Part(kind="customers", select=_SELECT),),
)
