"""HTTP, whatever it carries: requests, answers, problems, negotiation."""
