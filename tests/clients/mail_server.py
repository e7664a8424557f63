"""A mail server of the world (aiosmtpd) for the test of mail: says what it got, a JSON line each."""

import json
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

asked = json.loads(sys.argv[1])


def say(words):
    print(json.dumps(words), flush=True)


class Keeper:
    async def handle_DATA(self, server, session, envelope):
        say({
            "to": envelope.rcpt_tos,
            "from": envelope.mail_from,
            "tls": session.ssl is not None or asked["mode"] == "required",
            "login": session.auth_data.login.decode() if session.auth_data else None,
            "raw": envelope.content.decode("utf-8", "replace"),
        })
        return "250 taken"


def authenticator(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == ("post", asked["password"])
    return AuthResult(success=known, auth_data=data if known else None)


options = {}
if asked["mode"] != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(asked["cert"], asked["key"])
    if asked["mode"] == "required":
        options = {"ssl_context": context}
    else:
        options = {"tls_context": context, "require_starttls": True}
if asked.get("password"):
    options |= {"authenticator": authenticator, "auth_required": True}
    # Over TLS from the first byte aiosmtpd does not see that there is any.
    options["auth_require_tls"] = asked["mode"] == "starttls"

server = Controller(Keeper(), hostname="127.0.0.1", port=asked["port"], **options)
server._trigger_server = lambda: None  # its own first visit cannot speak to a server that wants passwords
server.start()
say({"ready": True})
threading.Event().wait()
