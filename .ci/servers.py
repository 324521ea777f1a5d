"""Do the servers answer? Says which one does not, and what to do about it."""

import os
import sys

import kombu
import psycopg
import redis


def postgres() -> str:
    url = os.environ["CI_DATABASE_URL"]
    with psycopg.connect(url.rpartition("/")[0] + "/postgres", connect_timeout=5) as server:
        return f"PostgreSQL {server.info.server_version // 10000}"


def cache() -> str:
    info = redis.from_url(os.environ["CI_CACHE_URL"], socket_connect_timeout=5).info("server")
    return f"Redis {info['redis_version']}"


def broker() -> str:
    with kombu.Connection(os.environ["CI_BROKER_URL"], connect_timeout=5) as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
        return f"RabbitMQ {connection.connection.server_properties.get('version', '')}"  # type: ignore[union-attr]


def main() -> int:
    missing = 0
    for name, look in (("CI_DATABASE_URL", postgres), ("CI_CACHE_URL", cache), ("CI_BROKER_URL", broker)):
        try:
            print(f"{look()} answers.")  # noqa: T201
        except Exception as error:
            missing += 1
            print(f"{name}={os.environ[name]} does not answer: {type(error).__name__}: {error}")  # noqa: T201
    if missing:
        print("Start it, give another address, or leave this part out with SKIP_SERVERS=1.")  # noqa: T201
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
