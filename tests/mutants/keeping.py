"""What is promised of what is kept: secrets that overlap, the trail, what is erased and what is removed."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "senders don't hear that an overlap was ended",
        "webhooks/actions.py",
        "        # Another version, so that every sender makes its plan anew.\n"
        "        record_version(locked, by=by.label)\n",
        "",
        ("tests/dispatch/test_signing_overlap.py",),
    ),
    Mutant(
        "a replaced signing secret is kept for ever",
        "webhooks/retention.py",
        'return over.update(previous_signing_secret="")',
        "return over.count()",
        ("tests/webhooks/test_secret_page.py::test_the_overlap_ends_by_itself_and_the_old_secret_is_forgotten",),
    ),
    Mutant(
        "a link outlives the block of its participant",
        "portal/download_links.py",
        " AND p.blocked_at IS NULL",
        "",
        ("tests/catalog/test_downloads.py::test_link_of_a_blocked_participant_ends_until_it_is_unblocked",),
    ),
    Mutant(
        "the download workers know of no block",
        "portal/download_wsgi.py",
        'slots.fill("link_holds", link_holds)\n',
        "",
        ("tests/catalog/test_download_workers.py::test_they_serve_nothing_to_a_blocked_participant",),
    ),
    Mutant(
        "whoever writes to the database may empty an entry unseen",
        "access/audit_chain.py",
        "        return _find_redaction_problem(entry, link, find_key)\n",
        '        return ""\n',
        ("tests/portal/test_erasing.py::test_the_chain_stays_whole_and_a_forged_emptying_shows",),
    ),
    Mutant(
        "an emptied entry keeps what was changed",
        "access/redaction.py",
        'rows.update(object_label="", before={}, after={})',
        'rows.update(object_label="", before={})',
        ("tests/portal/test_erasing.py::test_nothing_is_left_that_tells_who_it_was",),
    ),
    Mutant(
        "what is in flight is erased under its sender",
        "dispatch/erasing.py",
        "        rows = Delivery.objects.filter(idle, webhook__in=webhooks)",
        "        rows = Delivery.objects.filter(webhook__in=webhooks)",
        ("tests/portal/test_erasing.py::test_what_is_in_flight_is_waited_for",),
    ),
    Mutant(
        "rows go while what chose them is being written",
        "portal/erasing.py",
        "    if seconds_to_wait(erasure, timezone.now()):\n",
        "    if False:\n",
        ("tests/portal/test_erasing.py::test_nothing_is_removed_before_what_was_under_way_has_ended",),
    ),
    Mutant(
        "an erased participant is let in again",
        "access/actions.py",
        "        if Erasure.objects.filter(participant=locked).exists():\n            raise ActionError(\n",
        "        if False:\n            raise ActionError(\n",
        ("tests/portal/test_erasing.py::test_from_the_order_on_it_is_blocked_for_good_and_told_of_nothing",),
    ),
    Mutant(
        "a formula reaches the auditor's spreadsheet",
        "access/audit_export.py",
        '"" if value is None else escape_formula(str(value))',
        '"" if value is None else str(value)',
        ("tests/access/test_audit_export.py::test_what_a_spreadsheet_would_run_is_text",),
    ),
    Mutant(
        "answers are kept as long as their notifications",
        "dispatch/retention.py",
        '.exclude(response_body="").update(response_body="")',
        '.exclude(response_body="").update(response_body="x")',
        ("tests/dispatch/test_retention.py::test_what_was_answered_goes_with_the_bodies_of_whatever_delivery",),
    ),
)
