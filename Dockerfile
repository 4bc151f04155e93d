# Waypost in one image: `waypost ingress`, `worker`, `api`, or `up` with the embedded Valkey.
#   docker build -t waypost . && docker run --rm -p 8080:8080 -p 127.0.0.1:8081:8081 -v waypost:/data waypost

FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/waypost
WORKDIR /build

# The dependencies change seldom, so they are a layer of their own. Nothing is installed that the lock does not name.
COPY requirements.lock ./
RUN /opt/waypost/bin/pip install --require-hashes --only-binary=:all: -r requirements.lock

COPY pyproject.toml README.md ./
COPY services services
COPY workers workers
COPY shared shared
RUN /opt/waypost/bin/pip install --no-deps --no-build-isolation .


FROM python:3.13-slim

# /data: the embedded store of `up`. /keys and /public: what the `keys` service of compose.yaml makes.
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin waypost \
 && install -d -o waypost -g waypost -m 0700 /data /keys \
 && install -d -o waypost -g waypost -m 0755 /public

COPY --from=build /opt/waypost /opt/waypost
ENV PATH=/opt/waypost/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    WAYPOST_DATA_DIR=/data \
    WAYPOST_INGRESS_BIND=0.0.0.0:8080 \
    WAYPOST_API_BIND=0.0.0.0:8081 \
    WAYPOST_LOG=json

USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080 8081

HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=2)"]

ENTRYPOINT ["waypost"]
CMD ["up"]
