"""Why no HTTP answer came: one entry for each of outbound.outcomes."""

from django.utils.translation import gettext_lazy as _

from webhooks.diagnosis.entry import Diagnosis, Side

NOT_SENT = (
    Diagnosis(
        "address_invalid",
        _("Address not valid"),
        _("Nothing was sent: the Request URI is not an address that can be called."),
        _("The rules for addresses became stricter after the webhook was saved."),
        _("Correct the Request URI in the webhook's form."),
    ),
    Diagnosis(
        "refused_address",
        _("Address not allowed"),
        _("Nothing was sent: the address can't be called from here."),
        _("The name leads to a private, local or reserved network, or to a port that is not allowed."),
        _(
            "Use an address that can be reached from the public internet. If the receiver is meant to be in a private "
            "network, ask operations to allow that network."
        ),
    ),
    Diagnosis(
        "header_refused",
        _("Header not allowed"),
        _("Nothing was sent: one of the webhook's headers can't be sent."),
        _("A header's name or value breaks the rules of HTTP or is reserved."),
        _("Correct the headers in the webhook's form."),
    ),
    Diagnosis(
        "name_not_found",
        _("Name not found"),
        _("The host name of the Request URI does not exist in the DNS."),
        _("A typing error in the address, or a DNS record that was removed or not yet published."),
        _("Check the host name letter by letter, and that it can be resolved from the public internet."),
    ),
    Diagnosis(
        "dns_timeout",
        _("Name look-up timed out"),
        _("No DNS server answered for the host name of the Request URI within 3 seconds."),
        _("The DNS servers of your domain are slow or down."),
        _("Check the DNS servers of your domain. The next attempt asks again."),
    ),
    Diagnosis(
        "dns_failed",
        _("Name look-up failed"),
        _("The DNS answered with a failure, so it is not known whether the host name exists."),
        _("A fault in the DNS servers of your domain, such as an invalid DNSSEC signature, or in ours."),
        _("Check your domain's DNS servers. If other names of yours work, tell operations."),
    ),
    Diagnosis(
        "not_started",
        _("Not started in time"),
        _("The attempt was put back before anything was sent."),
        _("The portal was busy or was being restarted."),
        _("Nothing to do: it is sent again by itself."),
        Side.OPERATOR,
    ),
    Diagnosis(
        "client_certificate_unusable",
        _("Client certificate not usable"),
        _("Nothing was sent: the client certificate of this webhook can't be used."),
        _("The certificate or its key is damaged, or they don't belong together."),
        _("Upload the certificate and its key again."),
    ),
    Diagnosis(
        "authority_unusable",
        _("Private authority not usable"),
        _("Nothing was sent: the private certificate authority of this webhook can't be loaded."),
        _("The PEM text is damaged or holds no certificate of an authority."),
        _("Paste the authority's certificate again in the webhook's form."),
    ),
)

CONNECTING = (
    Diagnosis(
        "connection_refused",
        _("Connection refused"),
        _("The receiver's address was found, but nothing accepts connections at this port."),
        _("The service is down, listens on another port, or a firewall rejects us."),
        _("Check that the service is running at this port, and that the firewall lets our addresses in."),
    ),
    Diagnosis(
        "host_unreachable",
        _("Host not reachable"),
        _("There is no network path to the receiver's address."),
        _("The address belongs to no running machine, or a router or firewall rejects the connection."),
        _("Check the address in the DNS and the firewall in front of the receiver."),
    ),
    Diagnosis(
        "timeout_connecting",
        _("Timed out while connecting"),
        _("The receiver's address was found, but nobody answered the attempt to connect."),
        _("Most often a firewall that drops our connections without a word."),
        _("Let our addresses through the firewall in front of the receiver, and check that the machine is up."),
    ),
    Diagnosis(
        "timeout_tls",
        _("Timed out during TLS"),
        _("The connection was made, but the receiver did not finish setting up TLS in time."),
        _("An overloaded receiver, or a device in between that holds TLS connections back."),
        _("Check the load of the receiver and the proxies and firewalls in front of it."),
    ),
)

