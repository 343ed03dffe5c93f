"""Servers of other people's making, started on loopback and only configured here: what they accept is right.

Processes of their own: oidc-provider (oidc/), Authlib (jwt_bearer.py), Simple JWT (simple_jwt.py), nginx (mtls.py).
"""
