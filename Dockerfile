# docker build -t xinyi .
# .ci/run takes the same steps in a bare folder.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc LICENSE ./
# Node.js 24 is in the image already.
RUN npm ci --omit=dev --omit=optional
COPY src ./src

FROM node:24-bookworm-slim
# Process 1 ignores what it has no handler for; under tini the second signal ends the server, as it does elsewhere.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node -m 0700 /data
COPY --from=build /app /app
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8001 DATA_DIR=/data
# By number: Kubernetes can't tell that a name is not root's.
USER 1000:1000
# Besides /data only /tmp is written to, and it can do without.
VOLUME /data
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "--max-semi-space-size=16", "src/xinyi.js"]
CMD ["serve"]
