"""Access tokens and hash keys: getting them, sharing them, and letting go of dead ones."""

from kis_sync.auth.access_token import AccessToken, shared_access_token
from kis_sync.auth.store import Issued, TokenStore

__all__ = ["AccessToken", "Issued", "TokenStore", "shared_access_token"]
