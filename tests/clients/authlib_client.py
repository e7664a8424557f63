"""Python's Authlib as relying party: Flask's integration, and the session that leaves each step to its caller.

Reads one JSON line on standard input (what to do and as whom), prints {"go": URL} where a browser is needed and
reads where it landed, and ends with {"done": …}. Anything that is not as it must be is an exception.
"""

import json
import sys

from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from flask import Flask, jsonify
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

KINDS = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def read():
    return json.loads(sys.stdin.readline())


def browse(url):
    """Sends the person's browser there, and returns where it landed."""
    print(json.dumps({"go": url}), flush=True)
    return read()["landed"]


def key_of(asked):
    """The private key as Authlib wants it, and its assertion method."""
    jwk = asked["key"]
    method = PrivateKeyJWT(asked["token_endpoint"], alg=jwk["alg"], headers={"kid": jwk["kid"]})
    return KINDS[jwk["kty"]].import_key(jwk), method


def flask(asked):
    """As an application with Flask does it: two routes, and Authlib between them."""
    app = Flask("relying party")
    app.secret_key = "only of this test"
    app.config["SERVER_NAME"] = asked["redirect_uri"].split("/")[2]
    oauth = OAuth(app)
    secret, method = asked.get("client_secret"), asked["method"]
    more = {}
    if "key" in asked:
        secret, more["client_auth_methods"] = key_of(asked)[0], [key_of(asked)[1]]
    elif method == "client_secret_jwt":
        more["client_auth_methods"] = [ClientSecretJWT(asked["token_endpoint"])]
    oauth.register(
        "latchbolt",
        client_id=asked["client_id"],
        client_secret=secret,
        server_metadata_url=asked["issuer"] + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "token_endpoint_auth_method": method,
            "code_challenge_method": "S256",
        },
        **more,
    )

    @app.route("/login")
    def login():
        return oauth.latchbolt.authorize_redirect(asked["redirect_uri"])

    @app.route("/callback")
    def callback():
        token = oauth.latchbolt.authorize_access_token()
        return jsonify(claims=token["userinfo"], info=oauth.latchbolt.userinfo(token=token))

    with app.test_client() as browser:
        base = asked["redirect_uri"].rsplit("/", 1)[0]
        away = browser.get("/login", base_url=base)
        landed = browse(away.headers["location"])
        answer = browser.get(landed[len(base):], base_url=base)
        assert answer.status_code == 200, answer.text
        return answer.get_json()


def session(asked):
    """Code, refresh, introspection and revocation, step by step."""
    client = OAuth2Session(
        asked["client_id"],
        asked["client_secret"],
        scope="openid email offline_access",
        redirect_uri=asked["redirect_uri"],
        token_endpoint_auth_method="client_secret_basic",
        revocation_endpoint_auth_method="client_secret_basic",
        code_challenge_method="S256",
    )
    metadata = client.get(asked["issuer"] + "/.well-known/openid-configuration", withhold_token=True).json()
    verifier = "a-verifier-of-authlib-that-is-long-enough-0123456789"
    url, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, prompt="consent", nonce="n-0S6_WzA2Mj"
    )
    landed = browse(url)
    token = client.fetch_token(
        metadata["token_endpoint"], authorization_response=landed, state=state, code_verifier=verifier
    )
    keys = KeySet.import_key_set(client.get(metadata["jwks_uri"], withhold_token=True).json())
    claims = jwt.decode(token["id_token"], keys, algorithms=["ES256"]).claims
    assert claims["iss"] == asked["issuer"] and claims["aud"] == asked["client_id"], claims
    assert claims["nonce"] == "n-0S6_WzA2Mj", claims
    first = client.get(metadata["userinfo_endpoint"]).json()

    renewed = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert renewed["refresh_token"] != token["refresh_token"]
    assert client.get(metadata["userinfo_endpoint"]).json() == first

    def introspect(text):
        answer = client.introspect_token(metadata["introspection_endpoint"], token=text)
        answer.raise_for_status()
        return answer.json()

    active = introspect(renewed["access_token"])
    assert active["active"] and active["sub"] == claims["sub"], active
    client.revoke_token(
        metadata["revocation_endpoint"], token=renewed["refresh_token"], token_type_hint="refresh_token"
    ).raise_for_status()
    assert introspect(renewed["access_token"]) == {"active": False}
    return {"claims": claims, "info": first}


def main():
    asked = read()
    done = {"flask": flask, "session": session}[asked["scenario"]](asked)
    print(json.dumps({"done": done}), flush=True)


main()