TLS = (
    Diagnosis(
        "tls_expired",
        _("TLS certificate expired"),
        _("Nothing was sent: the receiver's TLS certificate has expired."),
        _("The certificate was not renewed, or the renewed one was not loaded by the service."),
        _("Renew the certificate and restart the service that presents it."),
    ),
    Diagnosis(
        "tls_not_yet_valid",
        _("TLS certificate not yet valid"),
        _("Nothing was sent: the receiver's TLS certificate becomes valid only in the future."),
        _("The certificate was installed too early, or was issued by a machine whose clock is wrong."),
        _("Install a certificate that is valid now."),
    ),
    Diagnosis(
        "tls_wrong_name",
        _("TLS certificate for another name"),
        _("Nothing was sent: the receiver's TLS certificate does not name the host of the Request URI."),
        _("The address uses another name than the certificate, or the server presents its default certificate."),
        _("Use a name that is in the certificate, or add this name to the certificate."),
    ),
    Diagnosis(
        "tls_unknown_authority",
        _("Unknown certificate authority"),
        _("Nothing was sent: the receiver's TLS certificate comes from an authority that is not trusted."),
        _("An intermediate certificate is missing from the server's chain, or the authority is your own."),
        _("Install the whole chain on the server, or enter your own authority as private authority in the form."),
    ),
    Diagnosis(
        "tls_self_signed",
        _("Self-signed TLS certificate"),
        _("Nothing was sent: the receiver presents a certificate that it signed itself."),
        _("The service still uses the certificate that it was installed with."),
        _(
            "Install a certificate that an authority has signed. If the authority is your own, enter it as private "
            "authority in the form."
        ),
    ),
    Diagnosis(
        "tls_too_old",
        _("TLS version too old"),
        _("Nothing was sent: the receiver speaks no TLS version newer than 1.1."),
        _("An old server or an old setting. Versions below 1.2 are no longer safe."),
        _("Enable TLS 1.2 or 1.3 on the receiver."),
    ),
    Diagnosis(
        "tls_not_tls",
        _("No TLS at this port"),
        _("Nothing was sent: the address begins with https, but the port does not speak TLS."),
        _("The port is one for plain http, or TLS is not configured there."),
        _("Correct the port or the scheme of the Request URI, or configure TLS on the receiver."),
    ),
    Diagnosis(
        "tls_client_certificate_wanted",
        _("Client certificate wanted"),
        _("The receiver ended the connection because it expects a client certificate."),
        _("The receiver requires mutual TLS, and got no certificate, or one that it does not accept."),
        _("Give the certificate that the receiver knows in the webhook's form, under Client certificate."),
    ),
    Diagnosis(
        "tls_failed",
        _("TLS failed"),
        _("Nothing was sent: no safe connection could be agreed on with the receiver."),
        _(
            "The receiver's TLS settings and ours have nothing in common, it wants a client certificate and got none, "
            "or a device in between interferes."
        ),
        _(
            "Check the TLS settings of the receiver: TLS 1.2 or 1.3 with usual ciphers. If it wants a client "
            "certificate, give it in the webhook's form."
        ),
    ),
)

UNANSWERED = (
    Diagnosis(
        "connection_reset",
        _("Connection reset"),
        _("The request was sent and the connection broke before an answer came. The receiver may have it."),
        _("The receiver's process crashed or was restarted, or a device in between cut the connection."),
        _("Look at the receiver's log at this time. Recognise repeats by the header webhook-id."),
    ),
    Diagnosis(
        "connection_closed",
        _("Closed without an answer"),
        _("The receiver took the request and closed the connection without an answer. It may have processed it."),
        _("The receiver's process ended while it handled the request, or its own time limit was reached."),
        _("Look at the receiver's log at this time. Recognise repeats by the header webhook-id."),
    ),
    Diagnosis(
        "timeout_waiting",
        _("Timed out waiting for the answer"),
        _("The request was sent, but the receiver did not answer in time. It may have processed it."),
        _("The receiver works on the notification, or downloads the file, before it answers."),
        _("Answer with 2xx at once and do the work afterwards. Recognise repeats by the header webhook-id."),
    ),
    Diagnosis(
        "not_http",
        _("Answer is not HTTP"),
        _("Something answered at this address, but not in HTTP."),
        _("The port belongs to another service, or it expects https and the address says http."),
        _("Check scheme and port of the Request URI."),
    ),
    Diagnosis(
        "answer_headers_too_large",
        _("Answer's headers too large"),
        _("The receiver's answer has more headers than we read."),
        _("The receiver adds very many or very long headers, such as cookies."),
        _("Let the receiver answer notifications with few headers."),
    ),
    Diagnosis(
        "transfer_failed",
        _("Transfer failed"),
        _("The request could not be completed for a reason that is not on our list."),
        _("A fault of the network between us and the receiver, or of the portal."),
        _("If it happens again, tell operations the time and this webhook's name."),
        Side.OPERATOR,
    ),
)
