"""The mutants: each takes one promise out of the code, and names the test that must notice.

`old` stands exactly once in `file`. A mutant whose `old` is gone is an error: whoever changes those lines looks for the
promise in the new ones.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One named fault. `tests` are the pytest ids of which at least one must turn red; `postgres`: there."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    postgres: bool = False


MUTANTS = (
    # --- delivery ---------------------------------------------------------------------------------------------------
    Mutant(
        "no lease: a claimed row stays due",
        "dispatch/leasing.py",
        "    lease_ends = now + timedelta(seconds=settings.PORTAL_DISPATCH_LEASE_SECONDS)\n",
        "    lease_ends = now\n",
        ("tests/dispatch/test_claims.py::test_a_claim_leases_renders_and_writes_the_attempt_before_anything_is_sent",),
    ),
    Mutant(
        "no result guard: a late result overwrites another claim's",
        "dispatch/records.py",
        "    ours = [done for done in finished if leases.get(done.claimed.delivery_id) == done.claimed.lease_token]\n",
        "    ours = list(finished)\n",
        ("tests/dispatch/test_claims.py::test_a_result_that_comes_after_its_lease_is_left_out",),
    ),
    Mutant(
        "the body is rendered again at each attempt",
        "dispatch/claims.py",
        "    elif row.body is None:\n",
        "    else:\n",
        ("tests/dispatch/test_dispatcher.py::test_a_failing_receiver_is_tried_at_its_interval_with_the_same_bytes",),
    ),
    Mutant(
        "the maximum of attempts is ignored",
        "dispatch/retry.py",
        "    if counted_attempts >= policy.max_attempts:\n",
        "    if counted_attempts > policy.max_attempts:\n",
        ("tests/dispatch/test_retry.py::test_the_last_counted_attempt_ends_the_delivery",),
    ),
    Mutant(
        "nothing in the database stops a second sending by hand",
        "dispatch/migrations/0001_events_deliveries_and_lanes.py",
        "fields=('webhook', 'subject'), name='delivery_one_manual_waiting'",
        "fields=('webhook', 'subject', 'uuid'), name='delivery_one_manual_waiting'",
        ("tests/dispatch/test_states.py::test_one_manual_delivery_waits_per_webhook_and_subject",),
    ),
    Mutant(
        "an inactive webhook is told",
        "webhooks/querysets.py",
        "            active=True,\n",
        "",
        ("tests/dispatch/test_publish.py::test_a_webhook_that_is_not_eligible_gets_nothing",),
    ),
    Mutant(
        "the audience of a product is ignored",
        "dispatch/fan_out.py",
        "    if product.audience == Audience.ALL:\n",
        "    if product.audience in Audience:\n",
        ("tests/dispatch/test_publish.py::test_only_participants_of_the_audience_are_told",),
    ),
    Mutant(
        "a lost worker's attempt counts",
        "dispatch/endings.py",
        "        row.unknown_in_row += 1\n",
        "        row.counted_attempts += 1\n",
        ("tests/dispatch/test_claims.py::test_three_lost_workers_in_a_row_end_the_delivery",),
    ),
    Mutant(
        "no lease check: a transfer starts that its lease no longer covers",
        "dispatch/dispatcher.py",
        "        not_after = claimed_at + settings.PORTAL_DISPATCH_LEASE_SECONDS - needed\n",
        "        not_after = claimed_at + settings.PORTAL_DISPATCH_LEASE_SECONDS * 1000\n",
        ("tests/dispatch/test_loop.py::test_nothing_is_sent_that_its_lease_no_longer_covers",),
    ),
    # --- sendings by hand -------------------------------------------------------------------------------------------
    Mutant(
        "the last version is the one recorded last, not the one published last",
        "catalog/querysets.py",
        '        return self.order_by("-published_at", "-pk")\n',
        '        return self.order_by("-pk")\n',
        ("tests/dispatch/test_batches.py::test_the_last_version_is_the_one_published_last_whatever_its_period",),
    ),
    Mutant(
        "Reenviar Pendentes leaves waiting retries alone",
        "dispatch/previews.py",
        "    if last.state == State.FAILED or last.retrying:\n",
        "    if last.state == State.FAILED:\n",
        ("tests/dispatch/test_batches.py::test_only_what_ended_in_error_goes_in_its_newest_version",),
    ),
    Mutant(
        "what is being sent is sent beside it",
        "dispatch/previews.py",
        "        if row.lease_token is not None:\n",
        "        if row.lease_token is None and row.cause is None:\n",
        ("tests/dispatch/test_batches.py::test_what_is_being_sent_or_already_on_its_way_by_hand_stays",),
    ),
    Mutant(
        "a stop takes what is being sent",
        "dispatch/querysets.py",
        "        return self.filter(lease_token__isnull=True)\n",
        "        return self.all()\n",
        ("tests/dispatch/test_batches_running.py::test_stop_cancels_what_waits_and_leaves_what_is_being_sent",),
    ),
    Mutant(
        "a batch is shown and stopped by anybody who knows it",
        "dispatch/views/batches.py",
        "    webhooks = Webhook.objects.for_actor(request.actor).filter(uuid=uuid)\n",
        "    webhooks = Webhook.objects.filter(uuid=uuid)\n",
        ("tests/dispatch/test_batches_pages.py::test_who_may_watch_and_who_may_stop",),
    ),
    # --- lanes, limits and wake-ups ---------------------------------------------------------------------------------
    Mutant(
        "the margin of a rate limit is gone",
        "dispatch/lanes.py",
        "SLOT_MARGIN = timedelta(milliseconds=50)\n",
        "SLOT_MARGIN = timedelta(0)\n",
        ("tests/dispatch/test_claims.py::test_a_slot_falls_free_a_moment_after_its_period_and_not_before",),
    ),
    Mutant(
        "a rate limit is known and not kept",
        "dispatch/lanes.py",
        "    lane.slots = min(lane.slots, free)\n",
        "",
        ("tests/dispatch/test_claims.py::test_a_rate_limit_books_slots_and_closes_the_lane",),
    ),
    Mutant(
        "a request starts long after its slot",
        "dispatch/dispatcher.py",
        "            not_after = min(not_after, claimed.booked_at + SLOT_TOLERANCE_SECONDS)\n",
        "            pass\n",
        ("tests/dispatch/test_loop.py::test_a_request_that_would_start_after_its_slot_is_handed_back",),
    ),
    Mutant(
        "no lane lock: two claims share one lane",
        "dispatch/lanes.py",
        '_LOCKS = "FOR NO KEY UPDATE OF lane SKIP LOCKED"\n',
        '_LOCKS = ""\n',
        ("tests/dispatch/test_races.py::test_two_claims_at_once_exceed_no_cap",),
        postgres=True,
    ),
    Mutant(
        "a claim waits for the lanes of another",
        "dispatch/lanes.py",
        '_LOCKS = "FOR NO KEY UPDATE OF lane SKIP LOCKED"\n',
        '_LOCKS = "FOR NO KEY UPDATE OF lane"\n',
        ("tests/dispatch/test_races.py::test_no_claim_waits_for_the_lane_of_another",),
        postgres=True,
    ),
    Mutant(
        "what is leased is not counted against the cap (SQLite)",
        "dispatch/picking.py",
        "    LIMIT MAX(0, MIN(%s, %s - (SELECT COUNT(*) FROM dispatch_delivery l\n"
        "          WHERE l.webhook_id = %s AND l.lease_token IS NOT NULL AND l.due_at > %s)))\n",
        "    LIMIT MAX(0, MIN(%s, %s - (SELECT COUNT(*) FROM dispatch_delivery l\n"
        "          WHERE l.webhook_id = %s AND l.lease_token IS NULL AND l.due_at > %s)))\n",
        ("tests/dispatch/test_claims.py::test_no_more_in_flight_than_the_lane_allows",),
    ),
    Mutant(
        "what is leased is not counted against the cap (PostgreSQL)",
        "dispatch/picking.py",
        "              WHERE l.webhook_id = turn.webhook_id AND l.lease_token IS NOT NULL AND l.due_at > %s)))\n",
        "              WHERE l.webhook_id = turn.webhook_id AND l.lease_token IS NULL AND l.due_at > %s)))\n",
        ("tests/dispatch/test_claims.py::test_no_more_in_flight_than_the_lane_allows",),
        postgres=True,
    ),
    Mutant(
        "no lease on PostgreSQL: a claimed row stays due",
        "dispatch/leasing.py",
        "    SET due_at = moment.at + %s * interval '1 second', lease_token = %s,",
        "    SET due_at = moment.at + %s * interval '0 second', lease_token = %s,",
        ("tests/dispatch/test_claims.py::test_a_claim_leases_renders_and_writes_the_attempt_before_anything_is_sent",),
        postgres=True,
    ),
    Mutant(
        "the broker is called before the commit",
        "dispatch/wakeup.py",
        "            transaction.on_commit(ask_for_drain)\n",
        "            ask_for_drain()\n",
        ("tests/dispatch/test_broker.py::test_nothing_leaves_before_the_commit_or_without_a_broker",),
        postgres=True,
    ),
    Mutant(
        "the dispatcher is woken before the commit",
        "dispatch/wakeup.py",
        "    transaction.on_commit(_send_datagram)\n",
        "    _send_datagram()\n",
        ("tests/dispatch/test_broker.py::test_the_datagram_leaves_after_the_commit_and_never_without_one",),
    ),
    Mutant(
        "Retry-After is ignored",
        "dispatch/retry.py",
        "    if answer.status not in WAIT_STATUSES:\n",
        "    if answer.status:\n",
        ("tests/dispatch/test_dispatcher.py::test_retry_after_keeps_the_whole_lane_closed",),
    ),
    Mutant(
        "Retry-After keeps a webhook waiting for days",
        "dispatch/retry.py",
        "seconds=min(max(policy.interval_seconds, asked), RETRY_AFTER_CAP_SECONDS)",
        "seconds=max(policy.interval_seconds, asked)",
        ("tests/dispatch/test_retry.py::test_retry_after_keeps_the_whole_webhook_waiting",),
    ),
    Mutant(
        "a product's status stays with what was cancelled",
        "dispatch/statuses.py",
        "        _fall_back_from(delivery_ids, now)\n",
        "",
        ("tests/dispatch/test_publish.py::test_withdrawal_cancels_what_waits_and_the_status_falls_back",),
    ),
    Mutant(
        "a database that is read-only for a while is taken for a mistake, and its results are thrown away",
        "access/unavailable.py",
        '_READ_ONLY = "25006"\n',
        '_READ_ONLY = ""\n',
        ("tests/portal/test_unavailable.py::test_a_result_that_cannot_be_written_waits_and_nothing_is_sent_twice",),
        postgres=True,
    ),
    Mutant(
        "a sender that stops keeps what it has not started",
        "dispatch/dispatcher.py",
        "            self._keep(Finished(self.queue.popleft()[0], Result(error=outcomes.NOT_STARTED), []))\n",
        "            self.queue.popleft()\n",
        ("tests/dispatch/test_loop.py::test_at_the_end_what_was_not_started_is_handed_back_before_the_rest_has_ended",),
    ),
    # --- tokens -----------------------------------------------------------------------------------------------------
    Mutant(
        "assertions have one and the same jti",
        "connections/jose.py",
        '{"jti": str(uuid4()), ',
        '{"jti": "one and the same", ',
        (
            "tests/servers/test_jwt_bearer.py::test_every_assertion_has_a_jti_of_its_own",
            "tests/servers/test_oidc_provider.py::test_two_assertions_of_one_moment_are_two",
        ),
    ),
    Mutant(
        "no client certificate goes with a notification",
        "webhooks/plans.py",
        "    return Tls(private_ca, client_key.certificate_pem, client_key.private_key_pem)\n",
        "    return Tls(ca_pem=private_ca)\n",
        ("tests/servers/test_deliveries.py::test_nginx_lets_in_who_shows_a_certificate_of_its_authority",),
    ),
    Mutant(
        "values inside the body of a token request are not masked",
        "connections/source.py",
        "        return tuple(dict.fromkeys([*found, *(text for value in found for text in _texts_in(value))]))\n",
        "        return tuple(found)\n",
        ("tests/portal/test_canary_tokens.py::test_no_secret_that_tokens_are_got_with_is_found_anywhere",),
    ),
    Mutant(
        "a claim fetches what another process fetches already",
        "connections/cache.py",
        "    if _is_ahead(row.refreshing_until, now, hold_seconds()):\n",
        "    if False:\n",
        (
            "tests/dispatch/test_tokens.py::test_what_another_process_fetches_is_waited_for_a_quarter_of_a_second_at_a_time",
        ),
    ),
    Mutant(
        "a receiver that refuses the token is not given a fresh one",
        "dispatch/tokens.py",
        "                done.stale_token = stale[pair]\n",
        "                done.stale_token = False\n",
        (
            "tests/dispatch/test_token_repeats.py::test_a_401_drops_the_token_and_the_delivery_is_repeated_once_with_a_fresh_one",
        ),
    ),
    Mutant(
        "a repeat is repeated again",
        "dispatch/tokens.py",
        " or token is None or done.claimed.repeat:\n",
        " or token is None:\n",
        (
            "tests/dispatch/test_token_repeats.py::test_a_repeat_that_has_waited_longer_than_a_minute_is_not_repeated_itself",
        ),
    ),
    Mutant(
        "a repeat counts",
        "dispatch/records.py",
        "    counted = claimed.counted_attempts + (not claimed.repeat)\n",
        "    counted = claimed.counted_attempts + 1\n",
        (
            "tests/dispatch/test_token_repeats.py::test_a_401_drops_the_token_and_the_delivery_is_repeated_once_with_a_fresh_one",
        ),
    ),
    Mutant(
        "the mark of a repeat is not written down",
        "dispatch/records.py",
        '        "repeat_due": row.decision.repeat,\n',
        '        "repeat_due": False,\n',
        (
            "tests/dispatch/test_token_repeats.py::test_a_second_401_counts_by_the_normal_rule_and_there_is_no_third_request",
        ),
    ),
    Mutant(
        "a repeat waits behind the backlog of its webhook",
        "dispatch/records.py",
        '        "urgent": row.decision.repeat,\n',
        '        "urgent": False,\n',
        ("tests/dispatch/test_token_repeats.py::test_a_repeat_goes_before_the_backlog_of_its_webhook",),
    ),
    Mutant(
        "a token that another process dropped is used on",
        "dispatch/tokens.py",
        "            fresh = still_held(held, now=self._now()) if held else ()\n",
        "            fresh = held\n",
        ("tests/dispatch/test_tokens.py::test_a_token_that_another_process_dropped_is_not_used_again",),
    ),
    Mutant(
        "a token is used past its end",
        "dispatch/tokens.py",
        "            if found.expires_at is None or found.expires_at > self._now():\n",
        "            if found:\n",
        ("tests/dispatch/test_tokens.py::test_one_that_expires_while_its_delivery_lies_in_the_queue_is_not_sent",),
    ),
    Mutant(
        "nobody waits here for a token: all are handed back",
        "dispatch/tokens.py",
        "        if found is None and key in self._fetchers and self.parked < settings.PORTAL_DISPATCH_BATCH:\n",
        "        if False:\n",
        ("tests/dispatch/test_tokens.py::test_many_webhooks_of_one_connection_wait_for_one_token",),
    ),
    Mutant(
        "a slot is kept by what waits for a token",
        "dispatch/tokens.py",
        "            late = [row for row in rows if row.not_after < now]\n",
        "            late: list[Parked] = []\n",
        ("tests/dispatch/test_tokens.py::test_a_slot_that_runs_out_while_it_waits_for_a_token_is_given_back",),
    ),
    Mutant(
        "what waits for a token is forgotten when the sender stops",
        "dispatch/dispatcher.py",
        "        for finished in self.tokens.give_up():\n            self._keep(finished)\n",
        "        self.tokens.give_up()\n",
        ("tests/dispatch/test_tokens.py::test_what_waits_for_a_token_is_handed_back_at_once_when_the_sender_stops",),
    ),
    Mutant(
        "what is handed back for a while waits for the next poll",
        "dispatch/dispatcher.py",
        "        self.tokens.note_recorded(self.done)\n",
        "",
        (
            "tests/dispatch/test_tokens.py::test_what_another_process_fetches_is_waited_for_a_quarter_of_a_second_at_a_time",
        ),
    ),
    Mutant(
        "a token stands in what an attempt keeps of the answer",
        "dispatch/records.py",
        "    redactor = row.finished.claimed.plan.redactor_with(row.finished.token)\n",
        "    redactor = row.finished.claimed.plan.redactor\n",
        ("tests/dispatch/test_tokens.py::test_the_token_is_masked_wherever_the_attempt_is_shown",),
    ),
    # --- connections ------------------------------------------------------------------------------------------------
    Mutant(
        "everybody who wants to fetch a token may",
        "connections/cache.py",
        "    won = CachedToken.objects.filter(unchanged, pk=row.pk).update(\n",
        "    won = CachedToken.objects.filter(pk=row.pk).update(\n",
        ("tests/connections/test_cache.py::test_who_looked_before_another_fetched_does_not_fetch_as_well",),
    ),
    Mutant(
        "who comes back too late overwrites the token of another",
        "connections/cache.py",
        "    return CachedToken.objects.filter(key=ticket.key, refreshing_by=ticket.by)\n",
        "    return CachedToken.objects.filter(key=ticket.key)\n",
        ("tests/connections/test_cache.py::test_who_comes_back_too_late_writes_nothing_but_may_use_its_token",),
    ),
    Mutant(
        "a 401 drops whatever token there is",
        "connections/cache.py",
        "    if row is None or not _is_token(row, used_value):\n",
        "    if row is None:\n",
        (
            "tests/connections/test_cache.py::test_a_401_to_an_older_token_leaves_the_new_one_and_makes_a_repeat_worth_while",
        ),
    ),
    Mutant(
        "receivers that answer 401 set the pace of token requests",
        "connections/cache.py",
        "timedelta(seconds=CLEAR_EVERY_SECONDS):\n",
        "timedelta(seconds=0):\n",
        ("tests/connections/test_cache.py::test_a_token_is_dropped_once_a_minute_at_most",),
    ),
    Mutant(
        "a token endpoint that fails is asked for every delivery",
        "connections/cache.py",
        "    if _is_ahead(row.retry_at, now, LONGEST_RETRY_SECONDS):\n",
        "    if False:\n",
        ("tests/connections/test_cache.py::test_failures_are_remembered_longer_and_longer",),
    ),
    Mutant(
        "the end that a token names itself is passed over",
        "connections/answers.py",
        "        said = (_seconds(expires_in), _seconds_left(value, self.asked_at))\n",
        "        said = (_seconds(expires_in),)\n",
        ("tests/connections/test_answers.py::test_the_tokens_own_end_counts_when_it_comes_first",),
    ),
    Mutant(
        "the time that a participant gives a token is passed over",
        "connections/answers.py",
        "        ends = [*lives, *([self.longest] if self.longest else [])]\n",
        "        ends = [*lives]\n",
        ("tests/connections/test_answers.py::test_the_participants_own_time_is_kept_and_never_stretches_the_servers",),
    ),
    Mutant(
        "anything is signed with any algorithm",
        "connections/jose.py",
        "    if algorithm not in ALGORITHMS or describe_key(key)[0] != algorithm:\n",
        "    if False:\n",
        ("tests/connections/test_key_pairs.py::test_nothing_is_signed_off_the_list_or_with_a_key_that_does_not_fit",),
    ),
    Mutant(
        "assertions share their number",
        "connections/jose.py",
        '"jti": str(uuid4()), ',
        '"jti": str(issued), ',
        ("tests/connections/test_oauth2.py::test_every_assertion_has_a_number_of_its_own",),
    ),
    Mutant(
        "a key of somebody else's certificate is taken",
        "connections/key_pairs.py",
        "    if chain and key and (mismatch := _find_mismatch(chain, key)):\n",
        "    if False and (mismatch := _find_mismatch(chain, key)):\n",
        ("tests/connections/test_key_pairs.py::test_what_is_no_usable_key_is_told_apart",),
    ),
    Mutant(
        "an expired certificate is taken",
        "connections/certificates.py",
        "    if leaf.not_valid_after_utc <= now:\n",
        "    if False:\n",
        ("tests/connections/test_key_pairs.py::test_what_is_no_usable_certificate_is_told_apart",),
    ),
    Mutant(
        "a change of credentials leaves the old token in use",
        "connections/actions.py",
        "    CachedToken.objects.filter(connection__in=connections).delete()\n",
        "",
        ("tests/connections/test_cache.py::test_changed_credentials_take_the_old_token_with_them",),
    ),
    Mutant(
        "what a token endpoint answered is kept with the tokens in it",
        "connections/asking.py",
        "        answered = redactor.text(masked_answer(result.body))\n",
        '        answered = redactor.text(result.body.decode("utf-8", "replace"))\n',
        ("tests/connections/test_oauth2.py::test_no_secret_is_in_a_repr_or_an_exchange",),
    ),
    # --- calls out --------------------------------------------------------------------------------------------------
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
    # --- secrets and links ------------------------------------------------------------------------------------------
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
    # --- who sees what ----------------------------------------------------------------------------------------------
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
    # --- notices ----------------------------------------------------------------------------------------------------
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
    # --- certificates and runs by hand --------------------------------------------------------------------------------
    Mutant(
        "a token is shown without its reader's password",
        "connections/run_views.py",
        "    if not run.succeeded or Outcome.of(run).private or not form.is_valid():\n",
        "    if not run.succeeded or Outcome.of(run).private:\n",
        ("tests/connections/test_pages_runs.py::test_without_the_password_nothing_is_shown",),
    ),
    Mutant(
        "viewers read the claims of a token",
        "connections/run_views.py",
        "describe_run(run, readable=request.actor.can_configure)",
        "describe_run(run, readable=True)",
        ("tests/connections/test_pages_runs.py::test_header_and_claims_of_a_readable_token_are_shown",),
    ),
    Mutant(
        "a certificate warns once in all, whatever the threshold",
        "connections/expiry_notices.py",
        "{key_pair.fingerprint[:16]}:{threshold}",
        "{key_pair.fingerprint[:16]}:30",
        ("tests/connections/test_pages_expiry.py::test_participant_and_operator_are_told_once_for_each_threshold",),
    ),
    Mutant(
        "a new certificate inherits the warnings of the one before",
        "connections/expiry_notices.py",
        ":{key_pair.fingerprint[:16]}:",
        ":{key_pair.name[:16]}:",
        ("tests/connections/test_pages_expiry.py::test_a_new_certificate_begins_anew",),
    ),
    Mutant(
        "uploads of private keys may lie on disk",
        "connections/uploads.py",
        "        request.upload_handlers = [SmallFileHandler(request)]\n",
        "",
        ("tests/connections/test_pages_key_pairs.py::test_a_large_upload_is_refused_and_never_on_disk",),
    ),
    Mutant(
        "the request on a connection's page is made with its secrets",
        "connections/pages/wire.py",
        "        source = _without_secrets(source_of(connection, arguments=_placeholders(kind)))\n",
        "        source = source_of(connection, arguments=_placeholders(kind))\n",
        (
            "tests/connections/test_pages_connections.py::test_extra_fields_of_the_body_are_named_and_their_values_masked",
        ),
    ),
)
