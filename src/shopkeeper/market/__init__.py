"""What a marketer sets up: audiences, and what is done with them."""
