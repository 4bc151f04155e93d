"""The pages that people see who click "Connect". Rendered here, passed on by the ingress."""
