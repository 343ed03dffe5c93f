"""What others do, written fairly and then left alone: the designs that ours is measured against.

A small Django app with tables of its own; nothing of the portal is used.
"""
