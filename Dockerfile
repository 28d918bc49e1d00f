# The image of `billfold`: the binary, the few libraries that it loads, the certificate authorities, and nothing else. No shell, no package manager.
#
#   docker build --tag billfold .
#
# What it runs on is laid out by deploy/image-root.sh, which .ci/image.sh tries in a chroot: that needs no engine.

FROM rust:1.95.0-slim-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
COPY . .
# The registry and what was compiled last time are kept beside the layers: after a change only what has changed is compiled anew.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin billfold && \
    deploy/image-root.sh target/release/billfold /image && \
    mkdir /data

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="billfold" \
      org.opencontainers.image.description="A payment-methods API that a platform runs for its tenants" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image /
# For a SQLite database or the sandbox's state: a volume takes its owner from here.
COPY --from=build --chown=65532:65532 /data /var/lib/billfold
ENV BILLFOLD_LISTEN=0.0.0.0:8080 \
    BILLFOLD_LOG_FORMAT=json
# A file .env is read where it works: mount the settings there.
WORKDIR /etc/billfold
# By number, so that an engine can see that it is not root.
USER 65532:65532
EXPOSE 8080
# As an instance ends on SIGTERM, so does the container. Give it more than BILLFOLD_SHUTDOWN_SECONDS.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=2 CMD ["/usr/local/bin/billfold", "health"]
ENTRYPOINT ["/usr/local/bin/billfold"]
CMD ["serve"]
