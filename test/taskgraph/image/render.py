#!/opt/taskgraph/bin/python
"""Renders a template with JSON-e, as the github service and hooks do.

Standard input: {"template": …, "context": …}, or "file", the path of a YAML template. Standard output: the rendering.
"""

import json
import sys

import jsone
import slugid
import yaml

request = json.load(sys.stdin)
if "file" in request:
    with open(request["file"]) as file:
        template = yaml.safe_load(file)
    del template["version"]
else:
    template = request["template"]
slugids = {}


def as_slugid(label):
    return slugids.setdefault(label, slugid.nice())


print(json.dumps(jsone.render(template, dict(request["context"], as_slugid=as_slugid))))
