# A small image that measures studies without a network; the weights are inside.
# NOT BUILT HERE: no container engine was at hand when this was written. Build and try it before use:
#   docker build -t lvvol .
#   docker run --rm --network none --user "$(id -u):$(id -g)" \
#     -v "$PWD/studies:/studies:ro" -v "$PWD/results:/results" \
#     lvvol predict --each /studies -o /results
FROM python:3.12-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ cmake ninja-build \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels -c constraints.txt ".[export,dask,dicomweb]"

# Debian's base has the C++ runtime that the core needs, since apt needs it too.
FROM python:3.12-slim-bookworm
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels "lvvol[export,dask,dicomweb]" \
 && useradd --create-home --uid 1000 lvvol
USER lvvol
WORKDIR /home/lvvol
# One thread a study: many run side by side.
ENV OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["lvvol"]
CMD ["--help"]
