# syntax=docker/dockerfile:1
# Deskwire in a container: built from this source, run by a user who may do nothing, with no secret and no data inside.
# Alone it keeps SQLite and its token secret in the volume /var/lib/deskwire:
#   docker build -t deskwire . && docker run -p 7420:7420 -v deskwire:/var/lib/deskwire deskwire

FROM rust:1.95.0-slim-bookworm AS build
# The image has this toolchain; rust-toolchain.toml would also fetch what only the tests need.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /source
COPY . .
# What is compiled stays in the caches for the next build; only the binary goes into the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --release --locked && install -D target/release/deskwire /out/deskwire

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/deskwire --create-home --shell /usr/sbin/nologin deskwire
COPY --from=build /out/deskwire /usr/local/bin/deskwire
COPY deploy/ready /usr/local/bin/deskwire-ready
USER 10001
WORKDIR /var/lib/deskwire
VOLUME /var/lib/deskwire
ENV DESKWIRE_LISTEN=0.0.0.0:7420 DESKWIRE_DATA_DIR=/var/lib/deskwire
EXPOSE 7420
# It drains: give it longer than `gateway.drain_deadline_seconds` before it is killed (`docker stop --time 60`).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["deskwire-ready", "127.0.0.1", "7420"]
ENTRYPOINT ["deskwire"]
CMD ["serve"]
