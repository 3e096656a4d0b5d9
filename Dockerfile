# Production image: the app without the embedded database; PostgreSQL comes by LIANBING_DATABASE_URL.
FROM python:3.12-slim AS build
WORKDIR /srv/lianbing
RUN python -m venv /opt/lianbing
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY app ./app
RUN /opt/lianbing/bin/pip install --no-cache-dir -c constraints.txt -e .

FROM python:3.12-slim
ENV PATH=/opt/lianbing/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin lianbing
WORKDIR /srv/lianbing
COPY --from=build /opt/lianbing /opt/lianbing
COPY app ./app
COPY migrations ./migrations
COPY question_bank ./question_bank
COPY alembic.ini pyproject.toml ./
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s \
    CMD ["python", "-c", "import httpx; httpx.get('http://127.0.0.1:8000/health/ready', trust_env=False).raise_for_status()"]
STOPSIGNAL SIGTERM
CMD ["lianbing", "serve", "--host", "0.0.0.0", "--port", "8000"]
