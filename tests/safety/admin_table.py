"""What the administration answers at each of its addresses, written by hand (X-4).

A row gives the kind of an address; a kind, the answers to its five visitors: anonymous, a member of a participant
(every role, and one of another participant), staff without any permission, a reader (staff with all permissions to
view and no other), an officer with every permission.
"""

from functools import cache

# kind: by GET and by POST. `login`: sent to sign in; `away`: redirected. A POST is empty: nobody's form is complete.
KINDS = {
    # A list with its search, and the history of a row: who may view it, by POST as well (the actions of a list).
    "list": ("login login 403 200 200", "login login 403 200 200"),
    # A row that nobody changes here.
    "read": ("login login 403 200 200", "login login 403 403 403"),
    # A row that its permission lets change.
    "edit": ("login login 403 200 200", "login login 403 403 200"),
    # Something is done, on a page that says so first: only with the permission for it.
    "deed": ("login login 403 403 200", "login login 403 403 200"),
    # The same where a POST needs no more than the press: it is done.
    "press": ("login login 403 403 200", "login login 403 403 away"),
    # A page that shows, and takes no form.
    "page": ("login login 403 200 200", "login login 405 405 405"),
    # Closed to everybody.
    "never": ("login login 403 403 403", "login login 403 403 403"),
    # What a field that completes words would ask; none does.
    "asked": ("login login 403 403 403", "login login 405 405 405"),
    # Every member of staff's own: the overview that shows what its reader may see, and the words of its scripts.
    "own": ("login login 200 200 200", "login login 200 200 200"),
    "own-read": ("login login 200 200 200", "login login 405 405 405"),
    # The overview of one app: not there for who may see none of its models.
    "app": ("login login 404 200 200", "login login 404 200 200"),
    "nothing": ("login login 404 404 404", "login login 404 404 404"),
    # To the portal's own page, or to the address of today.
    "elsewhere": ("login login away away away", "login login away away away"),
    "entrance": ("login 403 away away away", "login 403 away away away"),
    "exit": ("away away away away away", "away away away away away"),
}

