"""What a shop folder knows besides its facts: keys, people's consent, and the ledger of erasures (``state.db``)."""
