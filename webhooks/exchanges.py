"""One exchange of a webhook as it may be stored and shown."""

from typing import Any

from outbound.trace import describe_request, describe_result
from outbound.transfer import Request, Result
from webhooks.sending import SendPlan, redacted_headers


def describe_exchange(plan: SendPlan, request: Request, result: Result) -> dict[str, Any]:
    """Return the exchange as JSON values, every secret masked. What a private network answered is not kept."""
    headers, body = redacted_headers(plan, request), plan.redactor.body(request.body)
    sent = describe_request(request.method, request.url, headers, body)
    return {"request": sent} | describe_result(result, plan.redactor)
