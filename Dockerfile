# The service, web processes and workers alike, with the providers that are asked for:
#
#   docker build -t labeldock --build-arg PROVIDERS="local s3" .

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG PROVIDERS="local s3 gcs azure"
ARG EXTRAS="app,parquet,traces"
SHELL ["/bin/sh", "-eu", "-c"]
WORKDIR /src
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir "uv>=0.9,<1"
COPY constraints.txt ./
COPY core core
COPY plugins plugins
RUN set -- "./core[${EXTRAS}]"; \
    for provider in ${PROVIDERS}; do set -- "$@" "./plugins/${provider}"; done; \
    python -m venv --without-pip /opt/labeldock; \
    /opt/build/bin/uv pip install --no-cache --compile-bytecode \
        --python /opt/labeldock/bin/python -c constraints.txt "$@"

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Labeldock" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin labeldock \
    && install -d -o labeldock -g labeldock /data
COPY --from=build /opt/labeldock /opt/labeldock
ENV PATH=/opt/labeldock/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LABELDOCK_HOME=/data \
    LABELDOCK_LOG_FORMAT=json
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
# SIGTERM ends requests and hands runs back at a checkpoint, within ten seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/ready', timeout=4)"]
CMD ["labeldock", "serve", "--host", "0.0.0.0", "--workers", "2"]
