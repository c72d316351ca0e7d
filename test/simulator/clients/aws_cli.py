"""The AWS CLI, answering one request after another: its start takes longer than a request.

Reads lines {"operation": "CreateVpc", "parameters": {…}} and writes for each {"body": …} or {"code": …, "message": …}.
It is the CLI's own main(), called as the command `aws` calls it. It is loaded once; each request is a fork of that.
"""

import contextlib
import io
import json
import os
import re
import sys

from awscli.clidriver import create_clidriver
from botocore import xform_name

ERROR = re.compile(r"An error occurred \(([^)]+)\) when calling the \w+ operation(?: \([^)]*\))?: (.*)", re.DOTALL)


def command(request):
    name = xform_name(request["operation"], "-")
    parameters = json.dumps(request["parameters"])
    # The CLI would page by itself; the table asks for single pages.
    return ["ec2", name, "--cli-input-json", parameters, "--output", "json", "--no-paginate"]


def answer(driver, arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = driver.main(arguments)
        except SystemExit as exit:
            status = exit.code
    if status == 0:
        return {"body": json.loads(out.getvalue() or "{}")}
    found = ERROR.search(err.getvalue())
    if found is None:
        return {"code": f"exit {status}", "message": err.getvalue().strip()}
    return {"code": found.group(1), "message": found.group(2).strip()}


def main():
    driver = create_clidriver()
    # Loads what every command loads.
    driver.session.get_service_model("ec2")
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            print(json.dumps(answer(driver, command(json.loads(line)))), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            print(json.dumps({"code": "no answer", "message": f"the CLI's process ended with {status}"}), flush=True)


if __name__ == "__main__":
    main()
