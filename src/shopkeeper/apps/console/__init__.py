"""The marketer's console: pages made on the server, in two languages, without scripts from anywhere."""
