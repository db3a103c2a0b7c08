"""The example for Kubernetes: fields and types as KubeRay and Kubernetes have them, a token, and no open door.

The names and types below were written from the reference of KubeRay's API for what the example uses, and know nothing
else: https://github.com/ray-project/kuberay/blob/master/docs/reference/api.md. To hold the example against the whole
schema of an operator: kubectl get crd rayclusters.ray.io --output yaml > crd.yaml, then TELLAPART_KUBERAY_CRD=crd.yaml.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from needed import needs_ray

from tellapart.files import write_json
from tellapart.version import VERSION

yaml = pytest.importorskip("yaml")

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "kuberay.yaml"
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
FLAG: dict[str, Any] = {"type": "boolean"}
QUANTITY: dict[str, Any] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|Mi|Gi|Ti)?$"}
NAME: dict[str, Any] = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}


def fields(required: str = "", **known: Any) -> dict[str, Any]:
    """An object of these fields and no other."""
    return {"type": "object", "properties": known, "required": required.split(), "additionalProperties": False}


def many(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": 1}


def texts_by_name(of: dict[str, Any] = TEXT) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": of}


SECRET = fields("secretKeyRef", secretKeyRef=fields("name key", name=NAME, key=TEXT))
VARIABLE = {
    **fields("name", name={"type": "string", "pattern": "^[A-Z_]+$"}, value={"type": "string"}, valueFrom=SECRET),
    "minProperties": 2,
}
SAFE = fields(
    "allowPrivilegeEscalation capabilities runAsNonRoot",
    allowPrivilegeEscalation={"const": False},
    capabilities=fields("drop", drop={"const": ["ALL"]}),
    runAsNonRoot={"const": True},
    runAsUser={"type": "integer", "minimum": 1},
)
CONTAINER = fields(
    "name image env resources securityContext",
    name=NAME,
    image=TEXT,
    command=many(TEXT),
    env=many(VARIABLE),
    ports=many(fields("containerPort", containerPort={"type": "integer"}, name={**NAME, "maxLength": 15})),
    resources=fields("requests limits", requests=texts_by_name(QUANTITY), limits=texts_by_name(QUANTITY)),
    securityContext=SAFE,
    volumeMounts=many(fields("name mountPath", name=NAME, mountPath=TEXT, readOnly=FLAG)),
)
CLAIM = fields("claimName", claimName=NAME, readOnly=FLAG)
POD = fields(
    "spec",
    metadata=fields(labels=texts_by_name()),
    spec=fields(
        "containers automountServiceAccountToken",
        containers=many(CONTAINER),
        volumes=many(fields("name persistentVolumeClaim", name=NAME, persistentVolumeClaim=CLAIM)),
        restartPolicy={"enum": ["Never", "OnFailure"]},
        automountServiceAccountToken={"const": False},
    ),
)
METADATA = fields("name namespace", name=NAME, namespace=NAME)
HEAD = fields(
    "template rayStartParams serviceType",
    template=POD,
    rayStartParams=texts_by_name(),
    serviceType={"const": "ClusterIP"},  # nothing outside of Kubernetes reaches it
    enableIngress={"const": False},
)
WORKERS = fields(
    "groupName template rayStartParams",
    groupName=NAME,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    idleTimeoutSeconds=COUNT,
    numOfHosts=COUNT,
    rayStartParams=texts_by_name(),
    template=POD,
)


def resource(version: str, spec: dict[str, Any]) -> dict[str, Any]:
    """What each kind has, around its own part."""
    return fields(
        "apiVersion kind metadata spec", apiVersion={"const": version}, kind=TEXT, metadata=METADATA, spec=spec
    )


LABELLED = fields("podSelector", podSelector=fields("matchLabels", matchLabels=texts_by_name()))
KINDS = {
    "RayCluster": resource(
        "ray.io/v1",
        fields(
            "rayVersion headGroupSpec workerGroupSpecs",
            rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
            headGroupSpec=HEAD,
            workerGroupSpecs=many(WORKERS),
        ),
    ),
    "NetworkPolicy": resource(
        "networking.k8s.io/v1",
        fields(
            "podSelector policyTypes ingress",
            podSelector=fields("matchLabels", matchLabels=texts_by_name()),
            policyTypes={"const": ["Ingress"]},
            ingress=many(
                fields("from", **{"from": many(LABELLED)}, ports=many(fields("port", protocol=TEXT, port=COUNT)))
            ),
        ),
    ),
    "Job": resource(
        "batch/v1",
        fields(
            "template",
            template=POD,
            backoffLimit=COUNT,
        ),
    ),
}


@pytest.fixture
def parts() -> dict[str, Any]:
    return {part["kind"]: part for part in yaml.safe_load_all(EXAMPLE.read_text())}


def test_fields_and_types(parts: dict[str, Any]) -> None:
    assert parts.keys() == KINDS.keys()
    for kind, part in parts.items():
        Draft202012Validator(KINDS[kind]).validate(part)


@pytest.mark.parametrize(
    "wrong",
    [
        {"headGroupSpec": {"rayStartParams": {"num-cpus": 0}}},  # a number: KubeRay takes texts alone
        {"headGroupSpec": {"serviceType": "LoadBalancer"}},
        {"headGroupSpecs": {}},
        {"rayVersion": 2.6},
    ],
)
def test_what_is_wrong_is_noticed(parts: dict[str, Any], wrong: dict[str, Any]) -> None:
    spec = parts["RayCluster"]["spec"]
    for name, value in wrong.items():
        spec[name] = {**spec.get(name, {}), **value} if isinstance(value, dict) else value
    with pytest.raises(ValidationError):
        Draft202012Validator(KINDS["RayCluster"]).validate(parts["RayCluster"])


def test_every_process_has_the_token_and_the_same_tellapart(parts: dict[str, Any]) -> None:
    containers = list(containers_of(list(parts.values())))
    assert [container["name"] for container in containers] == ["ray-head", "ray-worker", "command"]
    for container in containers:
        variables = {variable.pop("name"): variable for variable in container["env"]}
        assert variables["RAY_AUTH_MODE"] == {"value": "token"}
        secret = {"name": "tellapart-ray", "key": "auth_token"}
        assert variables["RAY_AUTH_TOKEN"] == {"valueFrom": {"secretKeyRef": secret}}
        assert container["image"] == f"tellapart-ray:{VERSION}"
    text = EXAMPLE.read_text()
    assert f"tellapart[ray]=={VERSION}" in text
    version = parts["RayCluster"]["spec"]["rayVersion"]
    assert f"rayproject/ray:{version}-py311" in text
    assert tuple(map(int, version.split("."))) >= (2, 52, 0), "the first with tokens"


def test_no_open_door(parts: dict[str, Any]) -> None:
    ports = [port["containerPort"] for one in containers_of(list(parts.values())) for port in one.get("ports", ())]
    assert ports == [6379, 10001], "no dashboard"
    assert parts["RayCluster"]["spec"]["headGroupSpec"]["rayStartParams"]["dashboard-host"] == "127.0.0.1"
    name = parts["RayCluster"]["metadata"]["name"]
    policy = parts["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == {"ray.io/cluster": name}
    ours, command = policy["ingress"]
    assert ours == {"from": [{"podSelector": {"matchLabels": {"ray.io/cluster": name}}}]}
    assert [port["port"] for port in command["ports"]] == [10001]
    labels = parts["Job"]["spec"]["template"]["metadata"]["labels"]
    assert command["from"] == [{"podSelector": {"matchLabels": labels}}]
    (container,) = containers_of([parts["Job"]])
    assert f"--on ray://{name}-head-svc:10001 ||" in container["command"][-1]
    assert len({part["metadata"]["namespace"] for part in parts.values()}) == 1


@pytest.mark.parametrize(("status", "is_finished", "ended"), [(0, True, 0), (2, True, 0), (2, False, 1), (1, False, 1)])
def test_the_job_ends_where_all_is_done(
    parts: dict[str, Any], tmp_path: Path, status: int, is_finished: bool, ended: int
) -> None:
    (container,) = containers_of([parts["Job"]])
    (tmp_path / "answers").mkdir()
    write_json(tmp_path / "answers" / "_manifest.json", {"format": 1, "finished": is_finished})
    *shell, line = container["command"]
    (tmp_path / "tellapart").write_text(f"#!/bin/sh\nexit {status}\n")
    (tmp_path / "tellapart").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([*shell, line.replace("/work/", f"{tmp_path}/")], env=environment, check=False)
    assert done.returncode == ended


@needs_ray
@pytest.mark.slow
def test_ray_knows_its_parameters(parts: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--help"]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    known = set(re.findall(r"--([a-z-]+)", told))
    spec = parts["RayCluster"]["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert set(group["rayStartParams"]) <= known


@pytest.mark.skipif("TELLAPART_KUBERAY_CRD" not in os.environ, reason="TELLAPART_KUBERAY_CRD names no schema")
def test_the_whole_schema_of_an_operator(parts: dict[str, Any]) -> None:
    crd = yaml.safe_load(Path(os.environ["TELLAPART_KUBERAY_CRD"]).read_text())
    assert crd["spec"]["names"]["kind"] == "RayCluster"
    (schema,) = [one["schema"]["openAPIV3Schema"] for one in crd["spec"]["versions"] if one["name"] == "v1"]
    Draft202012Validator(strict(schema)).validate(parts["RayCluster"])


def strict(schema: Any) -> Any:
    """A schema that refuses fields which it does not name; Kubernetes would drop them without a word."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: strict(value) for name, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    is_closed = schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema
    is_whole = "apiVersion" in schema.get("properties", {}) or schema.get("x-kubernetes-preserve-unknown-fields")
    return {**told, "additionalProperties": False} if is_closed and not is_whole else told


def containers_of(value: Any) -> Iterator[dict[str, Any]]:
    """All containers, wherever they are."""
    if isinstance(value, list):
        for one in value:
            yield from containers_of(one)
    elif isinstance(value, dict):
        yield from value.get("containers", ())
        for one in value.values():
            yield from containers_of(one)
