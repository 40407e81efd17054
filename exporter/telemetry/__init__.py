"""Logs, metrics, the audit log and traces."""
