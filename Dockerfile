# syntax=docker/dockerfile:1
# The service and its jobs in one image: `serve` by default, any other command of `recommender` by argument.
FROM python:3.12-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv
WORKDIR /src
COPY requirements.lock requirements-demo.lock ./
ARG REQUIREMENTS=requirements.lock
RUN uv venv /app && uv pip install --python /app/bin/python --require-hashes -r ${REQUIREMENTS}
COPY pyproject.toml README.md LICENSE ./
COPY recommender recommender
COPY features features
COPY training training
COPY serving serving
RUN uv pip install --python /app/bin/python --no-deps .

FROM python:3.12-slim-bookworm
# faiss, lightgbm and implicit need the OpenMP run time.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home recommender && mkdir /data && chown recommender /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 \
    RECOMMENDER_DATA_DIR=/data RECOMMENDER_HOST=0.0.0.0 NUMBA_CACHE_DIR=/data/.numba
USER recommender
WORKDIR /home/recommender
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["recommender"]
CMD ["serve"]
