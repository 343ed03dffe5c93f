"""What people must prove again, and sessions that are over, taken out one at a time."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "a proof holds for ever",
        "access/reauthentication.py",
        "    return proof if holds else None\n",
        "    return proof\n",
        ("tests/access/test_reauthentication.py::test_a_proof_is_remembered_and_ends_after_some_minutes",),
    ),
    Mutant(
        "credentials of a connection change without proof",
        "connections/actions.py",
        "    if not proven:\n        raise ProofMissing\n",
        "    return\n",
        ("tests/connections/test_proof.py::test_creating_one_is_refused_until_it_is_proved_who_asks",),
    ),
    Mutant(
        "credentials of a webhook change without proof",
        "webhooks/actions.py",
        "    if not proven and changes_credentials(draft):\n",
        "    if False:\n",
        ("tests/webhooks/test_proof.py::test_what_touches_credentials_takes_proof",),
    ),
    Mutant(
        "a test takes a stored token anywhere",
        "webhooks/trials.py",
        "    if not proven and gives_stored_away(draft):\n",
        "    if False:\n",
        ("tests/webhooks/test_proof.py::test_a_test_does_not_send_a_shared_token_to_any_server_without_proof",),
    ),
    Mutant(
        "an ended session goes on",
        "access/session_middleware.py",
        "        if row is not None and row.ended_at is not None:\n",
        "        if False:\n",
        ("tests/access/test_sessions.py::test_one_is_ended_and_refused_at_its_next_click",),
    ),
    Mutant(
        "an ended session lives on under another key",
        "access/session_middleware.py",
        "        request.session.flush()\n",
        "        pass\n",
        ("tests/access/test_sessions.py::test_a_session_that_is_ended_while_it_changes_its_key_does_not_live_on",),
    ),
)
