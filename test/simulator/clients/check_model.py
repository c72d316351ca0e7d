"""Checks the table against EC2's own service model: check_model.py requests.tsv states.tsv

Every operation, parameter and field of an answer has to be in the model, with its type. Prints what is not, one a line.
"""

import json
import sys

import boto3

MODEL = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x").meta.service_model

SCALARS = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": str,
}


def defects(shape, value, path):
    """What of the value the shape does not have."""
    if value is None:
        return
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            yield f"{path} is a structure"
            return
        for key, item in value.items():
            if key in shape.members:
                yield from defects(shape.members[key], item, f"{path}.{key}")
            else:
                yield f"{path} has no {key}"
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{path} is a list"
            return
        for index, item in enumerate(value):
            yield from defects(shape.member, item, f"{path}.{index}")
    elif type(value) is not SCALARS[shape.type_name]:
        yield f"{path} is a {shape.type_name}"


def member(shape, where, path):
    """What of a path such as Instances.0.InstanceId the shape does not have."""
    for key in where.split(" ")[0].split("."):
        if shape.type_name == "list" and key.isdigit():
            shape = shape.member
        elif shape.type_name == "structure" and key in shape.members:
            shape = shape.members[key]
        else:
            yield f"{path}: nothing at {where}"
            return


def rows(file):
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                yield line.rstrip("\n").split("\t")


def check(path, name, parameters, answer, names):
    if name not in MODEL.operation_names:
        yield f"{path}: the model has no operation {name}"
        return
    operation = MODEL.operation_model(name)
    yield from defects(operation.input_shape, json.loads(parameters), f"{path}: {name}")
    if operation.output_shape is None:
        if answer or names:
            yield f"{path}: {name} answers nothing"
        return
    if answer:
        yield from defects(operation.output_shape, json.loads(answer), f"{path}: answer of {name}")
    for where in json.loads(names or "{}").values():
        yield from member(operation.output_shape, where, path)


def main(requests, states):
    found = []
    for identity, _, operation, parameters, _, _, answer, _, _ in rows(requests):
        found += check(identity, operation, parameters, answer, "")
    for state, _, operation, parameters, names, until, _ in rows(states):
        found += check(f"state {state}", operation, parameters, until, names)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
