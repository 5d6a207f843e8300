"""The classical learners by name, and what they foretell of customers: who buys, who leaves, what is returned."""
