# A worker of any role. Not built in CI: there is no Docker engine there.
FROM python:3.11-slim

WORKDIR /rushes
COPY requirements.lock ./
# --no-deps: the lock is complete, and a resolver would refuse facenet-pytorch's pins.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY rushes ./rushes
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --create-home --uid 10001 rushes \
    && install -d -o rushes -g rushes /blobs /models

USER rushes
ENTRYPOINT ["rushes"]
