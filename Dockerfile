# The image of analytics_mcp: the program, the libraries that it links, and nothing else. No shell, no root.
#
#   docker build -t analytics_mcp .
#   docker run --rm analytics_mcp --help
#
# Coolify builds it as it is (port 8892, health check below). scripts/deploy.sh builds and runs it by hand.
#
# The base is named by its digest, so that the same compiler and the same glibc are used whenever and wherever it is built. For a
# newer one, in particular a glibc with its security fixes, take the digest that this shows (docs/ANALYTICS_MCP.md, "The image"):
#
#   docker buildx imagetools inspect rust:1.95-slim-bookworm

ARG BASE=rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082
FROM $BASE AS build
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
COPY scripts/sbom.sh scripts/
# What --version and the metrics say.
ARG REVISION=
RUN env ${REVISION:+"ANALYTICS_MCP_REVISION=$REVISION"} cargo build --release --locked

# The file system of the image. glibc resolves host names by itself, once nsswitch.conf tells it how. For scanners: which Debian it
# is, the package data of the libraries, in the place where images without a package manager have them, and the list of all that
# the program is made of.
RUN mkdir -p /image/etc /image/run/secrets /image/usr/share/sbom /image/var/lib/dpkg/status.d \
 && cp target/release/analytics_mcp /image/ \
 && libraries=$(ldd target/release/analytics_mcp | grep -o '/[^ ]*') \
 && cp -L --parents -t /image $libraries \
 && cp -L /etc/os-release /etc/debian_version /image/etc/ \
 && for package in $(dpkg-query --search $libraries | sed 's/: .*//' | sort -u); do \
        dpkg-query --status "$package" > "/image/var/lib/dpkg/status.d/${package%:*}" || exit; \
    done \
 && scripts/sbom.sh $libraries > /image/usr/share/sbom/analytics_mcp.cdx.json \
 && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
 && echo 'analytics_mcp:x:65532:65532::/:/nonexistent' > /image/etc/passwd \
 && echo 'analytics_mcp:x:65532:' > /image/etc/group \
 && chroot /image /analytics_mcp --version

FROM scratch
COPY --from=build /image /
USER 65532:65532
EXPOSE 8892
# TERM gives running calls 6 seconds; QUIT answers all that runs before it leaves, which is what a deploy wants (the label says so).
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
      org.opencontainers.image.source="$SOURCE" \
      analytics_mcp.drain="SIGQUIT" \
      analytics_mcp.sbom="/usr/share/sbom/analytics_mcp.cdx.json"
