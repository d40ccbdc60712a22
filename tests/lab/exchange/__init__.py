"""Simulated Exchange servers: certificate cmdlets, services, connectors, listeners. See docs/lab-exchange.md."""
