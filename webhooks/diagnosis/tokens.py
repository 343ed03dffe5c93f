"""Why there was no token to send with: what the token endpoint said, or why it could not be asked.

The codes are those of `connections.failures`. The words fit a notification, Testar and a run of a
connection alike. RFC 6749, 5.2 names most of what an endpoint says; RFC 8707 and RFC 9396 the rest.
"""

from django.utils.translation import gettext_lazy as _

from webhooks.diagnosis.entry import Diagnosis, Side

REFUSED = (
    Diagnosis(
        "token_invalid_client",
        _("Token refused: invalid_client"),
        _("No token was obtained: the token endpoint does not accept the client (invalid_client)."),
        _("The client id, the secret or the key is wrong or has expired, or another authentication type is expected."),
        _("Compare client id, secret and authentication type with those of the authorization server."),
    ),
    Diagnosis(
        "token_invalid_grant",
        _("Token refused: invalid_grant"),
        _("No token was obtained: the token endpoint does not accept the signed request (invalid_grant)."),
        _(
            "Issuer, subject or audience differ from what is registered there, the certificate is not registered, "
            "or one of the two clocks is wrong."
        ),
        _("Register the certificate at the authorization server, and compare issuer, Sub and audience with it."),
    ),
    Diagnosis(
        "token_invalid_request",
        _("Token refused: invalid_request"),
        _("No token was obtained: the token endpoint did not understand the request (invalid_request)."),
        _("It expects a parameter that is not sent, or credentials in another place."),
        _("Compare body, headers and authentication type of the token request with its documentation."),
    ),
    Diagnosis(
        "token_invalid_scope",
        _("Token refused: invalid_scope"),
        _("No token was obtained: the token endpoint does not grant the scope (invalid_scope)."),
        _("A typing error in the scope, or the client is not allowed it."),
        _("Correct the scope, or have it granted to the client at the authorization server."),
    ),
    Diagnosis(
        "token_unauthorized_client",
        _("Token refused: unauthorized_client"),
        _("No token was obtained: the client may not ask for tokens in this way (unauthorized_client)."),
        _("The client is registered for other grant types."),
        _("Have the grant type that is used here allowed for the client at the authorization server."),
    ),
    Diagnosis(
        "token_unsupported_grant_type",
        _("Token refused: unsupported_grant_type"),
        _("No token was obtained: the token endpoint does not know the grant type (unsupported_grant_type)."),
        _("The address is that of another service, or the authorization server does not offer this kind of token."),
        _("Check the address of the token request and the method that was chosen."),
    ),
    Diagnosis(
        "token_invalid_target",
        _("Token refused: invalid_target"),
        _("No token was obtained: the token endpoint does not know the resource it is meant for (invalid_target)."),
        _("A typing error in the audience or the resource, or the client is not allowed it."),
        _("Compare audience and resource with what the authorization server has registered."),
    ),
    Diagnosis(
        "token_invalid_authorization_details",
        _("Token refused: invalid_authorization_details"),
        _("No token was obtained: the details of the authorization were refused (invalid_authorization_details)."),
        _("Type, locations or privileges are unknown to the authorization server, or not allowed for the client."),
        _("Compare type, resource, locations and privileges with the authorization server's documentation."),
    ),
    Diagnosis(
        "token_refused",
        _("Token refused"),
        _("No token was obtained: the token endpoint refused with an answer of the 4xx kind."),
        _("Credentials that it does not accept, a wrong address, or a filter in front of it that blocks us."),
        _("Read its words in the details of this entry, and check address and credentials of the token request."),
    ),
    Diagnosis(
        "token_rate_limited",
        _("Too many token requests: 429"),
        _("No token was obtained: the token endpoint answered 429, it gets more requests than it allows."),
        _("Others use the same client, or tokens expire so soon that new ones are asked for all the time."),
        _("Raise the limit at the authorization server, or let its tokens live longer."),
    ),
)

