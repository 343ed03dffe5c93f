"""What is promised of signing in with a second step."""

from tests.mutants.mutant import Mutant

CODES = "tests/access/test_mfa_codes.py"
PAGES = "tests/access/test_mfa_pages.py"

MUTANTS = (
    Mutant(
        "a code of an app counts as often as one likes",
        "access/mfa/codes.py",
        "    if step is None or step <= row.data.get(LAST_STEP, 0):\n",
        "    if step is None:\n",
        (f"{CODES}::test_a_code_counts_once",),
    ),
    Mutant(
        "guesses at codes are not counted",
        "access/mfa/codes.py",
        "    if not ratelimit.consume(request, action=LIMIT, key=_limit_key(user)):\n",
        "    if False:\n",
        (f"{CODES}::test_guesses_end_after_five_even_with_the_right_code_and_a_mail_says_so",),
    ),
    Mutant(
        "a sealed seed opens for somebody else",
        "vault/derived.py",
        "    if not plain.startswith(prefix):\n",
        '    if not plain.startswith(f"{purpose}:"):\n',
        (f"{CODES}::test_seeds_lie_sealed_in_the_database_for_their_owner_only",),
    ),
    Mutant(
        "other sessions live on after a change of the second factor",
        "access/mfa/actions.py",
        'session_epoch=F("session_epoch") + 1',
        'session_epoch=F("session_epoch")',
        (f"{PAGES}::test_setting_up_ends_the_other_sessions_and_keeps_this_one",),
    ),
    Mutant(
        "a seed that was shown before is accepted",
        "access/mfa/views.py",
        "    seed = actions.make_seed()\n",
        "    seed = _seed_shown(request) or actions.make_seed()\n",
        (f"{PAGES}::test_every_visit_shows_another_seed_so_that_one_seen_before_is_worthless",),
    ),
    Mutant(
        "what a participant demands closes no page",
        "access/mfa/demand.py",
        "    return not in_admin and any(each.participant.mfa_demanded for each in request.memberships)\n",
        "    return False\n",
        ("tests/safety/test_mfa_demand.py::test_a_member_of_whom_it_is_demanded_reaches_no_address",),
    ),
    Mutant(
        "a key that seals a second factor is let go",
        "access/apps.py",
        "            for kind, name in KINDS.items():\n",
        "            for kind, name in {}.items():\n",
        ("tests/access/test_mfa_rotation.py::test_a_key_that_a_seed_needs_is_not_let_go",),
    ),
)
