"""Serve relying apps: verify our tokens and read `student_links`; never imports another room of the house."""
