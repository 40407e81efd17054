"""HTTP in general: requests, responses, problems, negotiation."""
