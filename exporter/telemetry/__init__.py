"""What goes on, told: log lines, metrics, the audit log, spans, readiness."""
