"""boto3_client.py ENDPOINT SCALE PROFILE...

Lets one session for each profile sign requests until standard input ends, each
on its own thread, with retries off. botocore refreshes credentials 15 minutes
(10 at the latest) before their Expiration; both are divided by SCALE, or with
credentials that live for seconds it would run the helper for every request.

Prints one line, "REQUESTS ERRORS", and each error's text on standard error.
"""
import sys
import threading

import botocore.credentials
import boto3
from botocore.config import Config

endpoint, scale, profiles = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
refreshable = botocore.credentials.RefreshableCredentials
for window in ("_advisory_refresh_timeout", "_mandatory_refresh_timeout"):
    seconds = getattr(refreshable, window)  # fails where botocore has changed
    setattr(refreshable, window, seconds / scale)

over = threading.Event()
lock = threading.Lock()
requests = errors = 0


def use(profile):
    global requests, errors
    session = boto3.Session(profile_name=profile, region_name="us-east-1")
    once = Config(retries={"total_max_attempts": 1})
    sts = session.client("sts", endpoint_url=endpoint, config=once)
    sns = session.client("sns", endpoint_url=endpoint, config=once)
    while not over.is_set():
        for ask in (sts.get_caller_identity, sns.list_topics):
            try:
                ask()
                failed = None
            except Exception as e:
                failed = e
            with lock:
                requests += 1
                if failed:
                    errors += 1
                    print(f"{profile}: {type(failed).__name__}: {failed}", file=sys.stderr)
        over.wait(0.1)


threads = [threading.Thread(target=use, args=(p,)) for p in profiles]
for t in threads:
    t.start()
sys.stdin.read()
over.set()
for t in threads:
    t.join()
print(requests, errors)
