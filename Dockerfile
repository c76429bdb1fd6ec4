# The image of cartlog: the program on distroless Debian 12, which has glibc and root certificates,
# and neither OpenSSL nor a shell. docs/deployment.md has the commands.
FROM docker.io/library/rust:1.95.0-bookworm AS build
# In place of rust-toolchain.toml, whose components for development are not needed.
ENV RUSTUP_TOOLCHAIN=1.95.0
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
WORKDIR /build
COPY . .
# The empty volume, for the user of the service alone.
RUN install -d -m 700 /volume/data
ARG COMMIT=unknown
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    CARTLOG_COMMIT=$COMMIT cargo build --release --locked --bin cartlog \
    && cp target/release/cartlog /cartlog \
    && cp -L "$(gcc -print-file-name=libgcc_s.so.1)" /libgcc_s.so.1

FROM gcr.io/distroless/base-nossl-debian12:nonroot AS run
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="cartlog" \
      org.opencontainers.image.description="Event-sourced shopping-cart service" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /libgcc_s.so.1 /usr/lib/libgcc_s.so.1
COPY --from=build /cartlog /usr/bin/cartlog
COPY --from=build --chown=65532:65532 /volume/ /
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
