"""The steps from every layout that state ever had to today's; Alembic runs them."""
