"""Makes ``pytest --impl=…`` work in a checkout that is not installed."""

pytest_plugins = ["conformance.plugin"]
