# The image of analytics_mcp: the program, the libraries that it links, and nothing else. No shell, no root.
#
#   docker build -t analytics_mcp .
#   docker run --rm analytics_mcp --help
#
# Coolify builds it as it is (port 8892, health check below). scripts/deploy.sh builds and runs it by hand.

FROM rust:1-slim-bookworm AS build
WORKDIR /build

# The dependencies, in a layer of their own that only another Cargo.toml or Cargo.lock makes anew. Cargo needs something to
# build with them; what it made of that is removed, so that the real source is never taken for already built.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo '//! nothing yet' | tee src/lib.rs > src/main.rs \
 && echo 'fn main() {}' >> src/main.rs \
 && cargo build --release --locked \
 && cd target/release \
 && rm -r /build/src analytics_mcp* libanalytics_mcp* deps/*analytics_mcp* .fingerprint/analytics_mcp*

COPY src src
RUN cargo build --release --locked

# The file system of the image. glibc resolves host names by itself, once nsswitch.conf tells it how.
RUN mkdir -p /image/etc /image/run/secrets \
 && cp target/release/analytics_mcp /image/ \
 && ldd target/release/analytics_mcp | grep -o '/[^ ]*' | xargs cp -L --parents -t /image \
 && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
 && echo 'analytics_mcp:x:65532:65532::/:/nonexistent' > /image/etc/passwd \
 && echo 'analytics_mcp:x:65532:' > /image/etc/group \
 && chroot /image /analytics_mcp --version

FROM scratch
COPY --from=build /image /
USER 65532:65532
EXPOSE 8892
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=3 CMD ["/analytics_mcp", "healthcheck"]
ENTRYPOINT ["/analytics_mcp"]

ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="analytics_mcp" \
      org.opencontainers.image.description="Read-only MCP server over PostgreSQL, for fleet analysts" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"
