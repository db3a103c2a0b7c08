import asyncio

import pytest

from served_model import CLASSES, HeldModel, photo_bytes, served_model
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.refusals import RefusedError
from tellapart.deploy.serving.service import Service


def test_it_is_ready_while_it_runs() -> None:
    service = Service(served_model(), ServerSettings(workers=1))
    assert (service.outputs, service.ready) == (("probabilities", "stranger", "heat"), False)

    async def run() -> None:
        for _ in range(2):  # it can be started again
            async with service.running():
                assert service.ready
                told = await service.answer_photos([photo_bytes(), b"junk"], threshold=0, heat=False)
                assert told[0]["answer"] == CLASSES[0]
                assert "error" in told[1]
            assert not service.ready
            assert service.worker_ids == []
        with pytest.raises(RefusedError) as refused:
            await service.answer_photos([photo_bytes()], threshold=0, heat=False)
        assert refused.value.status == 503

    asyncio.run(run())
    counted = {
        kind: service.metrics.registry.get_sample_value("tellapart_photos_total", {"answer": kind})
        for kind in ("class", "unreadable")
    }
    assert counted == {"class": 2, "unreadable": 2}


def test_what_was_let_in_is_answered_at_the_end() -> None:
    model = HeldModel()
    service = Service(model, ServerSettings(workers=1))

    async def run() -> None:
        async with service.running():
            model.go.clear()
            model.busy.clear()
            waiting = asyncio.create_task(service.answer_photos([photo_bytes()], threshold=0, heat=False))
            await asyncio.to_thread(model.busy.wait, 30)
            asyncio.get_running_loop().call_later(0.1, model.go.set)
        assert (await waiting)[0]["predicted"] == CLASSES[0]

    asyncio.run(run())
