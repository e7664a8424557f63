"""A mail server of the world (aiosmtpd) for the test of mail: says what it got, a JSON line each."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

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
    return AuthResult(success=known, handled=False, auth_data=data if known else None)


async def main():
    options, wrapped = {}, None
    if asked["mode"] != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(asked["cert"], asked["key"])
        if asked["mode"] == "required":
            wrapped = context
        else:
            options = {"tls_context": context, "require_starttls": True}
    if asked.get("password"):
        # Over TLS from the first byte aiosmtpd does not see that there is any.
        wants_tls = asked["mode"] == "starttls"
        options |= {"authenticator": authenticator, "auth_required": True, "auth_require_tls": wants_tls}
    made = lambda: SMTP(Keeper(), hostname="localhost", **options)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", asked["port"], ssl=wrapped)
    say({"ready": True})
    await server.serve_forever()


asyncio.run(main())
