"""What is promised of calls out, secrets and links, of who sees what, and of notices."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    # --- calls out ----------------------------------------------------------------------------------------------------
    Mutant(
        "no look at the address when a socket is opened",
        "outbound/callbacks.py",
        "target is None or not target.allows(peer.addr[0], peer.addr[1]):",
        "target is None:",
        ("tests/outbound/test_pinning.py::test_the_socket_callback_refuses_what_was_not_judged",),
    ),
    Mutant(
        "no look at the address of a kept connection",
        "outbound/callbacks.py",
        "job.target is None or not job.target.allows(peer, peer_port):",
        "job.target is None:",
        ("tests/outbound/test_pinning.py::test_a_kept_connection_to_an_address_that_no_longer_counts_is_not_used",),
    ),
    Mutant(
        "the pin is gone: libcurl resolves the name itself",
        "outbound/exchange.py",
        "[job.target.resolve_entry] if job.target.resolve_entry else []",
        "[]",
        ("tests/outbound/test_pinning.py::test_all_judged_addresses_are_tried",),
    ),
    Mutant(
        "a name with one bad address among its answers is called",
        "outbound/targets.py",
        "    if not verdicts or Verdict.REFUSED in verdicts.values():\n",
        "    if not verdicts or set(verdicts.values()) == {Verdict.REFUSED}:\n",
        ("tests/outbound/test_resolver.py::test_one_bad_address_refuses_the_whole_name",),
    ),
    Mutant(
        "redirects are followed",
        "outbound/exchange.py",
        "(pycurl.FOLLOWLOCATION, 0)",
        "(pycurl.FOLLOWLOCATION, 1)",
        ("tests/outbound/test_transfer.py::test_redirects_are_never_followed",),
    ),
    Mutant(
        "certificates are not verified",
        "outbound/exchange.py",
        "(pycurl.SSL_VERIFYPEER, 1)",
        "(pycurl.SSL_VERIFYPEER, 0)",
        ("tests/outbound/test_tls.py",),
    ),
    Mutant(
        "a header's value may hold CR and LF",
        "outbound/headers.py",
        r'_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)',
        r'_VALUE = re.compile(r"[\s\S]+")',
        ("tests/outbound/test_headers.py::test_a_value_that_is_not_printable_ascii_is_refused",),
    ),
    # --- secrets and links --------------------------------------------------------------------------------------------
    Mutant(
        "a sealed value opens in another row",
        "vault/sealed.py",
        "        if not text.startswith(prefix):\n"
        '            raise UnreadableSecret("wrong_row", '
        'f"the {self.place.field} was sealed for another row or field")\n'
        "        return text.removeprefix(prefix)\n",
        '        return text.split(":", 3)[3]\n',
        ("tests/vault/test_sealed_field.py::test_ciphertext_moved_to_another_row_does_not_open",),
    ),
    Mutant(
        "a tampered link is accepted",
        "vault/tokens.py",
        "    if not hmac.compare_digest(expected, match[3]):\n        raise BadToken\n",
        "",
        ("tests/catalog/test_downloads.py::test_every_altered_character_gives_a_plain_404",),
    ),
    Mutant(
        "secrets are stored with the attempt",
        "outbound/redaction.py",
        "        if not self._values:\n",
        "        if True:\n",
        ("tests/dispatch/test_dispatcher.py::test_secrets_are_masked_before_an_attempt_is_stored",),
    ),
    Mutant(
        "logs keep the tokens of links",
        "portal/logging.py",
        "    for pattern, replacement in _CUTS:\n",
        "    for pattern, replacement in _CUTS[1:]:\n",
        ("tests/portal/test_logging.py::test_tokens_queries_and_credentials_are_cut_out",),
    ),
    Mutant(
        "a changed audit row still verifies",
        "access/audit_chain.py",
        "    if not hmac.compare_digest(link.mac, _compute_mac(key, link, entry, previous)):\n",
        "    if not link.mac:\n",
        ("tests/access/test_audit_chain.py::test_changed_entry_is_named",),
    ),
    # --- who sees what ------------------------------------------------------------------------------------------------
    Mutant(
        "webhooks of every participant are everybody's",
        "webhooks/querysets.py",
        "        return self.filter(participant=actor.participant)\n",
        "        return self.all()\n",
        (
            "tests/webhooks/test_actions.py::test_x_4_an_actor_sees_its_participants_webhooks_only",
            "tests/webhooks/test_form_page.py::test_x_4_a_forged_post_changes_nothing",
        ),
    ),
    Mutant(
        "a page asks for no role",
        "access/decorators.py",
        "            if not actor.can(role):\n                return _role_refused(request, actor.participant, role)\n",
        "",
        ("tests/access/test_participant_page.py::test_page_opens_to_its_role_and_those_above",),
    ),
    Mutant(
        "staff without the permission take a second factor away",
        "access/admin/second_factors.py",
        "        allowed = request.user.has_perm(PERMISSION) and user.pk != request.user.pk\n",
        "        allowed = user.pk != request.user.pk\n",
        ("tests/safety/test_administration.py::test_administration_opens_to_permissions_only[reader]",),
    ),
    Mutant(
        "the content policy allows styles in the page",
        "portal/settings.py",
        '        "style-src": [SELF],\n',
        '        "style-src": [SELF, "\'unsafe-inline\'"],\n',
        ("tests/safety/test_headers.py::test_every_answer_has_its_safety_headers[anonymous]",),
    ),
    Mutant(
        "error reports show what was posted",
        "portal/error_reports.py",
        "        return dict.fromkeys(request.POST, self.cleansed_substitute)\n",
        "        return request.POST\n",
        ("tests/safety/test_canary.py::test_no_secret_is_found_anywhere",),
    ),
    # --- notices ------------------------------------------------------------------------------------------------------
    Mutant(
        "a notice has no lease: two jobs send it twice",
        "notices/sending.py",
        '        if seen.update(due_at=now + LEASE, lease_token=token, tries=F("tries") + 1):\n',
        '        if seen.update(lease_token=token, tries=F("tries") + 1):\n',
        ("tests/notices/test_sending.py::test_two_jobs_at_once_send_one_mail_and_hold_no_lock_meanwhile",),
    ),
    Mutant(
        "what a participant typed makes lines of a mail",
        "notices/texts.py",
        '    return _NOT_IN_A_LINE.sub(" ", text).strip()\n',
        "    return text.strip()\n",
        ("tests/notices/test_sending.py::test_what_a_participant_typed_makes_neither_headers_nor_lines",),
    ),
    Mutant(
        "everybody of a participant is told",
        "notices/readers.py",
        "        role__in=[Role.TECHNICAL, Role.ADMINISTRATOR],\n",
        "",
        ("tests/notices/test_sending.py::test_x_4_members_who_look_after_webhooks_are_told_and_nobody_else",),
    ),
    Mutant(
        "one bad evening stops a webhook for ever",
        "dispatch/failing.py",
        "        if last is not None and last - since >= rule.lasting\n",
        "        if last is not None\n",
        ("tests/dispatch/test_failing.py::test_a_webhook_is_stopped_exactly_when_the_rule_says_so",),
    ),
    Mutant(
        "a success that comes in between does not undo a stop",
        "dispatch/failing.py",
        "            transaction.set_rollback(True)\n",
        "            pass\n",
        ("tests/dispatch/test_failing.py::test_a_success_that_comes_in_between_undoes_the_stop",),
    ),
)
