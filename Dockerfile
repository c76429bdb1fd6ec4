# The image of cartlog: the program, the libraries that it needs, root certificates, and nothing else.
# docs/deployment.md has the commands.
FROM docker.io/library/rust:1.95.0-bookworm AS build
# In place of rust-toolchain.toml, whose components for development are not needed.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /build
COPY . .
ARG COMMIT=unknown
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    CARTLOG_COMMIT=$COMMIT cargo build --release --locked --bin cartlog \
    && deploy/image/assemble target/release/cartlog /image

FROM scratch AS run
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="cartlog" \
      org.opencontainers.image.description="Event-sourced shopping-cart service" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /image/system/ /
COPY --from=build --chown=65532:65532 /image/volume/ /
# All relative paths of the settings are below /data. An optional configuration file is /config.toml.
WORKDIR /
# Not on loopback, so the service needs CARTLOG_SECURITY__OPERATOR_TOKEN.
ENV CARTLOG_SERVER__BIND=0.0.0.0:8080 \
    CARTLOG_LOGGING__FORMAT=json \
    SQLITE_TMPDIR=/data
USER 65532:65532
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=12s --start-period=60s --retries=3 \
    CMD ["/usr/bin/cartlog", "healthcheck"]
ENTRYPOINT ["/usr/bin/cartlog"]
CMD ["serve"]
