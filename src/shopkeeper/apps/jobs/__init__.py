"""Work that runs beside the server."""
