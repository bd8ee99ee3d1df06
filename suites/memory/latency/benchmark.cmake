assay_benchmark(memory/latency latency.cpp chase.cpp)
