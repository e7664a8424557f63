"""Python's `python-cas` as a service: each step of its client, as an application calls it.

Reads one JSON line on standard input (what to do and as whom), prints {"go": URL} where a browser is needed and
reads where it landed, prints {"receipt": IOU} where the proxy callback was told a ticket and reads that, and ends with
{"done": …}. Anything that is not as it must be is an exception.
"""

import json
import sys
from urllib.parse import parse_qs, urlsplit

from cas import CASClient, CASError


def read():
    return json.loads(sys.stdin.readline())


def say(**words):
    print(json.dumps(words), flush=True)
    return read()


def client(asked, service, **more):
    return CASClient(version=asked["version"], server_url=asked["server"], service_url=service, **more)


def ticket_for(cas):
    """Sends the person's browser to the sign-in address; it comes back with a ticket."""
    landed = urlsplit(say(go=cas.get_login_url())["landed"])
    return parse_qs(landed.query)["ticket"][0]


def nobody(answer):
    user, attributes, receipt = answer
    return user is None and not attributes and receipt is None


def sign_in(asked):
    """A ticket is a person once, at its own service; the last one, and where the browser is sent to sign out."""
    cas = client(asked, asked["service"])
    ticket = ticket_for(cas)
    user, attributes, receipt = cas.verify_ticket(ticket)
    assert user and receipt is None, (user, receipt)
    assert nobody(cas.verify_ticket(ticket)), "a used ticket is one"
    other = ticket_for(cas)
    assert nobody(client(asked, asked["service"] + "&more=1").verify_ticket(other)), "another service's ticket is one"
    assert nobody(cas.verify_ticket(other)), "a refused ticket lives on"
    assert nobody(cas.verify_ticket("ST-nothing")), "anything is a ticket"
    again = client(asked, asked["service"], renew=True)
    last = ticket_for(again)
    renewed, *_ = again.verify_ticket(last)
    assert renewed == user, renewed
    leave = {"onward": cas.get_logout_url(asked["home"]), "plain": cas.get_logout_url()}
    return {"user": user, "attributes": attributes, "ticket": last, "leave": leave}


def proxied(cas, proxy_ticket, path):
    """The library has no class for tickets that came through proxies: the address is what differs."""
    cas.url_suffix = path
    return cas.verify_ticket(proxy_ticket)


def proxy(asked):
    """A portal gets a ticket for the mail server on the person's behalf, and the mail server one for the archive."""
    portal = client(asked, asked["service"], proxy_callback=asked["callback"])
    user, _, receipt = portal.verify_ticket(ticket_for(portal))
    assert receipt.startswith("PGTIOU-"), receipt
    granting = say(receipt=receipt)["granting"]

    mail = client(asked, asked["mail"], proxy_callback=asked["mail_callback"])
    path = "p3/proxyValidate" if asked["version"] == 3 else "proxyValidate"
    first = mail.get_proxy_ticket(granting)
    assert first.startswith("PT-"), first
    assert nobody(mail.verify_ticket(first)), "a proxy ticket is taken where there are none"
    mailed, attributes, mail_receipt = proxied(mail, mail.get_proxy_ticket(granting), path)
    assert mailed == user, mailed

    archive = client(asked, asked["archive"])
    further = archive.get_proxy_ticket(say(receipt=mail_receipt)["granting"])
    archive.url_suffix = path
    chain = archive.get_verification_response(further).decode()
    archived, *_ = archive.verify_response(chain.encode())
    assert archived == user, archived

    for service, ticket in [(asked["mail"], granting[:-1] + "-"), ("https://nobody.example/", granting)]:
        try:
            got = client(asked, service).get_proxy_ticket(ticket)
        except CASError:
            continue
        raise AssertionError(f"{service} has a ticket: {got}")
    return {"user": user, "attributes": attributes, "chain": chain, "granting": granting}


def refused_callback(asked):
    """A callback that nobody registered gets nothing, and the ticket is gone."""
    portal = client(asked, asked["service"], proxy_callback=asked["callback"])
    ticket = ticket_for(portal)
    assert nobody(portal.verify_ticket(ticket)), "it signs in"
    assert nobody(client(asked, asked["service"]).verify_ticket(ticket)), "the ticket lives on"
    return {}


def told(asked):
    """The message that a session ended, read by the library."""
    cas = client(asked, asked["service"])
    found = [index.text for index in cas.get_saml_slos(asked["message"].encode())]
    own = cas.verify_logout_request(asked["message"].encode(), asked["ticket"])
    other = cas.verify_logout_request(asked["message"].encode(), asked["ticket"] + "x")
    return {"found": found, "own": own, "other": other}


def main():
    asked = read()
    done = {"sign_in": sign_in, "proxy": proxy, "refused_callback": refused_callback, "told": told}[asked["scenario"]](asked)
    print(json.dumps({"done": done}), flush=True)


main()
