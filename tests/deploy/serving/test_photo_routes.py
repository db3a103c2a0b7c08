from fastapi import FastAPI

from served_model import served_model
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.photo_routes import photo_routes
from tellapart.deploy.serving.service import Service


def test_the_document_says_what_predict_takes_and_gives() -> None:
    app = FastAPI()
    app.include_router(photo_routes(Service(served_model(), ServerSettings())))
    predict = app.openapi()["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"multipart/form-data", "application/octet-stream", "image/*"}
    assert {parameter["name"] for parameter in predict["parameters"]} == {"heat", "reject"}
    statuses = {200, 400, 401, 403, 408, 413, 415, 421, 422, 429, 500, 503, 504}
    assert set(predict["responses"]) == {str(status) for status in statuses}
