"""The second step among allauth's stages of a sign-in."""

from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest

from access.mfa.codes import has_mfa


class CodeStage(AuthenticateStage):
    def is_resumable(self, request: HttpRequest) -> bool:
        """Whether a sign-in that waits for a code can go on. When the factor was taken away meanwhile, allauth's page
        for the code and its page for the password would send the browser to and fro without end."""
        user = self.login.user
        return user is not None and has_mfa(user)
