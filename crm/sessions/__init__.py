"""Signing in: passwords, lock-outs, links, the second factor and the server-side sessions behind the cookie.

They promise: a stranger learns nothing from time or text; wrong tries are counted exactly however many arrive at once;
a password, token or code is stored only hashed; what ends (sign-out, a new password, a disabled account) ends in every
browser and app process at once. Nobody is signed in yet while these functions work, so they take a `Database` and stand
below the door; each change is one transaction with its audit entry. Decision record 0001 tells why none of this is
streamlit-authenticator's own.
"""

from crm.sessions.accounts import (
    change_password,
    confirm_password,
    end_sign_ins,
    forget_person,
    link_is_good,
    make_reset_link,
    set_password,
    unlock,
    use_reset_link,
)
from crm.sessions.beginnings import (
    Founder,
    first_code,
    found,
    has_users,
    seed_accounts,
)
from crm.sessions.passwords import HashedPassword, prepare
from crm.sessions.policy import AuthFileError, policy
from crm.sessions.present import (
    TOUCH_EVERY,
    Browser,
    Present,
    browsers,
    clear_old,
    current,
    note_refused,
    revoke,
    revoke_others,
    sign_out,
    still_present,
    touch,
)
from crm.sessions.records import (
    Credential,
    OneTimeCode,
    RecoveryCode,
    ResetLink,
    Throttle,
)
from crm.sessions.requests import request_reset
from crm.sessions.second_factor import (
    Offer,
    disable_totp,
    drop_totp,
    enable_totp,
    has_totp,
    offer_totp,
    recovery_codes_left,
)
from crm.sessions.signing_in import (
    Failed,
    Outcome,
    SignedIn,
    Step,
    Wanted,
    Why,
    go_on,
    open_sign_in,
    sign_in,
)

__all__ = [
    "TOUCH_EVERY",
    "AuthFileError",
    "Browser",
    "Credential",
    "Failed",
    "Founder",
    "HashedPassword",
    "Offer",
    "OneTimeCode",
    "Outcome",
    "Present",
    "RecoveryCode",
    "ResetLink",
    "SignedIn",
    "Step",
    "Throttle",
    "Wanted",
    "Why",
    "browsers",
    "change_password",
    "clear_old",
    "confirm_password",
    "current",
    "disable_totp",
    "drop_totp",
    "enable_totp",
    "end_sign_ins",
    "first_code",
    "forget_person",
    "found",
    "go_on",
    "has_totp",
    "has_users",
    "link_is_good",
    "make_reset_link",
    "note_refused",
    "offer_totp",
    "open_sign_in",
    "policy",
    "prepare",
    "recovery_codes_left",
    "request_reset",
    "revoke",
    "revoke_others",
    "seed_accounts",
    "set_password",
    "sign_in",
    "sign_out",
    "still_present",
    "touch",
    "unlock",
    "use_reset_link",
]
