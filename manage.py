#!/usr/bin/env python
"""Entry point of Gancho's management commands."""

import sys

from portal.environment import load_settings


def main() -> None:
    load_settings()
    from django.core.management import execute_from_command_line

    from portal import missing_tables

    with missing_tables.told():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
