from prometheus_client.parser import text_string_to_metric_families

from tellapart.deploy.serving.meters import STAGES, Metrics


def test_two_servers_do_not_count_together_and_the_text_parses() -> None:
    first, second = Metrics(), Metrics()
    first.requests.labels("/predict", "200").inc()
    with first.timed("decode"):
        pass
    first.watch("tellapart_queue_photos", "Waiting.", lambda: 7)
    first.took("network", 0.2)
    found = {family.name: family for family in text_string_to_metric_families(first.text().decode())}
    assert found["tellapart_queue_photos"].samples[0].value == 7
    assert found["tellapart_requests"].samples[0].labels == {"route": "/predict", "status": "200"}
    counts = {
        sample.labels["stage"]: sample.value
        for sample in found["tellapart_seconds"].samples
        if sample.name == "tellapart_seconds_count"
    }
    assert counts == {**dict.fromkeys(STAGES, 0), "decode": 1, "network": 1}
    assert not next(iter(second.requests.collect())).samples
