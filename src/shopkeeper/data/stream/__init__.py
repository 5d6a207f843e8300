"""What several processes share: live profiles in Redis."""
