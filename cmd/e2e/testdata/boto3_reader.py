"""boto3_reader.py ENDPOINT

Lets a new session sign for each AWS profile that is named, one JSON text a line, on
standard input, and answers each with a line: nothing, or the error's text. Retries
are off. Roles are asked for at ENDPOINT too, and no code of a second factor is.
"""
import json
import sys

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader

endpoint = sys.argv[1]
loader = create_loader()  # keeps what it has read; the models are large


def no_code(*_):
    raise EOFError("nobody is here to type a code")


def use(profile):
    core = botocore.session.Session(profile=profile)
    core.register_component("data_loader", loader)
    role = core.get_component("credential_provider").get_provider("assume-role")
    create = role._client_creator  # fails where botocore has changed
    role._client_creator = lambda name, **more: create(name, endpoint_url=endpoint, **more)
    role._prompter = no_code
    session = boto3.Session(botocore_session=core, region_name="us-east-1")
    sts = session.client("sts", endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1}))
    sts.get_caller_identity()


for line in sys.stdin:
    error = ""
    try:
        use(json.loads(line))
    except Exception as e:
        error = f"{type(e).__name__}: {e}"
    print(json.dumps(error), flush=True)