TABLE = """
index                                               own
operations                                          page
operations_jobs                                     page
operations_job_run                                  press
operations_job_pause                                press
operations_job_resume                               press
login                                               entrance
logout                                              exit
password_change                                     elsewhere
password_change_done                                own-read
autocomplete                                        asked
jsi18n                                              own-read
view_on_site                                        nothing
dispatch_delivery_changelist                        list
dispatch_delivery_add                               never
dispatch_delivery_history                           list
dispatch_delivery_delete                            never
dispatch_delivery_change                            read
admin/dispatch/delivery/<path:object_id>/           elsewhere
dispatch_attempt_changelist                         list
dispatch_attempt_add                                never
dispatch_attempt_history                            list
dispatch_attempt_delete                             never
dispatch_attempt_change                             read
admin/dispatch/attempt/<path:object_id>/            elsewhere
dispatch_event_changelist                           list
dispatch_event_add                                  never
dispatch_event_history                              list
dispatch_event_delete                               never
dispatch_event_change                               read
admin/dispatch/event/<path:object_id>/              elsewhere
dispatch_productstatus_changelist                   list
dispatch_productstatus_add                          never
dispatch_productstatus_history                      list
dispatch_productstatus_delete                       never
dispatch_productstatus_change                       read
admin/dispatch/productstatus/<path:object_id>/      elsewhere
dispatch_lane_changelist                            list
dispatch_lane_add                                   never
dispatch_lane_history                               list
dispatch_lane_delete                                never
dispatch_lane_change                                read
admin/dispatch/lane/<path:object_id>/               elsewhere
dispatch_dispatcherbeat_changelist                  list
dispatch_dispatcherbeat_add                         never
dispatch_dispatcherbeat_history                     list
dispatch_dispatcherbeat_delete                      never
dispatch_dispatcherbeat_change                      read
admin/dispatch/dispatcherbeat/<path:object_id>/     elsewhere
access_auditentry_export                            deed
access_auditentry_changelist                        list
access_auditentry_add                               never
access_auditentry_history                           list
access_auditentry_delete                            never
access_auditentry_change                            read
admin/access/auditentry/<path:object_id>/           elsewhere
access_participant_block                            deed
access_participant_unblock                          deed
access_participant_erase                            deed
access_participant_see                              deed
access_participant_changelist                       list
access_participant_add                              deed
access_participant_history                          list
access_participant_delete                           never
access_participant_change                           edit
admin/access/participant/<path:object_id>/          elsewhere
auth_user_password_change                           deed
access_user_reset_mfa                               press
access_user_changelist                              list
access_user_add                                     deed
access_user_history                                 list
access_user_delete                                  never
access_user_change                                  edit
access_usersession_end                              deed
access_usersession_changelist                       list
access_usersession_add                              never
access_usersession_history                          list
access_usersession_delete                           never
access_usersession_change                           read
admin/access/user/<path:object_id>/                 elsewhere
admin/access/usersession/<path:object_id>/          elsewhere
auth_group_changelist                               list
auth_group_add                                      deed
auth_group_history                                  list
auth_group_delete                                   deed
auth_group_change                                   edit
admin/auth/group/<path:object_id>/                  elsewhere
catalog_macroprocess_changelist                     list
catalog_macroprocess_add                            deed
catalog_macroprocess_history                        list
catalog_macroprocess_delete                         deed
catalog_macroprocess_change                         edit
admin/catalog/macroprocess/<path:object_id>/        elsewhere
catalog_process_changelist                          list
catalog_process_add                                 deed
catalog_process_history                             list
catalog_process_delete                              deed
catalog_process_change                              edit
admin/catalog/process/<path:object_id>/             elsewhere
catalog_product_changelist                          list
catalog_product_add                                 deed
catalog_product_history                             list
catalog_product_delete                              never
catalog_product_change                              edit
admin/catalog/product/<path:object_id>/             elsewhere
catalog_publication_publish                         deed
catalog_publication_withdraw                        deed
catalog_publication_file                            read
catalog_publication_changelist                      list
catalog_publication_add                             never
catalog_publication_history                         list
catalog_publication_delete                          never
catalog_publication_change                          read
admin/catalog/publication/<path:object_id>/         elsewhere
webhooks_webhooktest_changelist                     list
webhooks_webhooktest_add                            never
webhooks_webhooktest_history                        list
webhooks_webhooktest_delete                         never
webhooks_webhooktest_change                         read
admin/webhooks/webhooktest/<path:object_id>/        elsewhere
webhooks_webhook_sending                            press
webhooks_webhook_pause                              deed
webhooks_webhook_resume                             deed
webhooks_webhook_changelist                         list
webhooks_webhook_add                                never
webhooks_webhook_history                            list
webhooks_webhook_delete                             never
webhooks_webhook_change                             read
admin/webhooks/webhook/<path:object_id>/            elsewhere
dispatch_sendbatch_changelist                       list
dispatch_sendbatch_add                              never
dispatch_sendbatch_history                          list
dispatch_sendbatch_delete                           never
dispatch_sendbatch_change                           read
admin/dispatch/sendbatch/<path:object_id>/          elsewhere
connections_connection_changelist                   list
connections_connection_add                          never
connections_connection_history                      list
connections_connection_delete                       never
connections_connection_change                       read
admin/connections/connection/<path:object_id>/      elsewhere
connections_keypair_changelist                      list
connections_keypair_add                             never
connections_keypair_history                         list
connections_keypair_delete                          never
connections_keypair_change                          read
admin/connections/keypair/<path:object_id>/         elsewhere
connections_cachedtoken_changelist                  list
connections_cachedtoken_add                         never
connections_cachedtoken_history                     list
connections_cachedtoken_delete                      never
connections_cachedtoken_change                      read
admin/connections/cachedtoken/<path:object_id>/     elsewhere
connections_connectionrun_changelist                list
connections_connectionrun_add                       never
connections_connectionrun_history                   list
connections_connectionrun_delete                    never
connections_connectionrun_change                    read
admin/connections/connectionrun/<path:object_id>/   elsewhere
notices_notice_resend                               deed
notices_notice_changelist                           list
notices_notice_add                                  never
notices_notice_history                              list
notices_notice_delete                               never
notices_notice_change                               read
admin/notices/notice/<path:object_id>/              elsewhere
notices_incident_changelist                         list
notices_incident_add                                never
notices_incident_history                            list
notices_incident_delete                             never
notices_incident_change                             read
admin/notices/incident/<path:object_id>/            elsewhere
app_list                                            app
admin/(?P<url>.*)                                   nothing
"""


@cache
def read_table() -> dict[str, str]:
    """Return the kind of each address."""
    rows = [line.split() for line in TABLE.strip().splitlines() if line]
    table = dict(rows)
    assert len(table) == len(rows), "an address has two rows"
    return table


def answers(name: str, method: str) -> dict[str, str]:
    """Return what each visitor is answered, by the word of their column."""
    words = KINDS[read_table()[name]][method == "POST"].split()
    return dict(zip(("anonymous", "member", "staff", "reader", "officer"), words, strict=True))
