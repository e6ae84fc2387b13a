"""Checks Kubernetes objects strictly against the published schemas, and prints the arguments of each
container as a line of JSON."""

import json
import sys

import kubernetes_validate
import yaml


def containers(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "containers":
                yield from inner
            else:
                yield from containers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from containers(inner)


with open(sys.argv[1], encoding="utf-8") as file:
    objects = list(yaml.safe_load_all(file))
for item in objects:
    kubernetes_validate.validate(item, desired_version="1.30", strict=True)
    for container in containers(item):
        mounts = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
        for variable in container.get("env", []):
            path = variable.get("value", "")
            is_file = variable["name"].endswith("_FILE")
            if is_file and not any(path.startswith(mount + "/") for mount in mounts):
                sys.exit(f"{container['name']}: nothing is mounted at {path} of {variable['name']}")
        print(json.dumps(container["args"]))
