"""Real engines as local processes: Kafka, the Milvus server and Redis, for tests, benchmarks and trying things out.

Every engine is a context manager with `start`, `stop`, `kill` and `restart`; a restart has the same ports and data.
Engines die with the process that started them. What is missing on a machine is said by `EngineMissing`.
"""
