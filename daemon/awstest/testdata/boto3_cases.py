"""Makes every case read from stdin with boto3 and prints what came back.

stdin:  a list of {"name", "url", "service", "operation", "params", "key",
        "secret", "token", "region", "minutes", "scope_region", "scope_service"}
stdout: a list of {"name", "status", "code", "message"}; code is empty on success.
"""
import datetime
import json
import sys
import types

import boto3
import botocore.auth
import botocore.exceptions
from botocore.config import Config

shift = datetime.timedelta()

class Shifted(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return datetime.datetime.utcnow() + shift


# botocore has two signers, its own and, where awscrt is installed, that one's.
# Old versions read the clock through the datetime module, new ones through a
# function they import; whatever a signer has is shifted.
signers = [botocore.auth]
try:
    import botocore.crt.auth
    signers.append(botocore.crt.auth)
except ImportError:
    pass
for signer in signers:
    if hasattr(signer, "get_current_datetime"):
        real_now = signer.get_current_datetime
        signer.get_current_datetime = lambda *a, real_now=real_now, **k: real_now(*a, **k) + shift
    else:
        signer.datetime = types.SimpleNamespace(
            datetime=Shifted, timedelta=datetime.timedelta, timezone=datetime.timezone)


def call(case):
    global shift
    shift = datetime.timedelta(minutes=case["minutes"])
    client = boto3.client(
        case["service"],
        endpoint_url=case["url"],
        region_name=case["region"],
        aws_access_key_id=case["key"],
        aws_secret_access_key=case["secret"],
        aws_session_token=case["token"] or None,
        config=Config(retries={"max_attempts": 0}, connect_timeout=10, read_timeout=10),
    )

    def scope(request, **kwargs):
        signing = dict(request.context.get("signing") or {})
        if case["scope_region"]:
            signing["region"] = case["scope_region"]
        if case["scope_service"]:
            signing["signing_name"] = case["scope_service"]
        request.context["signing"] = signing

    client.meta.events.register("before-sign", scope)
    operation = getattr(client, case["operation"])
    try:
        answer = operation(**case["params"])
        return answer["ResponseMetadata"]["HTTPStatusCode"], "", ""
    except botocore.exceptions.ClientError as e:
        error = e.response["Error"]
        return e.response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


results = []
for case in json.load(sys.stdin):
    status, code, message = call(case)
    results.append({"name": case["name"], "status": status, "code": code, "message": message})
json.dump(results, sys.stdout)
