"""What the receiver's HTTP status means. A 401 has an entry for each authentication method, in its words."""

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from webhooks.auth.registry import METHODS
from webhooks.diagnosis.entry import Diagnosis

# How nginx says it, in any language of its administrator: src/http/ngx_http_special_response.c, its pages 495 and 496.
NGINX_WORDS = (
    (b"No required SSL certificate was sent", "client_certificate_missing"),
    (b"The SSL certificate error", "client_certificate_refused"),
)

ANSWERED = (
    Diagnosis(
        "redirected",
        _("Redirected to another address"),
        _("The receiver answered with a redirect (3xx). Notifications do not follow redirects."),
        _("The address moved: often http to https, or a missing or extra slash at its end."),
        _("Enter the final address as Request URI."),
    ),
    Diagnosis(
        "bad_request",
        _("Refused as a bad request: 400"),
        _("The receiver answered 400: it did not understand the notification."),
        _("The receiver expects another body format, other names or another content type."),
        _("Compare the body that was sent with what the receiver expects, and choose the fitting body format."),
    ),
    Diagnosis(
        "client_certificate_missing",
        _("Client certificate missing: 400"),
        _("The receiver answered 400 and says that it got no client certificate."),
        _("The receiver, or a proxy in front of it such as nginx, requires mutual TLS, and this webhook shows none."),
        _("Give the certificate that the receiver knows in the webhook's form, under Client certificate."),
    ),
    Diagnosis(
        "client_certificate_refused",
        _("Client certificate refused: 400"),
        _("The receiver answered 400 and says that it does not accept our client certificate."),
        _("The certificate has expired, or the receiver does not know the authority that signed it."),
        _(
            "Compare the certificate in the webhook's form with the one that the receiver expects, its chain included, "
            "and replace it there, or let the receiver trust its authority."
        ),
    ),
    Diagnosis(
        "forbidden",
        _("Access forbidden: 403"),
        _("The receiver answered 403: it knows who is calling and does not allow it, or a filter in front refused."),
        _("The credentials lack a permission, or a web firewall or list of allowed addresses blocks us."),
        _("Check the permission of the credentials, and let our addresses through filters in front of the receiver."),
    ),
    Diagnosis(
        "not_found",
        _("Not found: 404"),
        _("The host answered, but there is nothing at this path (404)."),
        _("A typing error in the path of the Request URI, or the receiver was moved or not deployed."),
        _("Check the path letter by letter, upper and lower case included."),
    ),
    Diagnosis(
        "method_not_allowed",
        _("POST not allowed: 405"),
        _("The receiver answered 405: it does not accept POST at this address."),
        _("The address is that of a page, not of the receiver, or only GET is allowed."),
        _("Enter the address that accepts POST, or allow POST there."),
    ),
    Diagnosis(
        "receiver_timed_out",
        _("Receiver gave up waiting: 408"),
        _("The receiver answered 408: it did not get the whole request in its time."),
        _("A very short time limit at the receiver or at a proxy in front of it."),
        _("Raise the time limit for requests at the receiver and its proxies."),
    ),
    Diagnosis(
        "gone",
        _("Gone: 410"),
        _("The receiver answered 410: this address no longer exists. The webhook was stopped."),
        _("The receiver was retired or moved, and says so on purpose."),
        _("Enter the new address in the webhook's form, or archive the webhook."),
    ),
    Diagnosis(
        "body_too_large",
        _("Body too large: 413"),
        _("The receiver answered 413: the notification is larger than it accepts."),
        _("A limit for the size of requests at the receiver or at a proxy in front of it."),
        _("Raise that limit: notifications have a few kilobytes."),
    ),
    Diagnosis(
        "content_type_refused",
        _("Content type refused: 415"),
        _("The receiver answered 415: it does not accept the content type of the notification."),
        _("Notifications are sent as application/json unless a header of your own says otherwise."),
        _("Let the receiver accept application/json, or set the header Content-Type in the webhook's form."),
    ),
    Diagnosis(
        "content_refused",
        _("Content refused: 422"),
        _("The receiver answered 422: it understood the body but did not accept its content."),
        _("The receiver checks names or values that differ from those of the chosen body format."),
        _("Compare the body that was sent with what the receiver expects, and choose the fitting body format."),
    ),
    Diagnosis(
        "too_many_requests",
        _("Too many requests: 429"),
        _("The receiver answered 429: it gets more requests than it allows."),
        _("The receiver limits requests, and the webhook's rate limit is higher or not set."),
        _("Set a rate limit in the webhook's form that lies below the receiver's."),
    ),
    Diagnosis(
        "refused",
        _("Refused by the receiver"),
        _("The receiver refused the notification with an answer of the 4xx kind."),
        _("A rule of the receiver; its answer may say which."),
        _("Read the receiver's answer and its log at this time."),
    ),
    Diagnosis(
        "server_error",
        _("Error in the receiver: 500"),
        _("The receiver answered 500: it failed while it handled the notification."),
        _("A fault in the receiver's program."),
        _("Look at the receiver's log at this time."),
    ),
    Diagnosis(
        "bad_gateway",
        _("Receiver behind the proxy failed: 502"),
        _("A proxy in front of the receiver answered 502: it got no usable answer from it."),
        _("The receiver's process is down or crashed, or was being restarted."),
        _("Check that the receiver's process is running, and the log of the proxy."),
    ),
    Diagnosis(
        "unavailable",
        _("Receiver not available: 503"),
        _("The receiver answered 503: it can't take notifications at the moment."),
        _("Overload or maintenance of the receiver."),
        _("Check whether the receiver is up. If it names a time to come back, we wait for it, at most an hour."),
    ),
    Diagnosis(
        "gateway_timeout",
        _("Receiver behind the proxy too slow: 504"),
        _("A proxy in front of the receiver answered 504: the receiver did not answer it in time."),
        _("The receiver works on the notification, or downloads the file, before it answers."),
        _("Answer with 2xx at once and do the work afterwards."),
    ),
    Diagnosis(
        "server_error_other",
        _("Error at the receiver"),
        _("The receiver, or something in front of it, answered with an error of the 5xx kind."),
        _("A fault in the receiver's program or in a service in front of it."),
        _("Look at the receiver's log at this time."),
    ),
    Diagnosis(
        "unexpected_status",
        _("Unexpected answer"),
        _("The receiver answered with a status that is neither success nor a known error."),
        _("The receiver or a device in between does not keep to HTTP."),
        _("Let the receiver answer 200 or 204 once it has the notification."),
    ),
)

UNAUTHORIZED = tuple(
    Diagnosis(
        f"unauthorized_{method.name}",
        _("Not authorised: 401"),
        format_lazy(
            _("The receiver answered 401: it does not accept who is calling (authentication type {method})."),
            method=method.label,
        ),
        method.unauthorized_cause,
        format_lazy(
            "{advice}\n{signature}\n{log}",
            advice=method.unauthorized_action,
            signature=_(
                "If it checks our signature, give it the signing secret of this very webhook. If nobody kept that, "
                "make a new one (Receiver, Signing secret)."
            ),
            log=_("Read the receiver's log: one that was made by this portal writes there what it did not accept."),
        ),
        signature=True,
    )
    for method in METHODS.values()
)
