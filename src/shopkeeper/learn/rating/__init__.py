"""Which stars a customer would give a product: the classical learners by name, and the mean and factor models."""