ANSWERED = (
    Diagnosis(
        "token_server_error",
        _("Error at the token endpoint"),
        _("No token was obtained: the token endpoint answered with an error of the 5xx kind."),
        _("The authorization server is failing, overloaded or under maintenance."),
        _("Look at the authorization server's log at this time. The next attempt asks again."),
    ),
    Diagnosis(
        "token_redirected",
        _("Token endpoint redirects"),
        _("No token was obtained: the token endpoint answered with a redirect (3xx), which is never followed."),
        _("The address moved: often http to https, or a missing or extra slash at its end."),
        _("Enter the final address of the token request."),
    ),
    Diagnosis(
        "token_answer_unreadable",
        _("Token answer not understood"),
        _("No token was obtained: the token endpoint's answer can't be read."),
        _("It is not the JSON that OAuth 2.0 asks for, such as a page of HTML or a token with characters not allowed."),
        _("Check that the address is that of the token endpoint, and that it answers JSON."),
    ),
    Diagnosis(
        "token_missing",
        _("Answer without a token"),
        _("No token was obtained: the token endpoint answered with success, but its answer holds no token."),
        _("The address is that of another service, or the token stands under another name than expected."),
        _("Check the address and the method of the token request."),
    ),
    Diagnosis(
        "token_too_large",
        _("Token too large"),
        _("A token was obtained, but it is larger than a header may be."),
        _("The authorization server puts very many claims into its tokens."),
        _("Let it issue shorter tokens for this client: fewer claims, or opaque ones."),
    ),
    Diagnosis(
        "token_expired",
        _("Token already expired"),
        _("A token was obtained, but by its own words it had expired when it came."),
        _("The clock of the authorization server is wrong, or it gives tokens a life of no length."),
        _("Set the clock of the authorization server, and let its tokens live for some minutes."),
    ),
)

UNREACHED = (
    Diagnosis(
        "token_name_not_found",
        _("Token endpoint's name not found"),
        _("No token was obtained: the host name of the token endpoint could not be found in the DNS."),
        _("A typing error in its address, or DNS servers that are slow or down."),
        _("Check the host name letter by letter, and that it can be resolved from the public internet."),
    ),
    Diagnosis(
        "token_unreachable",
        _("Token endpoint not reachable"),
        _("No token was obtained: nothing accepts connections at the token endpoint's address and port."),
        _("The authorization server is down, or a firewall in front of it does not let our addresses in."),
        _("Check that it is running, and that its firewall lets our addresses in."),
    ),
    Diagnosis(
        "token_timeout",
        _("Token endpoint timed out"),
        _("No token was obtained: the token endpoint did not answer in time."),
        _("The authorization server is overloaded, or a firewall swallows our connections."),
        _("Check the load of the authorization server, and that its firewall lets our addresses in."),
    ),
    Diagnosis(
        "token_tls",
        _("TLS with the token endpoint failed"),
        _("No token was obtained: no safe connection to the token endpoint could be made."),
        _(
            "Its certificate has expired, names another host or comes from an unknown authority, it speaks no TLS "
            "newer than 1.1, or it wants a client certificate."
        ),
        _("Read the exact reason in the details of this entry, and mend it at the authorization server."),
    ),
    Diagnosis(
        "token_address_refused",
        _("Token endpoint's address not allowed"),
        _("No token was obtained: the address of the token endpoint can't be called from here."),
        _("It leads to a private, local or reserved network, to a port that is not allowed, or is not valid."),
        _(
            "Use an address that can be reached from the public internet. If the authorization server is meant to be "
            "in a private network, ask operations to allow that network."
        ),
    ),
    Diagnosis(
        "token_no_answer",
        _("No answer from the token endpoint"),
        _("No token was obtained: the connection to the token endpoint ended without an answer that can be used."),
        _("The authorization server crashed or was restarted, or the port belongs to another service."),
        _("Look at its log at this time, and check scheme and port of the address."),
    ),
)

UNUSABLE = (
    Diagnosis(
        "token_credentials_unreadable",
        _("Stored credentials not readable"),
        _("No token was asked for: the stored credentials can't be opened."),
        _("The portal's encryption keys were changed without the step that carries secrets over."),
        _("Operations must restore the key. Entering the credentials again helps at once."),
        Side.OPERATOR,
    ),
    Diagnosis(
        "token_key_unusable",
        _("Certificate or key not usable"),
        _("No token was asked for: the certificate or its key can't be used for the token request."),
        _("It has expired, is damaged or missing, or is of a kind that the chosen method does not take."),
        _("Upload a certificate that is valid now, together with its key."),
    ),
    Diagnosis(
        "token_connection_incomplete",
        _("Token request not complete"),
        _("No token was asked for: what the token request is made of is not complete or can't be sent."),
        _("A value that the chosen method needs is missing, or a header of the token request breaks the rules."),
        _("Complete the fields of the token request."),
    ),
)

TOKENS = (*REFUSED, *ANSWERED, *UNREACHED, *UNUSABLE)
